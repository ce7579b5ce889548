"""Everything that is kept about one member, and her wish to have it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import LargeBinary, select
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from storage.belonging import belonging, person_of
from storage.letter_buttons import answer_content
from storage.models import HeldPost, Post
from storage.models_people import DataWish
from storage.models_private import PrivateMail


def wish_for_data(session: Session, *, member_id: int, list_id: int, in_reply_to: str, now: datetime) -> bool:
    """False when she has asked today."""
    if session.get(DataWish, (member_id, now.date())):
        return False
    wish = DataWish(member_id=member_id, day=now.date(), list_id=list_id, in_reply_to=in_reply_to)
    session.add(wish)
    session.flush()
    return True


def open_wishes(session: Session) -> list[DataWish]:
    """Not answered yet, oldest first."""
    return list(session.exec(select_rows(DataWish).where(col(DataWish.sent_at).is_(None)).order_by(col(DataWish.day))))


def close_wish(session: Session, *, member_id: int, day: date, now: datetime) -> bool:
    """Write down that it was answered. False when it was before."""
    wish = session.get(DataWish, (member_id, day))
    if wish is None or wish.sent_at is not None:
        return False
    wish.sent_at = now
    session.flush()
    return True


def rows_of(session: Session, member_id: int) -> dict[str, list[dict[str, Any]]]:
    """Table -> rows of hers, as values that JSON has; without the bytes of messages. Raises LookupError."""
    found = {}
    for table, condition in belonging(person_of(session, member_id)):
        columns = [column for column in table.c if not isinstance(column.type, LargeBinary)]
        rows = session.connection().execute(select(*columns).where(condition)).mappings().all()
        if rows:
            found[table.name] = [{key: _plain(value) for key, value in row.items()} for row in rows]
    return found


def mails_of(session: Session, member_id: int) -> Iterator[tuple[str, int]]:
    """What she wrote and we still have: a file name and the id of the message; the newest first."""
    posts = select_rows(Post).where(Post.member_id == member_id, col(Post.removed_at).is_(None))
    for post in session.exec(posts.order_by(col(Post.id).desc())):
        yield f"posts/{post.id}.eml", answer_content(session, post.id or 0) or post.content_id
    waiting = select_rows(HeldPost).where(HeldPost.member_id == member_id)
    for held in session.exec(waiting.order_by(col(HeldPost.id).desc())):
        yield f"held/{held.id}.eml", held.content_id
    private = select_rows(PrivateMail).where(PrivateMail.writer_id == member_id)
    for mail in session.exec(private.order_by(col(PrivateMail.id).desc())):
        yield f"private/{mail.id}.eml", mail.content_id


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, date) else value
