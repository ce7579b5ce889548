"""`organic-mail ban`: addresses that may neither write nor join."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from organic_mail.cli.output import JsonFlag, fail, open_community, print_json, print_table, visible
from organic_mail.cli.words import the_list

if TYPE_CHECKING:
    from sqlmodel import Session

app = typer.Typer(help="Addresses that may neither write nor join.", no_args_is_help=True)

Pattern = Annotated[
    str,
    typer.Argument(metavar="PATTERN", help='An address, or a pattern in which "*" stands for anything.'),
]
OfList = Annotated[str, typer.Option("--list", metavar="LIST", help="For this list alone. [default: all lists]")]


@app.command(epilog='Example: organic-mail ban add "*@elm.example" --list family')
def add(context: typer.Context, pattern: Pattern, name: OfList = "") -> None:
    """Take nothing more from an address, or from all that fit a pattern: posts and private mail are refused, and who
    asks to join hears nothing. Who is on the list goes on getting its mail: see `member remove`."""
    from datetime import UTC, datetime

    from storage.bans import add_ban

    kept = _read(pattern)
    with open_community(context) as community:
        added = community.database.write(
            lambda session: add_ban(session, pattern=kept, list_id=_list_id(session, name), now=datetime.now(UTC))
        )
    where = name or "all lists"
    typer.echo(f"{visible(kept)} is banned from {where}{'' if added else ', as before'}.")


@app.command(epilog="Example: organic-mail ban ls --json")
def ls(context: typer.Context, json: JsonFlag = False) -> None:
    """Print who is banned: from all lists first, then list by list."""
    from storage.bans import all_bans

    with open_community(context) as community:
        found = [
            {"pattern": each.pattern, "list": name, "since": each.created_at}
            for each, name in community.database.read(all_bans)
        ]
    if json:
        print_json(found)
    else:
        rows = [[each["pattern"], each["list"] or "all lists", each["since"]] for each in found]
        print_table(("pattern", "list", "since"), rows, empty="Nobody is banned.")


@app.command(epilog='Example: organic-mail ban remove "*@elm.example" --list family')
def remove(context: typer.Context, pattern: Pattern, name: OfList = "") -> None:
    """Take mail from these addresses again, as from everybody else."""
    from storage.bans import remove_ban

    kept = _read(pattern)
    with open_community(context) as community:
        removed = community.database.write(
            lambda session: remove_ban(session, pattern=kept, list_id=_list_id(session, name))
        )
    where = name or "all lists"
    if not removed:
        fail(f"{kept} is not banned from {where}; see who is: organic-mail ban ls")
    typer.echo(f"{visible(kept)} is banned from {where} no longer.")


def _read(pattern: str) -> str:
    from handlers.address import AddressProblem
    from handlers.ban import ban_pattern

    try:
        return ban_pattern(pattern)
    except AddressProblem as problem:
        fail(str(problem))


def _list_id(session: Session, name: str) -> int | None:
    from handlers.facts import id_of

    return id_of(the_list(session, name)) if name else None
