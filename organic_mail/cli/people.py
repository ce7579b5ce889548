"""`organic-mail export member` and `organic-mail forget`: all that is kept about one person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from organic_mail.cli.output import YesFlag, confirm, fail, open_community, visible
from organic_mail.cli.words import the_member

if TYPE_CHECKING:
    from sqlmodel import Session

exports = typer.Typer(help="What is kept, out into files.", no_args_is_help=True)

MemberAddress = Annotated[str, typer.Argument(metavar="ADDRESS", help="One of the member's addresses, or the alias.")]


def add_to(app: typer.Typer) -> None:
    app.add_typer(exports, name="export")
    app.command(epilog="Example: organic-mail forget rose@example.org")(forget)


@exports.command("member", epilog="Example: organic-mail export member rose@example.org rose.zip")
def export_member(
    context: typer.Context,
    address: MemberAddress,
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="Where to write it; it must not be there yet.")],
) -> None:
    """Write everything that is kept about one person into one file: all rows as JSON, and her emails as she wrote
    them. It is what she gets herself when she writes "my data"."""
    import os
    import tempfile

    from organic_mail.notices import host_of
    from organic_mail.own_data import write_archive

    if file.exists():
        fail(f"{file} is there already; name another file")
    with open_community(context) as community:
        host = host_of(community.settings, community.secrets, community.database)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}-") as unfinished:  # mode 0600

            def write(session: Session) -> str:
                member = the_member(session, address, host.domain)
                write_archive(session, host, member, unfinished.file)
                return member.name or member.alias

            name = community.database.read(write)
            unfinished.flush()
            os.link(unfinished.name, file)
    typer.echo(f"{file} holds what is kept about {visible(name)}. It is for her alone.")


def forget(context: typer.Context, address: MemberAddress, yes: YesFlag = False) -> None:
    """Erase one person: she leaves all lists, and her name, addresses, alias, hearts, private mail and the words of
    her posts go, out of the log too. What others wrote, and copies that were delivered, stay. So do bans; and backups
    have her as long as you keep them."""
    from datetime import UTC, datetime

    from handlers.facts import id_of
    from organic_mail.forgetting import forget as forget_member
    from organic_mail.forgetting import sweep
    from organic_mail.notices import host_of
    from organic_mail.peer_keys import OwnKeys
    from storage.events import record
    from storage.own_data import rows_of

    with open_community(context) as community:
        host = host_of(community.settings, community.secrets, community.database, OwnKeys(community.home.keys))

        def found(session: Session) -> tuple[int, str, int, int]:
            member = the_member(session, address, host.domain)
            rows = rows_of(session, id_of(member))
            posts, lists = (len(rows.get(table, [])) for table in ("post", "membership"))
            return id_of(member), member.name or member.alias, posts, lists

        member_id, name, posts, lists = community.database.read(found)
        confirm(f"Erase {visible(name)}, with posts: {posts}, lists: {lists}? Nothing brings it back.", yes=yes)
        now = datetime.now(UTC)

        def write(session: Session) -> None:
            forget_member(session, host, member_id, now)
            record(session, "forgotten", "A member was forgotten, as the operator said.", now=now)

        community.database.write(write)
        sweep(community.database, now)
    typer.echo("Done. Backups that you have made still hold it: delete them, or let them grow old.")
