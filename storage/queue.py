"""The queue: one row for one message to one recipient.

due -> sending (claimed, with a lease) -> sent | deferred (due again later) | failed. held: set aside by the operator.
A row whose lease has run out is due again; the attempt stays counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from storage.models import DeliveryState


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


def claim(
    session: Session, *, who: str, now: datetime, limit: int = 100, lease: timedelta = timedelta(seconds=60)
) -> list[Claimed]:
    """Take up to `limit` deliveries that are due. The attempt is written here, before anybody dials.

    who: HOST:PID:start of the claiming daemon.
    """
    raise NotImplementedError


def settle(session: Session, results: Sequence[Settled], now: datetime) -> None:
    """Write down what became of claimed deliveries."""
    raise NotImplementedError


def extend(session: Session, ids: Sequence[int], *, who: str, until: datetime) -> None:
    """Keep claims of `who` a while longer: for a next hop that is slow."""
    raise NotImplementedError


def release(session: Session, ids: Sequence[int]) -> None:
    """Give back claims that nobody dialled for; their attempt is not counted."""
    raise NotImplementedError


def take_back(session: Session, *, host: str, alive: Callable[[str], bool], now: datetime) -> int:
    """Make due at once what daemons of this host had claimed that are no longer alive.

    host: the part of `who` before the first colon; alive: given a whole `who`. Returns how many.
    """
    raise NotImplementedError


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
    now: datetime,
) -> bool:
    """Queue a message of our own, due now. raw: the complete unsigned message.

    cause: what made us write; one recipient gets one mail for one cause, and False says she had it already.
    """
    raise NotImplementedError


def next_due(session: Session) -> datetime | None:
    """When the next delivery is due or a lease runs out; in the past when something is due now; None: nothing waits."""
    raise NotImplementedError


def queue_rows(
    session: Session, *, state: DeliveryState | None = None, limit: int = 1000, after_id: int = 0
) -> list[QueueRow]:
    """Rows by id; all but the sent ones, or those of one state."""
    raise NotImplementedError


def state_counts(session: Session) -> dict[DeliveryState, int]:
    """How many rows there are of each state; a state without rows is 0."""
    raise NotImplementedError


def retry(session: Session, ids: Sequence[int] | None, *, now: datetime) -> list[int]:
    """Make deliveries due now: the given ones, or with None all, that are due later, deferred, failed or held.

    Returns the ids that it found.
    """
    raise NotImplementedError


def drop(session: Session, ids: Sequence[int]) -> list[int]:
    """Forget deliveries that were not sent and are not being sent. Returns the ids that it found."""
    raise NotImplementedError


def prune(session: Session, *, before: datetime, limit: int = 1000) -> int:
    """Delete at most `limit` rows that were sent before a moment. Returns how many: call again while it is > 0."""
    raise NotImplementedError
