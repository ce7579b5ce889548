"""`organic-mail member import` and `member export`: many persons at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from organic_mail.cli.output import JsonFlag, fail, open_community, print_json, progress, visible
from organic_mail.cli.words import ListName, the_list

if TYPE_CHECKING:
    from sqlmodel import Session

    from organic_mail.home import Opened
    from organic_mail.member_csv import MemberFile, Row, Skipped
    from storage.models import MailingList

AT_ONCE = 100
"""Rows in one transaction: few enough that the daemon hardly waits, and a crash leaves whole rows."""
LARGEST_FILE = 50 * 10**6


class _Undo(Exception):
    """A dry run takes its writes back with it; this carries out what it found."""

    def __init__(self, refused: dict[int, str]) -> None:
        self.refused = refused


def add_to(app: typer.Typer) -> None:
    """These commands belong to `member`."""
    app.command("import", epilog="Example: organic-mail member import family members.csv --dry-run")(import_members)
    app.command("export", epilog="Example: organic-mail member export family > family.csv")(export_members)


def import_members(
    context: typer.Context,
    name: ListName,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A CSV file, or one person a line.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, only say what would be.")] = False,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="All of them said yes already: add them at once, and welcome them.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Invite everybody in a file. The columns are name, address, delivery, role, language and timezone, by their names
    in the first row; all but the address may be missing. Lines out of a mail program do too:
    Mary Goose <mary@example.org> digest. Rows that are not understood, and who is on the list already, are named with
    the reason; they stop nobody else. It can be run again: nobody is added or written to twice."""
    from organic_mail.member_csv import Skipped, read

    found = read(_content_of(file))
    if not found.rows and not found.skipped:
        fail(f"{file} holds nobody; write one person a line: Mary Goose <mary@example.org>")
    with open_community(context) as community, progress("Members", len(found.rows)) as step:
        refused = _take(community, name, found.rows, confirmed=confirmed, dry_run=dry_run, step=step)
    texts = {row.number: f"{row.name} <{row.address}>" for row in found.rows}
    skipped = found.skipped + [Skipped(number, texts[number], reason) for number, reason in refused.items()]
    _report(name, found, sorted(skipped, key=lambda row: row.number), confirmed, dry_run, json)


def export_members(context: typer.Context, name: ListName) -> None:
    """Print who is on a list as a CSV file, one that `member import` takes back. Who has not answered the invitation
    is left out."""
    from handlers.facts import id_of
    from organic_mail.member_csv import written
    from storage.members import people_of
    from storage.models import Status

    def rows(session: Session) -> list[dict[str, str]]:
        people = people_of(session, id_of(the_list(session, name)), statuses=(Status.ACTIVE, Status.PAUSED))
        return [
            {
                "name": person.member.name,
                "address": person.address,
                "delivery": person.membership.delivery.value,
                "role": person.membership.role.value,
                "language": person.member.language,
                "timezone": person.member.timezone,
            }
            for person in people
        ]

    with open_community(context) as community:
        typer.echo(written(community.database.read(rows)), nl=False)


def _content_of(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST_FILE:
            fail(f"{file} is larger than {LARGEST_FILE // 10**6} MB; is it a list of members? Cut it into pieces")
        return file.read_bytes()
    except OSError as fault:
        fail(f"{file} cannot be read ({fault.strerror}); give the path of a CSV file")


def _take(
    community: Opened,
    name: str,
    rows: Sequence[Row],
    *,
    confirmed: bool,
    dry_run: bool,
    step: Callable[[], None],
) -> dict[int, str]:
    """Admit the rows, some in each transaction. Returns the number of each that was refused, with the reason."""
    community.database.read(lambda session: the_list(session, name))
    refused: dict[int, str] = {}
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]

        def write(session: Session, some: Sequence[Row] = some) -> dict[int, str]:
            mailing_list = the_list(session, name)
            reasons = {row.number: _admitted(session, community, mailing_list, row, confirmed) for row in some}
            refused_here = {number: reason for number, reason in reasons.items() if reason}
            if dry_run:
                raise _Undo(refused_here)
            return refused_here

        try:
            refused |= community.database.write(write)
        except _Undo as undone:
            refused |= undone.refused
        for _ in some:
            step()
    return refused


def _admitted(session: Session, community: Opened, mailing_list: MailingList, row: Row, confirmed: bool) -> str:
    """ "" when the person is added or invited, else why not."""
    from handlers.address import Mailbox
    from handlers.route import in_domain
    from organic_mail.cli.admitting import admit, is_invited
    from organic_mail.joining import AlreadyMember, Banned, Newcomer
    from storage.models import Role

    if in_domain(row.address, community.settings.community.domain):
        return "an address of this server; give the one where she reads her mail"
    if not confirmed and is_invited(session, mailing_list, row.address):
        return "was invited before and has not answered yet"
    newcomer = Newcomer(
        Mailbox(row.name, row.address), row.delivery, row.role or Role.MEMBER, row.language, row.timezone
    )
    try:
        admit(session, community, mailing_list, newcomer, confirmed=confirmed)
    except AlreadyMember:
        return f"is on {mailing_list.name} already"
    except Banned:
        return f"is banned from {mailing_list.name}"
    return ""


def _report(
    name: str, found: MemberFile, skipped: Sequence[Skipped], confirmed: bool, dry_run: bool, json: bool
) -> None:
    count = len(found.rows) + len(found.skipped) - len(skipped)
    if json:
        document: dict[str, Any] = {
            "list": name,
            "dry_run": dry_run,
            "added": count if confirmed else 0,
            "invited": 0 if confirmed else count,
            "skipped": [{"row": row.number, "text": row.text, "reason": row.reason} for row in skipped],
            "ignored_columns": found.ignored_columns,
        }
        print_json(document)
        return
    for row in skipped:
        typer.echo(f"row {row.number} skipped: {visible(row.reason)} ({visible(row.text)})")
    if found.ignored_columns:
        typer.echo(f"columns left out: {visible(', '.join(found.ignored_columns))}")
    done = f"{'added to' if confirmed else 'invited to'} {name}, {len(skipped)} skipped."
    typer.echo(f"{count} would be {done} Nothing changed." if dry_run else f"{count} {done}")
