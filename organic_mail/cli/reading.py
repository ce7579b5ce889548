"""A message as a person reads it: what its author wrote, and what came with it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import typer

from organic_mail.cli.output import visible, visible_lines


def as_read(raw: bytes, *, original: str | None = None, whole: bool = False) -> dict[str, Any]:
    """`text`, `hidden` (a quote or a signature was cut) and `attachments` of a message.

    original: the text that was answered, where it is known. whole: nothing is cut.
    """
    from handlers.message import parse
    from handlers.mime import attachments
    from handlers.written import Written, whole_text_of, written_of

    written = Written(whole_text_of(raw), hidden=False) if whole else written_of(raw, original=original)
    return {
        "text": written.text,
        "hidden": written.hidden,
        "attachments": [{"name": each.name, "type": each.type, "size": each.size} for each in attachments(parse(raw))],
    }


def print_as_read(found: dict[str, Any], *, whole: str = "") -> None:
    """whole: the command that shows what is hidden, too."""
    typer.echo(visible_lines(found["text"]))
    if found["hidden"] and whole:
        typer.secho(f"[A quote or a signature is hidden; to see it: {whole}]", dim=True)
    for attachment in found["attachments"]:
        typer.echo(f"[{visible(attachment['name'])}, {visible(attachment['type'])}, {attachment['size']:,} bytes]")


def local_time(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
