"""Posts that members may have had before their server came back from a backup: kept for one letter to each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, func, insert, literal, or_, select, update
from sqlmodel import Session

from storage.models import DeliveryMode, Moment, Status
from storage.tables import delivery, letter, membership, post, repeated_post

_WAITS = repeated_post.c.letter_id.is_(None)
_OF_MEMBERSHIP = membership.c.id == repeated_post.c.membership_id


@dataclass(frozen=True, slots=True)
class Gathered:
    """What waits for readers of one list."""

    list_id: int
    first_at: datetime
    last_at: datetime


def gather(session: Session, post_id: int, now: datetime) -> None:
    """Whoever would get a copy of this new post gets it in that letter instead."""
    session.flush()
    connection, copies = session.connection(), delivery.c.post_id == post_id
    rows = select(delivery.c.membership_id, literal(post_id), literal(now, type_=Moment())).where(copies)
    connection.execute(insert(repeated_post).from_select(["membership_id", "post_id", "came_at"], rows))
    connection.execute(delete(delivery).where(copies))


def gathered(session: Session) -> list[Gathered]:
    """For each list. What waits for somebody who pauses waits on."""
    query = (
        select(post.c.list_id, func.min(repeated_post.c.came_at), func.max(repeated_post.c.came_at))
        .select_from(repeated_post.join(post, post.c.id == repeated_post.c.post_id).join(membership, _OF_MEMBERSHIP))
        .where(_WAITS, membership.c.status != Status.PAUSED)
        .group_by(post.c.list_id)
        .order_by(post.c.list_id)
    )
    return [Gathered(*row) for row in session.connection().execute(query)]


def waiting(session: Session, *, list_id: int, after: int, limit: int) -> dict[int, list[int]]:
    """Membership id → ids of the posts for it, by membership behind `after`."""
    mine = (
        select(repeated_post.c.membership_id)
        .join(post, post.c.id == repeated_post.c.post_id)
        .join(membership, _OF_MEMBERSHIP)
        .where(_WAITS, post.c.list_id == list_id, membership.c.status == Status.ACTIVE, membership.c.id > after)
    )
    ids = session.connection().execute(mine.distinct().order_by(repeated_post.c.membership_id).limit(limit)).scalars()
    return _posts_for(session, ids.all(), list_id)


def still_waiting(session: Session, wanted: Mapping[int, Sequence[int]], list_id: int) -> set[int]:
    """Those of the memberships for whom these posts wait first; no other daemon writes to them meanwhile."""
    if session.connection().dialect.name == "postgresql":
        lock = select(membership.c.id).where(membership.c.id.in_(wanted)).order_by(membership.c.id).with_for_update()
        session.connection().execute(lock)
    now = _posts_for(session, wanted, list_id)
    return {
        membership_id for membership_id, ids in wanted.items() if now.get(membership_id, [])[: len(ids)] == list(ids)
    }


def brought(session: Session, rows: Collection[tuple[int, Sequence[int], int]]) -> None:
    """With each membership the ids of its posts, and the edition that its letter is of."""
    its_letter = select(func.max(letter.c.id)).where(
        letter.c.edition_id == bindparam("of_edition"), letter.c.membership_id == bindparam("of_membership")
    )
    mark = update(repeated_post).where(
        repeated_post.c.membership_id == bindparam("of_membership"), repeated_post.c.post_id == bindparam("of_post")
    )
    values = [
        {"of_membership": membership_id, "of_post": post_id, "of_edition": edition_id}
        for membership_id, ids, edition_id in rows
        for post_id in ids
    ]
    if values:
        session.connection().execute(mark.values(letter_id=its_letter.scalar_subquery()), values)


def forget(session: Session, membership_id: int, post_ids: Sequence[int]) -> None:
    """They are of no interest to her any more."""
    hers = (repeated_post.c.membership_id == membership_id, repeated_post.c.post_id.in_(post_ids))
    session.connection().execute(delete(repeated_post).where(*hers))


def forget_unwanted(session: Session, list_id: int) -> None:
    """Of who has left meanwhile, or wants no mail."""
    gone = select(membership.c.id).where(
        or_(
            membership.c.status.in_((Status.LEFT, Status.INVITED)),
            membership.c.delivery == DeliveryMode.NONE,
        )
    )
    of_list = select(post.c.id).where(post.c.list_id == list_id)
    session.connection().execute(
        delete(repeated_post).where(
            _WAITS, repeated_post.c.membership_id.in_(gone), repeated_post.c.post_id.in_(of_list)
        )
    )


def give_back(session: Session, letter_ids: Collection[int]) -> set[int]:
    """These letters do not go out: what they would have brought waits again. Returns those that had any of it."""
    had = update(repeated_post).where(repeated_post.c.letter_id.in_(letter_ids)).values(letter_id=None)
    found = select(repeated_post.c.letter_id).where(repeated_post.c.letter_id.in_(letter_ids)).distinct()
    ids = set(session.connection().execute(found).scalars())
    session.connection().execute(had)
    return ids


def forget_of_letters(session: Session, letter_ids: Collection[int]) -> None:
    session.connection().execute(delete(repeated_post).where(repeated_post.c.letter_id.in_(letter_ids)))


def _posts_for(session: Session, membership_ids: Collection[int], list_id: int) -> dict[int, list[int]]:
    query = (
        select(repeated_post.c.membership_id, repeated_post.c.post_id)
        .join(post, post.c.id == repeated_post.c.post_id)
        .where(_WAITS, post.c.list_id == list_id, repeated_post.c.membership_id.in_(membership_ids))
        .order_by(repeated_post.c.membership_id, repeated_post.c.post_id)
    )
    found: dict[int, list[int]] = {}
    for membership_id, post_id in session.connection().execute(query):
        found.setdefault(membership_id, []).append(post_id)
    return found
