"""`organic-mail notice`: the mail that the server writes itself, as people get it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from organic_mail.cli.output import JsonFlag, fail, print_json, print_table

if TYPE_CHECKING:
    from handlers.notice import NoticeKind

app = typer.Typer(help="The mail that the server writes itself, in every language.", no_args_is_help=True)

Language = Annotated[str, typer.Option(metavar="xx", help="Of the reader.")]


@app.command("ls", epilog="Example: organic-mail notice ls --language de")
def list_notices(language: Language = "en", json: JsonFlag = False) -> None:
    """Print what is written to people, and in which languages."""
    from handlers.notice import NoticeKind
    from handlers.notice_preview import previews

    found = [
        {
            "name": kind.value,
            "subject": previews(kind, language)[0]["Subject"],
            "examples": len(previews(kind, language)),
            "languages": _languages(kind),
        }
        for kind in NoticeKind
    ]
    if json:
        print_json(found)
    else:
        columns = ("name", "subject", "languages")
        rows = [[each["name"], each["subject"], " ".join(each["languages"])] for each in found]
        print_table(columns, rows, empty="")


@app.command(epilog="Example: organic-mail notice preview invitation --language de --html invitation.html")
def preview(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One that `notice ls` shows.")],
    language: Language = "en",
    every: Annotated[bool, typer.Option("--all", help="In all its shapes, not only the first.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write what she would see to this file.")] = None,
) -> None:
    """Print one notice with example values, as it would be sent. Nothing is sent, and no community is needed."""
    from handlers.catalogue import languages, spoken
    from handlers.notice_preview import previews, text_in

    kind = _kind(name)
    if spoken(language) != language.lower().partition("-")[0]:
        fail(f'there are no words in "{language}"; there are: {", ".join(languages())}')
    mails = previews(kind, language)
    if html is not None:
        html.write_text(text_in(mails[0], "html"), encoding="utf-8")
        typer.echo(f"{html} has the notice. Open it in a browser.")
        return
    for number, mail in enumerate(mails if every else mails[:1]):
        typer.echo("\n" if number else "", nl=False)
        for field in ("From", "To", "Reply-To", "Subject"):
            typer.secho(f"{field}: {mail[field]}", bold=field == "Subject")
        typer.echo(f"\n{text_in(mail, 'plain')}", nl=False)


def _kind(name: str) -> NoticeKind:
    from handlers.notice import NoticeKind
    from organic_mail.config_values import nearest

    names = [kind.value for kind in NoticeKind]
    wanted = name.lower().replace("-", "_")
    if wanted not in names:
        near = nearest(wanted, names)
        fail(f'there is no notice "{name}"; {f"did you mean {near}? " if near else ""}there are: {", ".join(names)}')
    return NoticeKind(wanted)


def _languages(kind: NoticeKind) -> list[str]:
    """In which the whole notice has words."""
    from handlers.catalogue import languages
    from handlers.notice_preview import previews

    return [each for each in languages() if all(mail["Content-Language"] == each for mail in previews(kind, each))]
