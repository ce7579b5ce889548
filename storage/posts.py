"""Posts: stored, filed in their thread and put in the queue for every reader, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from storage import queue, umbrella
from storage.expansion import LIST, NO_OWN_POST, Expansion
from storage.letter_recall import recall_letters_with
from storage.models import DeliveryMode, DeliveryState, Post, Status
from storage.mutes import NOT_MUTED
from storage.prepared import Prepared, detached
from storage.tables import delivery, membership, post
from storage.threads import DuplicateMessageId, Signs, file_post, is_posted, unfile_post

__all__ = [
    "DuplicateMessageId",
    "Signs",
    "last_post_of",
    "post_before",
    "post_by_id",
    "post_by_message_id",
    "post_of_author",
    "post_stamped",
    "remove_post",
    "store_post",
    "thread_posts",
]

STAMPED_POSTS = 50
"""How many posts of a list are looked through for a Message-ID that a relay gave a copy."""

_STORE = Prepared(insert(post).returning(post.c.id))
_COPIES = Expansion(
    membership.c.list_id == LIST,
    membership.c.status == Status.ACTIVE,
    membership.c.delivery == DeliveryMode.EACH,
    NO_OWN_POST,
    NOT_MUTED,
)


def store_post(
    session: Session,
    *,
    list_id: int,
    member_id: int | None,
    author_name: str,
    content_id: int,
    message_id: str,
    original_message_id: str,
    in_reply_to: str,
    references: Sequence[str],
    subject: str,
    written_at: datetime,
    received_at: datetime,
    signs: Signs | None = None,
    now: datetime,
) -> Post:
    """Store the post, file it in its thread, and make one due delivery for each reader of the list.

    All Message-IDs but original_message_id are those of the copies. Readers: active memberships with delivery
    `each`, without the author when she wants no copy of her own, and who reads it through another list
    (storage.umbrella); nobody who has muted the thread. Raises DuplicateMessageId with nothing changed.
    The Post that is returned belongs to no session.
    """
    row: dict[str, Any] = {
        "list_id": list_id,
        "thread_id": file_post(
            session,
            list_id=list_id,
            message_id=message_id,
            references=references,
            in_reply_to=in_reply_to or _namesake(session, list_id, message_id, original_message_id),
            subject=subject,
            signs=signs or Signs(subject.casefold(), written_at),
            now=now,
        ),
        "content_id": content_id,
        "member_id": member_id,
        "author_name": author_name,
        "message_id": message_id,
        "original_message_id": original_message_id,
        "in_reply_to": in_reply_to,
        "subject": subject,
        "written_at": written_at,
        "received_at": received_at,
        "accepted_at": now,
    }
    post_id = _STORE.number(session, row)
    copies = {
        "post_id": post_id,
        "content_id": content_id,
        "list_id": list_id,
        "thread_id": row["thread_id"],
        "author": member_id or 0,  # 0: no member
        "state": DeliveryState.DUE,
        "attempts": 0,
        "reply": "",
        "now": now,
    }
    _COPIES.add(session, copies)
    umbrella.expand(session, copies)
    return detached(Post, {"id": post_id, "removed_at": None, **row})


def post_by_id(session: Session, post_id: int) -> Post | None:
    return session.get(Post, post_id)


def post_by_message_id(session: Session, *, list_id: int, message_id: str) -> Post | None:
    """By the Message-ID of its copies."""
    return session.exec(select_rows(Post).where(Post.list_id == list_id, Post.message_id == message_id)).first()


def post_of_author(session: Session, *, list_id: int, member_id: int, message_id: str) -> Post | None:
    """By the Message-ID that its author's own program gave it."""
    query = select_rows(Post).where(Post.member_id == member_id, Post.original_message_id == message_id)
    return session.exec(query.where(Post.list_id == list_id).order_by(col(Post.id))).first()


def thread_posts(session: Session, thread_id: int) -> list[Post]:
    """The posts of a thread in the order they arrived, without removed ones."""
    query = select_rows(Post).where(Post.thread_id == thread_id, col(Post.removed_at).is_(None))
    return list(session.exec(query.order_by(col(Post.received_at), col(Post.id))))


def post_before(session: Session, post: Post) -> Post | None:
    """The one that came before it in its thread."""
    query = select_rows(Post).where(
        Post.thread_id == post.thread_id, col(Post.removed_at).is_(None), col(Post.id) < post.id
    )
    return session.exec(query.order_by(col(Post.id).desc()).limit(1)).first()


def last_post_of(session: Session, thread_id: int) -> Post | None:
    query = select_rows(Post).where(Post.thread_id == thread_id, col(Post.removed_at).is_(None))
    return session.exec(query.order_by(col(Post.id).desc()).limit(1)).first()


def post_stamped(session: Session, *, list_id: int, member_id: int, stamp: str) -> Post | None:
    """The post of which this member's copy was taken with an answer of the next hop that holds *stamp*.

    Some relays put a Message-ID of their own on every copy, and name it only there.
    """
    lately = select(post.c.id).where(post.c.list_id == list_id).order_by(post.c.id.desc()).limit(STAMPED_POSTS)
    rows = session.connection().execute(
        select(delivery.c.post_id, delivery.c.last_reply).where(
            delivery.c.post_id.in_(lately.scalar_subquery()), delivery.c.member_id == member_id
        )
    )
    found = next((post_id for post_id, reply in rows if stamp in reply), None)
    return post_by_id(session, found) if found is not None else None


def remove_post(session: Session, *, post_id: int, now: datetime) -> bool:
    """Take a post out of its thread, and what still waits of it out of the queue. False when there is none any more."""
    gone = post_by_id(session, post_id)
    if gone is None or gone.removed_at is not None:
        return False
    gone.removed_at = now
    session.flush()
    unfile_post(session, gone.thread_id)
    queue.drop_of_post(session, post_id)
    recall_letters_with(session, post_id=post_id, thread_id=gone.thread_id, now=now)
    return True


def _namesake(session: Session, list_id: int, message_id: str, original_message_id: str) -> str:
    """The Message-ID that this post had to give up because another one has it; it is filed beside that one."""
    if original_message_id in ("", message_id) or not is_posted(session, list_id, original_message_id):
        return ""
    return original_message_id
