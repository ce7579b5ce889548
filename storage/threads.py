"""Which thread a post belongs to, by References or In-Reply-To, in whatever order the posts come (RFC 5256 §3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from storage.models import Thread


def file_post(
    session: Session,
    *,
    list_id: int,
    message_id: str,
    references: Sequence[str],
    in_reply_to: str = "",
    subject: str,
    now: datetime,
) -> int:
    """File one more post and return its thread's id; counts it in Thread.posts and last_post_at.

    references: oldest first. message_id is new to the list, or awaited by an answer that came first.
    """
    raise NotImplementedError


def thread_by_id(session: Session, thread_id: int) -> Thread | None:
    raise NotImplementedError


def threads_of(session: Session, list_id: int, *, limit: int = 1000) -> list[Thread]:
    """The threads of a list that have posts, the one written to last first."""
    raise NotImplementedError
