"""The queue: one row for one message to one recipient.

due -> sending (claimed, with a lease) -> sent | deferred (due again later) | failed. held: set aside by the operator.
A row whose lease has run out is due again; the attempt stays counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    TextClause,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    null,
    select,
    text,
    update,
)
from sqlmodel import Session

from storage.contents import store_content
from storage.models import DeliveryState
from storage.tables import delivery, mailing_list

# Written out, not as parameters: only so does SQLite see that the partial index of these rows will do.
DUE = text("state IN ('due', 'deferred')")
SENDING = text("state = 'sending'")
HELD = text("state = 'held'")
SETTLED = text("settled_at IS NOT NULL")
UNFINISHED = text("state NOT IN ('sent', 'failed')")


@dataclass(frozen=True, slots=True)
class Claimed:
    """One delivery that is ours until the lease runs out."""

    id: int
    post_id: int | None  # None: a notice
    content_id: int
    list_id: int | None
    member_id: int | None
    membership_id: int | None
    thread_id: int | None
    recipient: str
    language: str
    attempts: int  # this one is counted
    created_at: datetime
    leave_token: str  # "" where there is none
    expires_at: datetime | None = None  # it is of no use later; None: as long as posts are
    letter_id: int | None = None
    letter_message_id: str = ""  # the one that her letter has, with its angle brackets
    reader_name: str = ""  # of a letter
    private_id: int | None = None  # of mail to one member alone
    through: str = ""  # the list that she is on, when the post came to one that has it as a member


@dataclass(frozen=True, slots=True)
class Settled:
    """The result of one attempt. state: SENT, FAILED or DEFERRED; due_at: only for DEFERRED, when to try again."""

    id: int
    state: DeliveryState
    last_reply: str
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One row of `queue ls`."""

    id: int
    list_name: str  # "" for a notice without a list
    recipient: str
    state: DeliveryState
    attempts: int
    due_at: datetime
    last_reply: str
    post_id: int | None
    content_id: int
    created_at: datetime


_EXPIRED = (
    update(delivery)
    .where(SENDING, delivery.c.lease_until < bindparam("now"))
    .values(state=DeliveryState.DUE, lease_until=null(), claimed_by=null())
)
_NEXT = (
    select(delivery.c.id)
    .where(DUE, delivery.c.due_at <= bindparam("now"))
    .order_by(delivery.c.due_at, delivery.c.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)  # said to PostgreSQL only
    .cte("next")
)
# As text, because SQLAlchemy leaves out the tables' names behind RETURNING, and then it would be anybody's token.
_THREAD = "(SELECT p.thread_id FROM post AS p WHERE p.id = delivery.post_id)"
_LEAVE = """(
    SELECT coalesce(min(t.token), '') FROM action_token AS t
    WHERE t.membership_id = delivery.membership_id AND t.action = 'leave'
)"""
_LETTER_MESSAGE_ID = "(SELECT coalesce(min(l.message_id), '') FROM letter AS l WHERE l.id = delivery.letter_id)"
# By way of the letter: behind RETURNING, SQLite 3.40 takes a column with an index WHERE … IS NOT NULL for never null.
_READER_NAME = """(
    SELECT coalesce(nullif(min(m.name), ''), min(m.alias), '')
    FROM letter AS l JOIN membership AS s ON s.id = l.membership_id JOIN member AS m ON m.id = s.member_id
    WHERE l.id = delivery.letter_id
)"""
_THROUGH = """(
    SELECT coalesce(min(l.name), '') FROM membership AS s JOIN mailing_list AS l ON l.id = s.list_id
    WHERE s.id = delivery.membership_id AND s.list_id <> delivery.list_id
)"""
_CLAIM = (
    update(delivery)
    .where(delivery.c.id.in_(select(_NEXT.c.id)))
    .values(
        state=DeliveryState.SENDING,
        attempts=delivery.c.attempts + 1,
        lease_until=bindparam("lease_until"),
        claimed_by=bindparam("who"),
    )
    .returning(
        delivery.c.id,
        delivery.c.post_id,
        delivery.c.content_id,
        delivery.c.list_id,
        delivery.c.member_id,
        delivery.c.membership_id,
        literal_column(_THREAD),
        delivery.c.recipient,
        delivery.c.language,
        delivery.c.attempts,
        delivery.c.created_at,
        literal_column(_LEAVE),
        delivery.c.expires_at,
        delivery.c.letter_id,
        literal_column(_LETTER_MESSAGE_ID),
        literal_column(_READER_NAME),
        delivery.c.private_id,
        literal_column(_THROUGH),
    )
)


def claim(
    session: Session, *, who: str, now: datetime, limit: int = 100, lease: timedelta = timedelta(seconds=60)
) -> list[Claimed]:
    """Take up to `limit` deliveries that are due. The attempt is written here, before anybody dials.

    who: HOST:PID:start of the claiming daemon.
    """
    connection = session.connection()
    connection.execute(_EXPIRED, {"now": now})
    rows = connection.execute(_CLAIM, {"now": now, "limit": limit, "lease_until": now + lease, "who": who})
    return sorted((Claimed(*row) for row in rows), key=lambda claimed: claimed.id)


_SETTLE = (
    update(delivery)
    # a row that expired meanwhile and went to another claim still learns that it was sent
    .where(delivery.c.id == bindparam("delivery_id"), UNFINISHED)
    .values(
        state=bindparam("new_state"),
        due_at=func.coalesce(bindparam("next_due"), delivery.c.due_at),
        last_reply=bindparam("reply"),
        settled_at=bindparam("settled"),
        lease_until=null(),
        claimed_by=null(),
    )
)


def settle(session: Session, results: Sequence[Settled], now: datetime) -> None:
    """Write down what became of claimed deliveries."""
    if not results:
        return
    session.connection().execute(
        _SETTLE,
        [
            {
                "delivery_id": result.id,
                "new_state": result.state,
                "next_due": result.due_at,
                "reply": result.last_reply,
                "settled": None if result.state is DeliveryState.DEFERRED else now,
            }
            for result in results
        ],
    )


def extend(session: Session, ids: Sequence[int], *, who: str, until: datetime) -> None:
    """Keep claims of `who` a while longer: for a next hop that is slow."""
    mine = (delivery.c.id.in_(ids), delivery.c.claimed_by == who, SENDING)
    session.connection().execute(update(delivery).where(*mine).values(lease_until=until))


def release(session: Session, ids: Sequence[int]) -> None:
    """Give back claims that nobody dialled for; their attempt is not counted."""
    session.connection().execute(
        update(delivery)
        .where(delivery.c.id.in_(ids), SENDING)
        .values(
            state=case((delivery.c.attempts > 1, DeliveryState.DEFERRED), else_=DeliveryState.DUE),
            attempts=delivery.c.attempts - 1,
            lease_until=null(),
            claimed_by=null(),
        )
    )


def postpone(session: Session, ids: Sequence[int], *, until: datetime, reason: str, who: str) -> None:
    """Give back claims of `who` that nobody dialled for, until a later moment; their attempt is not counted."""
    session.connection().execute(
        update(delivery)
        .where(delivery.c.id.in_(ids), delivery.c.claimed_by == who, SENDING)
        .values(
            state=DeliveryState.DEFERRED,
            attempts=delivery.c.attempts - 1,
            due_at=until,
            last_reply=reason,
            lease_until=null(),
            claimed_by=null(),
        )
    )


def take_back(session: Session, *, host: str, alive: Callable[[str], bool], now: datetime) -> int:
    """Make due at once what daemons of this host had claimed that are no longer alive.

    host: the part of `who` before the first colon; alive: given a whole `who`. Returns how many.
    """
    connection = session.connection()
    claimers = connection.execute(select(delivery.c.claimed_by).where(SENDING).distinct()).scalars()
    dead = [who for who in claimers if who.partition(":")[0] == host and not alive(who)]
    taken = connection.execute(
        update(delivery)
        .where(SENDING, delivery.c.claimed_by.in_(dead))
        .values(state=DeliveryState.DUE, due_at=now, lease_until=null(), claimed_by=null())
    )
    return taken.rowcount


def add_notice(
    session: Session,
    *,
    raw: bytes,
    recipient: str,
    cause: str | None,
    language: str = "en",
    list_id: int | None = None,
    member_id: int | None = None,
    membership_id: int | None = None,
    expires_at: datetime | None = None,
    now: datetime,
) -> bool:
    """Queue a message of our own, due now. raw: the complete unsigned message. expires_at: when it is of no use.

    cause: what made us write; one recipient gets one mail for one cause, and False says she had it already.
    """
    connection = session.connection()
    same = and_(delivery.c.recipient == recipient, delivery.c.cause == cause)
    if cause is not None and connection.execute(select(delivery.c.id).where(same)).first():
        return False
    connection.execute(
        insert(delivery).values(
            content_id=store_content(session, raw, now),
            list_id=list_id,
            member_id=member_id,
            membership_id=membership_id,
            recipient=recipient,
            language=language,
            cause=cause,
            state=DeliveryState.DUE,
            attempts=0,
            due_at=now,
            last_reply="",
            created_at=now,
            expires_at=expires_at,
        )
    )
    return True


def next_due(session: Session) -> datetime | None:
    """When the next delivery is due or a lease runs out; in the past when something is due now; None: nothing waits."""
    due = select(func.min(delivery.c.due_at).label("at")).where(DUE)
    lease = select(func.min(delivery.c.lease_until)).where(SENDING)
    earliest = due.union_all(lease).subquery()
    moment: datetime | None = session.connection().execute(select(func.min(earliest.c.at))).scalar()
    return moment


def queue_rows(
    session: Session, *, state: DeliveryState | None = None, limit: int = 1000, after_id: int = 0
) -> list[QueueRow]:
    """Rows by id; all but the sent ones, or those of one state."""
    wanted = delivery.c.state != DeliveryState.SENT if state is None else delivery.c.state == state
    query = (
        select(
            delivery.c.id,
            func.coalesce(mailing_list.c.name, "").label("list_name"),
            delivery.c.recipient,
            delivery.c.state,
            delivery.c.attempts,
            delivery.c.due_at,
            delivery.c.last_reply,
            delivery.c.post_id,
            delivery.c.content_id,
            delivery.c.created_at,
        )
        .select_from(delivery.outerjoin(mailing_list))
        .where(wanted, delivery.c.id > after_id)
        .order_by(delivery.c.id)
        .limit(limit)
    )
    return [QueueRow(**row) for row in session.connection().execute(query).mappings()]


def state_counts(session: Session) -> dict[DeliveryState, int]:
    """How many rows there are of each state; a state without rows is 0."""
    query = select(delivery.c.state, func.count()).group_by(delivery.c.state)
    counts = dict.fromkeys(DeliveryState, 0)
    counts.update((state, count) for state, count in session.connection().execute(query))
    return counts


def retry(session: Session, ids: Sequence[int] | None, *, now: datetime) -> list[int]:
    """Make deliveries due now: the given ones, or with None all, that are due later, deferred, failed or held.

    Returns the ids that it found.
    """
    waiting = delivery.c.state.in_(
        [DeliveryState.DUE, DeliveryState.DEFERRED, DeliveryState.FAILED, DeliveryState.HELD]
    )
    wanted = waiting if ids is None else and_(waiting, delivery.c.id.in_(ids))
    made_due = (
        update(delivery)
        .where(wanted)
        .values(state=DeliveryState.DUE, due_at=now, settled_at=null())
        .returning(delivery.c.id)
    )
    return sorted(session.connection().execute(made_due).scalars())


def drop(session: Session, ids: Sequence[int]) -> list[int]:
    """Forget deliveries that were not sent and are not being sent. Returns the ids that it found."""
    return _drop(session, delivery.c.id.in_(ids), delivery.c.state.not_in([DeliveryState.SENDING, DeliveryState.SENT]))


def drop_of_membership(session: Session, membership_id: int) -> int:
    """Drop what still waits for one person of one list: she left. Returns how many."""
    return sum(len(_drop(session, delivery.c.membership_id == membership_id, state)) for state in (DUE, HELD))


def drop_of_list(session: Session, list_id: int) -> int:
    """Drop what still waits for anybody of a list: it was removed. Returns how many."""
    return sum(len(_drop(session, delivery.c.list_id == list_id, state)) for state in (DUE, HELD))


def drop_of_post(session: Session, post_id: int) -> int:
    """Drop the copies of a post that still wait: it was removed. Returns how many."""
    return sum(len(_drop(session, delivery.c.post_id == post_id, state)) for state in (DUE, HELD))


def _drop(session: Session, *which: ColumnElement[bool] | TextClause) -> list[int]:
    dropped = delete(delivery).where(*which).returning(delivery.c.id)
    return sorted(session.connection().execute(dropped).scalars())


def prune(session: Session, *, before: datetime, limit: int = 1000) -> int:
    """Delete at most `limit` rows that were sent before a moment. Returns how many: call again while it is > 0."""
    old = (
        select(delivery.c.id)
        .where(SETTLED, delivery.c.settled_at < before, delivery.c.state == DeliveryState.SENT)
        .limit(limit)
    )
    return session.connection().execute(delete(delivery).where(delivery.c.id.in_(old))).rowcount
