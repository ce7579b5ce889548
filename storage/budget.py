"""How many mails the one mailbox may still send: no more than so many in any 24 hours, as providers count."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, TextClause, func, not_, or_, select, text, update
from sqlmodel import Session

from storage.events import record
from storage.models import DeliveryState
from storage.queue import DUE, SENDING, SETTLED
from storage.tables import delivery

DAY = timedelta(hours=24)
KEPT_FOR_LETTERS = 10
"""One in so many is kept for letters of our own, so that who joins or leaves need not wait behind posts."""
PROBE = "plus:"
"""How the cause of the one letter begins that the mailbox writes to itself; it counts for nothing."""

_COUNTS = or_(delivery.c.cause.is_(None), not_(delivery.c.cause.startswith(PROBE, autoescape=True)))
_SENT = (SETTLED, delivery.c.state == DeliveryState.SENT, _COUNTS)


def sent_in_a_day(session: Session, now: datetime) -> int:
    """How many mails went out in the last 24 hours."""
    return _sent_since(session, now - DAY)[0]


def allowance(session: Session, now: datetime, *, budget: int) -> int:
    """How many deliveries may be claimed now. What is due beyond that waits, with a note, until there is room again.

    All lists get their share, the oldest of each first.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":  # several daemons share one budget
        connection.execute(text("LOCK TABLE own_mailbox IN EXCLUSIVE MODE"))
    sent, oldest = _sent_since(session, now - DAY)
    sending = connection.execute(select(func.count()).select_from(delivery).where(SENDING, _COUNTS)).scalar_one()
    room = max(0, budget - sent - sending)
    later = max((oldest or now) + DAY, now + timedelta(minutes=1))
    posts = _put_off(session, now, later, budget, max(0, room - budget // KEPT_FOR_LETTERS), only_posts=True)
    waiting = posts + _put_off(session, now, later, budget, room, only_posts=False)
    if waiting:
        text_of_day = f"{waiting} mails wait until {later:%Y-%m-%d %H:%M} UTC: {_note(budget)}."
        record(session, "deferred", text_of_day, now=now)
    return room


def _note(budget: int) -> str:
    return f"the mailbox sends at most {budget} mails a day"


def _sent_since(session: Session, since: datetime) -> tuple[int, datetime | None]:
    query = select(func.count(), func.min(delivery.c.settled_at)).where(*_SENT, delivery.c.settled_at > since)
    count, oldest = session.connection().execute(query).one()
    return count, oldest


def _put_off(session: Session, now: datetime, later: datetime, budget: int, room: int, *, only_posts: bool) -> int:
    """Put off what is due beyond `room`. Returns how many."""
    due: list[ColumnElement[bool] | TextClause] = [DUE, delivery.c.due_at <= now, _COUNTS]
    if only_posts:
        due.append(delivery.c.post_id.is_not(None))
    connection = session.connection()
    if connection.execute(select(func.count()).select_from(delivery).where(*due)).scalar_one() <= room:
        return 0
    turn = func.row_number().over(partition_by=delivery.c.list_id, order_by=(delivery.c.created_at, delivery.c.id))
    waiting = select(delivery.c.id, turn.label("turn")).where(*due).subquery()
    first = select(waiting.c.id).order_by(waiting.c.turn, waiting.c.id).limit(room)
    put_off = (
        update(delivery)
        .where(*due, delivery.c.id.not_in(first))
        .values(state=DeliveryState.DEFERRED, due_at=later, last_reply=f"waits until there is room: {_note(budget)}")
    )
    return connection.execute(put_off).rowcount
