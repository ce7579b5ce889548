"""What is new on a list for who reads letters, and what was written there on this day of other years."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, exists, func, not_, or_, select
from sqlmodel import Session

from storage.models import Membership, Status
from storage.tables import (
    hidden_memory,
    letter,
    letter_edition,
    letter_reader,
    member,
    membership,
    post,
    reaction,
    thread,
)

MOST_NEWS = 400
"""Posts that one letter looks at; who was away for longer gets the last ones."""


@dataclass(frozen=True, slots=True)
class NewsRow:
    """One post of a list, not removed."""

    id: int
    thread_id: int
    content_id: int
    member_id: int | None
    author_name: str
    subject: str  # of its thread
    in_reply_to: str
    written_at: datetime


def newest_post(session: Session, list_id: int, before: datetime | None = None) -> int:
    """The id of the list's last post, 0 when it has none. before: the last one that was accepted earlier."""
    query = select(post.c.id).where(post.c.list_id == list_id)
    if before is not None:
        query = query.where(post.c.accepted_at < before)
    return session.connection().execute(query.order_by(post.c.id.desc()).limit(1)).scalar() or 0


def has_missed(session: Session, row: Membership) -> bool:
    """Was something written behind what she had last?"""
    read_to = (
        session.connection()
        .execute(select(letter_reader.c.read_to).where(letter_reader.c.membership_id == row.id))
        .scalar()
    )
    return newest_post(session, row.list_id) > (read_to or 0)


def news(session: Session, list_id: int, *, after: int, before: datetime | None) -> list[NewsRow]:
    """Posts behind the one of id `after`, oldest first, the last MOST_NEWS of them.

    before: none from the first one on that was accepted later. Ids of a list's posts come in the order of their
    commits, so what is left out here is behind all that is given, and is not missed the next time.
    """
    upto: int | None = None
    if before is not None:
        late = select(func.min(post.c.id)).where(
            post.c.list_id == list_id, post.c.id > after, post.c.accepted_at >= before
        )
        upto = session.connection().execute(late).scalar()
    query = _news().where(post.c.list_id == list_id, post.c.id > after)
    if upto is not None:
        query = query.where(post.c.id < upto)
    rows = session.connection().execute(query.order_by(post.c.id.desc()).limit(MOST_NEWS)).all()
    return [NewsRow(*row) for row in reversed(rows)]


def news_between(session: Session, thread_id: int, *, first: int, last: int) -> list[NewsRow]:
    """The posts of a thread from one id to another, oldest first."""
    query = _news().where(post.c.thread_id == thread_id, post.c.id >= first, post.c.id <= last)
    rows = session.connection().execute(query.order_by(post.c.id).limit(MOST_NEWS)).all()
    return [NewsRow(*row) for row in rows]


def news_of(session: Session, post_ids: Sequence[int]) -> list[NewsRow]:
    """Those of these posts that are not removed, oldest first."""
    rows = session.connection().execute(_news().where(post.c.id.in_(post_ids)).order_by(post.c.id)).all()
    return [NewsRow(*row) for row in rows]


def post_before(session: Session, thread_id: int, post_id: int) -> NewsRow | None:
    """The last post of a thread that came before another one."""
    query = _news().where(post.c.thread_id == thread_id, post.c.id < post_id).order_by(post.c.id.desc()).limit(1)
    row = session.connection().execute(query).first()
    return NewsRow(*row) if row else None


def _news() -> Select[Any]:
    return (
        select(
            post.c.id,
            post.c.thread_id,
            post.c.content_id,
            post.c.member_id,
            post.c.author_name,
            thread.c.subject,
            post.c.in_reply_to,
            post.c.written_at,
        )
        .select_from(post.join(thread, thread.c.id == post.c.thread_id))
        .where(post.c.removed_at.is_(None))
    )


@dataclass(frozen=True, slots=True)
class HeartRow:
    """A heart, or another emoji, that somebody gave another's post."""

    author_id: int  # member id of who wrote the post
    post_id: int
    subject: str  # of its thread
    name: str  # of who gave it
    given_at: datetime


def hearts_since(session: Session, list_id: int, since: datetime) -> list[HeartRow]:
    """What was given after a moment on a list, the first one first."""
    query = (
        select(post.c.member_id, post.c.id, thread.c.subject, member.c.name, reaction.c.reacted_at)
        .select_from(
            reaction.join(post, post.c.id == reaction.c.post_id)
            .join(thread, thread.c.id == post.c.thread_id)
            .join(member, member.c.id == reaction.c.member_id)
        )
        .where(post.c.list_id == list_id, post.c.removed_at.is_(None), post.c.member_id != reaction.c.member_id)
        .where(reaction.c.reacted_at > since)
        .order_by(reaction.c.reacted_at)
    )
    return [HeartRow(*row) for row in session.connection().execute(query)]


def last_letter_at(session: Session, membership_id: int) -> datetime | None:
    """When the last letter with news was written to her; None before the first one, and long after."""
    query = (
        select(func.max(letter_edition.c.made_at))
        .select_from(letter.join(letter_edition, letter_edition.c.id == letter.c.edition_id))
        .where(letter.c.membership_id == membership_id, letter_edition.c.rest_of.is_(None))
    )
    found: datetime | None = session.connection().execute(query).scalar()
    return found


def memories(session: Session, list_id: int, days: Sequence[tuple[datetime, datetime]], *, limit: int) -> list[NewsRow]:
    """Posts written in one of these spans of time, the one with most hearts first, then the younger.

    Not those that somebody wants to be hidden, nor those of people who are not on the list any more.
    """
    hearts = select(func.count()).select_from(reaction).where(reaction.c.post_id == post.c.id).scalar_subquery()
    is_here = exists().where(
        membership.c.list_id == list_id,
        membership.c.member_id == post.c.member_id,
        membership.c.status.in_((Status.ACTIVE, Status.PAUSED)),
    )
    then = or_(*(and_(post.c.written_at >= begin, post.c.written_at < end) for begin, end in days))
    query = _news().where(
        post.c.list_id == list_id, then, is_here, not_(exists().where(hidden_memory.c.post_id == post.c.id))
    )
    rows = session.connection().execute(query.order_by(hearts.desc(), post.c.written_at.desc()).limit(limit)).all()
    return [NewsRow(*row) for row in rows]
