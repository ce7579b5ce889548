"""A message as a person reads it: what its author wrote, and what came with it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import typer

from organic_mail.cli.output import visible, visible_lines


def as_read(raw: bytes, *, original: str | None = None) -> dict[str, Any]:
    """`text` and `attachments` of a message. original: the text that was answered, where it is known."""
    from handlers.message import parse
    from handlers.mime import attachments
    from handlers.written import written_text_of

    return {
        "text": written_text_of(raw, original=original),
        "attachments": [{"name": each.name, "type": each.type, "size": each.size} for each in attachments(parse(raw))],
    }


def print_as_read(found: dict[str, Any]) -> None:
    typer.echo(visible_lines(found["text"]))
    for attachment in found["attachments"]:
        typer.echo(f"[{visible(attachment['name'])}, {visible(attachment['type'])}, {attachment['size']:,} bytes]")


def local_time(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
