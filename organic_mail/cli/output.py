"""What all commands share: which HOME, how to print, how to ask, how to fail.

Nothing heavy is imported here, nor at the top of any module of the command line: `organic-mail --help` has to be quick.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from organic_mail.problem import Problem

if TYPE_CHECKING:
    from organic_mail.home import Opened

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document, nothing else.")]
YesFlag = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]


def default_home() -> Path:
    return Path("/var/lib/organic-mail" if os.geteuid() == 0 else "~/.local/share/organic-mail").expanduser()


def home_path(context: typer.Context) -> Path:
    """The folder of --home, of ORGANIC_MAIL_HOME, or the default."""
    chosen = context.find_root().params.get("home")
    return Path(chosen) if chosen else default_home()


@contextlib.contextmanager
def open_community(context: typer.Context) -> Iterator[Opened]:
    """The community that the command is about; closed at the end of the `with`."""
    from organic_mail.home import open_home

    with open_home(home_path(context)) as opened:
        yield opened


def fail(cure: str) -> NoReturn:
    """Ends the command: `error: …`, exit 1. The line says what is wrong and names the cure."""
    raise Problem(" ".join(cure.splitlines()))  # what was typed may have held line breaks


def confirm(question: str, *, yes: bool) -> None:
    """Goes on only when the operator says yes. `question` ends with a question mark."""
    if yes:
        return
    typer.echo(f"{question} [y/N]: ", nl=False, err=True)  # typer.confirm would leave a blank on stdout
    answer = sys.stdin.readline()
    if not answer or not sys.stdin.isatty():  # nobody pressed Enter on the screen
        typer.echo(err=True)
    if not answer:  # nobody is there
        fail("nothing changed; to do it without being asked, add --yes")
    if answer.strip().casefold() not in {"y", "yes"}:
        fail("nothing changed")


def visible(text: object) -> str:
    """Text of other people's for a terminal: control characters are shown, never obeyed."""
    return "".join(
        character if character.isprintable() else f"\\x{ord(character):02x}" if ord(character) < 256 else "\ufffd"
        for character in str(text)
    )


def visible_lines(text: str) -> str:
    """Like `visible`, for a text of several lines."""
    return "\n".join(visible(line.replace("\t", "    ")) for line in text.splitlines())


def print_json(document: Any) -> None:
    """The answer to --json. Moments become ISO 8601 text."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """A table on a terminal; columns with a tab between them when piped. `empty` is said when there are no rows."""
    cells = [[_cell(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cells:
            typer.echo("\t".join(row))
        return
    if not cells:
        typer.echo(empty)
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for row in cells:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    Console().print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return visible(f"{value.astimezone():%Y-%m-%d %H:%M}" if isinstance(value, datetime) else value)


@contextlib.contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal, nothing when piped. Gives the function to call after each step."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        steps = bar.add_task(label, total=total)
        yield lambda: bar.advance(steps)
