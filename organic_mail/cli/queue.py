"""`organic-mail queue`: what is on its way out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from organic_mail.cli.output import JsonFlag, YesFlag, confirm, fail, open_community, print_json, print_table
from organic_mail.cli.words import LARGEST_ID

if TYPE_CHECKING:
    from sqlmodel import Session

    from storage.models import DeliveryState
    from storage.queue import QueueRow

app = typer.Typer(help="What is on its way out, and what did not arrive.", no_args_is_help=True)

State = Literal["due", "sending", "sent", "deferred", "failed", "held"]
PAGE = 1000


@app.command(epilog="Example: organic-mail queue ls --state deferred")
def ls(
    context: typer.Context,
    state: Annotated[State | None, typer.Option(help="Only these. [default: all but the sent ones]")] = None,
    json: JsonFlag = False,
) -> None:
    """Print the deliveries, one for each message and recipient: due (waits its turn), sending, sent, deferred (tried,
    and tried again at the time shown), failed (given up), held (waits for you). What was sent long ago is forgotten."""
    from storage.models import DeliveryState

    wanted = DeliveryState(state) if state else None
    with open_community(context) as community:
        found = community.database.read(lambda session: list(_rows(session, wanted)))
    if json:
        print_json(
            [
                {
                    "id": row.id,
                    "list": row.list_name,
                    "recipient": row.recipient,
                    "state": row.state.value,
                    "attempts": row.attempts,
                    "due_at": row.due_at,
                    "last_reply": row.last_reply,
                    "post": row.post_id,
                }
                for row in found
            ]
        )
    else:
        print_table(
            ("id", "list", "recipient", "state", "attempts", "due", "last reply"),
            [
                (row.id, row.list_name, row.recipient, row.state.value, row.attempts, row.due_at, row.last_reply)
                for row in found
            ],
            empty="Nothing waits.",
        )


@app.command(epilog="Example: organic-mail queue retry --all")
def retry(
    context: typer.Context,
    ids: Annotated[
        list[int] | None,
        typer.Argument(max=LARGEST_ID, metavar="[ID]…", help="The numbers that `queue ls` shows.", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that wait, failed or are held.")] = False,
) -> None:
    """Try deliveries again now instead of later; failed ones too. With --all also what waits for other servers,
    and what a daemon on this machine was sending when it died."""
    from datetime import UTC, datetime

    from organic_mail.claimant import is_alive, this_host
    from storage import queue, relays

    if bool(ids) == everything:
        raise typer.BadParameter("give the numbers of deliveries, or --all")
    now = datetime.now(UTC)

    def make_due(session: Session) -> int:
        if ids:
            _all_found(ids, queue.retry(session, ids, now=now), "waits or failed")
            return len(ids)
        queue.take_back(session, host=this_host(), alive=is_alive, now=now)
        return len(queue.retry(session, None, now=now)) + relays.make_all_due(session, now)

    with open_community(context) as community:
        count = community.database.write(make_due)
    typer.echo(f"{count} {'delivery is' if count == 1 else 'deliveries are'} due now.")


@app.command(epilog="Example: organic-mail queue drop 17 18")
def drop(
    context: typer.Context,
    ids: Annotated[list[int], typer.Argument(max=LARGEST_ID, metavar="ID…", help="The numbers that `queue ls` shows.")],
    yes: YesFlag = False,
) -> None:
    """Give deliveries up: these recipients never get these messages. What was sent, or is being sent
    just now, stays."""
    from storage import queue

    with open_community(context) as community:
        confirm(f"Drop {len(ids)} {'delivery' if len(ids) == 1 else 'deliveries'} for good?", yes=yes)
        community.database.write(lambda session: _all_found(ids, queue.drop(session, ids), "can be dropped"))
    typer.echo(f"Dropped: {', '.join(map(str, ids))}.")


def _rows(session: Session, state: DeliveryState | None) -> Iterator[QueueRow]:
    from storage.queue import queue_rows

    after = 0
    while page := queue_rows(session, state=state, limit=PAGE, after_id=after):
        yield from page
        after = page[-1].id


def _all_found(wanted: list[int], found: list[int], what: str) -> None:
    if missing := sorted(set(wanted) - set(found)):
        numbers = ", ".join(map(str, missing))
        fail(f"no delivery {numbers} {what}; nothing changed; see which there are: organic-mail queue ls")
