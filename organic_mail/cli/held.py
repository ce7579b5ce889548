"""`organic-mail held`: mail that waits for a person to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

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
)
from organic_mail.cli.reading import as_read, local_time, print_as_read
from organic_mail.cli.words import LARGEST_ID

if TYPE_CHECKING:
    from sqlmodel import Session

    from storage.models import HeldPost

app = typer.Typer(help="Mail that waits for a person to decide.", no_args_is_help=True)

HeldId = Annotated[int, typer.Argument(max=LARGEST_ID, metavar="ID", help="The number that `held ls` shows.")]


@app.command(epilog="Example: organic-mail held ls")
def ls(context: typer.Context, json: JsonFlag = False) -> None:
    """Print what waits, oldest first, each with the reason."""
    from storage.held import waiting

    with open_community(context) as community:
        found = [_described(held, list_name) for held, list_name in community.database.read(waiting)]
    if json:
        print_json(found)
    else:
        columns = ("id", "list", "author", "subject", "reason", "received_at")
        print_table(columns, [[each[column] for column in columns] for each in found], empty="Nothing waits for you.")


@app.command(epilog="Example: organic-mail held show 3")
def show(
    context: typer.Context,
    held_id: HeldId,
    whole: Annotated[bool, typer.Option("--whole", help="Show quotes and signatures, too.")] = False,
    json: JsonFlag = False,
) -> None:
    """Print one message that waits: who wrote what, to which address, and why it waits."""
    from storage.contents import read_content
    from storage.lists import list_by_id

    def described(session: Session) -> dict[str, Any]:
        held = _waiting(session, held_id)
        mailing_list = list_by_id(session, held.list_id) if held.list_id else None
        return {
            **_described(held, mailing_list.name if mailing_list else ""),
            "recipient": held.recipient,
            "envelope_sender": held.envelope_sender,
            **as_read(read_content(session, held.content_id), whole=whole),
        }

    with open_community(context) as community:
        found = community.database.read(described)
    if json:
        print_json(found)
        return
    typer.secho(visible(found["subject"]), bold=True)
    typer.echo(f"{visible(found['author'])} to {visible(found['recipient'])}, {local_time(found['received_at'])}")
    typer.secho(visible(found["reason"]), fg="yellow")
    typer.echo()
    print_as_read(found, whole=f"organic-mail held show {held_id} --whole")


@app.command(epilog="Example: organic-mail held approve 3")
def approve(context: typer.Context, held_id: HeldId) -> None:
    """Let a message go out to everybody on the list, under its own name and date; let in who asks to join."""
    from datetime import UTC, datetime

    from organic_mail.moderation import approve_held
    from organic_mail.notices import host_of

    with open_community(context) as community:
        host = host_of(community.settings, community.secrets, community.database)
        post = community.database.write(lambda session: approve_held(session, host, held_id, now=datetime.now(UTC)))
    typer.echo(f"Message {held_id} goes out as post {post.id}." if post else f"Message {held_id} is answered with yes.")


@app.command(epilog='Example: organic-mail held reject 3 --reason "We keep selling for the market list."')
def reject(
    context: typer.Context,
    held_id: HeldId,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Goes into the letter, word for word.")] = "",
) -> None:
    """Keep a message back, and write to its author, if that is a member: strangers are never written to."""
    from datetime import UTC, datetime

    from organic_mail.moderation import reject_held
    from organic_mail.notices import host_of

    with open_community(context) as community:
        host = host_of(community.settings, community.secrets, community.database)
        community.database.write(
            lambda session: reject_held(session, host, held_id, now=datetime.now(UTC), reason=reason)
        )
    typer.echo(f"Message {held_id} is kept back.")


@app.command(epilog="Example: organic-mail held discard 3")
def discard(context: typer.Context, held_id: HeldId, yes: YesFlag = False) -> None:
    """Keep a message back and tell nobody."""
    from datetime import UTC, datetime

    from organic_mail.moderation import discard_held

    with open_community(context) as community:
        held = community.database.read(lambda session: _waiting(session, held_id))
        confirm(f'Discard "{visible(held.subject)}" by {visible(held.author)}?', yes=yes)
        community.database.write(lambda session: discard_held(session, held_id, now=datetime.now(UTC)))
    typer.echo(f"Message {held_id} is discarded.")


def _waiting(session: Session, held_id: int) -> HeldPost:
    from storage.held import held_by_id
    from storage.models import HeldState

    held = held_by_id(session, held_id)
    if held is None:
        fail(f"there is no held message {held_id}; see which wait: organic-mail held ls")
    if held.state != HeldState.WAITING:
        fail(f"message {held_id} was {held.state.value} already; see which still wait: organic-mail held ls")
    return held


def _described(held: HeldPost, list_name: str) -> dict[str, Any]:
    return {
        "id": held.id,
        "list": list_name,
        "author": held.author,
        "subject": held.subject,
        "reason": held.reason,
        "received_at": held.received_at,
    }
