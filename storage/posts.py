"""Posts: stored, filed in their thread and put in the queue for every reader, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from storage.models import Post


class DuplicateMessageId(Exception):
    """The list has a post of this Message-ID already: mint another one and store again."""


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
    now: datetime,
) -> Post:
    """Store the post, file it in its thread, and make one due delivery for each reader of the list.

    All Message-IDs but original_message_id are those of the copies. Readers: active memberships with delivery
    `each`, without the author when she wants no copy of her own. Raises DuplicateMessageId with nothing changed.
    The Post that is returned belongs to no session.
    """
    raise NotImplementedError


def post_by_id(session: Session, post_id: int) -> Post | None:
    raise NotImplementedError


def post_by_message_id(session: Session, *, list_id: int, message_id: str) -> Post | None:
    """By the Message-ID of its copies."""
    raise NotImplementedError


def thread_posts(session: Session, thread_id: int) -> list[Post]:
    """The posts of a thread in the order they arrived, without removed ones."""
    raise NotImplementedError


def remove_post(session: Session, *, post_id: int, now: datetime) -> bool:
    """Take a post out of its thread and drop its deliveries that still wait. False when it was removed already."""
    raise NotImplementedError
