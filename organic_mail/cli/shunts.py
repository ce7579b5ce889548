"""`organic-mail shunt`: mail that we could not handle, set aside with its bytes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from organic_mail.cli.output import (
    JsonFlag,
    YesFlag,
    confirm,
    fail,
    open_community,
    print_json,
    print_table,
    visible,
    visible_lines,
)
from organic_mail.cli.words import LARGEST_ID

if TYPE_CHECKING:
    from sqlmodel import Session

    from storage.models_shunts import Shunt

app = typer.Typer(help="Mail that we could not handle, set aside with its bytes.", no_args_is_help=True)

ShuntId = Annotated[int, typer.Argument(max=LARGEST_ID, metavar="ID", help="The number that `shunt ls` shows.")]


@app.command(epilog="Example: organic-mail shunt ls")
def ls(context: typer.Context, json: JsonFlag = False) -> None:
    """Print what was set aside, oldest first. Nothing here is ever deleted by itself."""
    from storage.shunts import shunt_rows

    with open_community(context) as community:
        found = community.database.read(shunt_rows)
    if json:
        print_json(
            [
                {
                    "id": row.shunt.id,
                    "reason": row.shunt.reason,
                    "size": row.size,
                    "received_at": row.shunt.received_at,
                    "envelope_sender": row.shunt.envelope_sender,
                    "recipients": row.shunt.recipients.split(),
                }
                for row in found
            ]
        )
    else:
        print_table(
            ("id", "reason", "size", "received"),
            [(row.shunt.id, row.shunt.reason, row.size, row.shunt.received_at) for row in found],
            empty="Nothing was set aside.",
        )


@app.command(epilog="Example: organic-mail shunt show 2 > 2.eml")
def show(context: typer.Context, shunt_id: ShuntId, json: JsonFlag = False) -> None:
    """Print one message as it came in, byte for byte; why it was set aside goes to the terminal beside it."""
    from storage.contents import read_content

    with open_community(context) as community:
        shunt, raw = community.database.read(
            lambda session: ((found := the_shunt(session, shunt_id)), read_content(session, found.content_id))
        )
    if json:
        print_json(
            {
                "id": shunt.id,
                "reason": shunt.reason,
                "size": len(raw),
                "received_at": shunt.received_at,
                "envelope_sender": shunt.envelope_sender,
                "recipients": shunt.recipients.split(),
                "text": raw.decode("utf-8", "replace"),
            }
        )
        return
    typer.echo(
        f"{visible(shunt.reason)} From <{visible(shunt.envelope_sender)}> to {visible(shunt.recipients)}.", err=True
    )
    if sys.stdout.isatty():
        typer.echo(visible_lines(raw.decode("utf-8", "replace")))
    else:
        sys.stdout.buffer.write(raw)


@app.command(epilog="Example: organic-mail shunt retry 2")
def retry(context: typer.Context, shunt_id: ShuntId) -> None:
    """Handle a message again, as if it came in now, or went out now: after an upgrade that can handle it.
    If we fail at it again, it stays set aside."""
    import asyncio
    from contextlib import closing
    from datetime import UTC, datetime

    from organic_mail.first_readers import first_readers

    with first_readers(wanted=True) as read_first:  # what killed a reader would do the same to us
        from organic_mail.peer_keys import OwnKeys
        from organic_mail.receive import Receiver  # much larger: the readers are forked without it
        from organic_mail.resolver import Resolver
        from organic_mail.shunting import retry_shunt

        with open_community(context) as community:
            dns = Resolver(community.settings.dns.nameservers)
            receiver = Receiver(
                community.database,
                community.settings,
                community.secrets,
                dns=dns,
                read_first=read_first,
                peer_key=OwnKeys(community.home.keys),
            )
            with closing(receiver):
                asyncio.run(retry_shunt(community.database, receiver, shunt_id, now=datetime.now(UTC)))
    typer.echo(f"Message {shunt_id} is handled.")


@app.command(epilog="Example: organic-mail shunt drop 2")
def drop(context: typer.Context, shunt_id: ShuntId, yes: YesFlag = False) -> None:
    """Forget a message that was set aside. Its bytes are gone then; to keep them: `shunt show ID > FILE` first."""
    from storage.shunts import drop_shunt

    with open_community(context) as community:
        shunt = community.database.read(lambda session: the_shunt(session, shunt_id))
        confirm(f"Forget message {shunt_id} ({visible(shunt.reason)})?", yes=yes)
        community.database.write(lambda session: drop_shunt(session, shunt_id))
    typer.echo(f"Message {shunt_id} is forgotten.")


def the_shunt(session: Session, shunt_id: int) -> Shunt:
    from storage.shunts import shunt_by_id

    shunt = shunt_by_id(session, shunt_id)
    if shunt is None:
        fail(f"nothing set aside has the number {shunt_id}; see what there is: organic-mail shunt ls")
    return shunt
