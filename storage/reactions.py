"""Reactions to posts: counted by member, never sent to anybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, select

from storage.models_reactions import Reaction

_VARIATION = "\ufe0f"  # with it ❤ is drawn as ❤️: the same heart


def react(session: Session, *, post_id: int, member_id: int, emoji: str, now: datetime) -> bool:
    """A member's reaction to a post, in place of one before. False when it was the same."""
    row = session.get(Reaction, (post_id, member_id))
    if row is None:
        session.add(Reaction(post_id=post_id, member_id=member_id, emoji=emoji, reacted_at=now))
    elif row.emoji == emoji:
        return False
    else:
        row.emoji, row.reacted_at = emoji, now
    session.flush()
    return True


def withdraw(session: Session, *, post_id: int, member_id: int) -> bool:
    """She takes it back. False when there was none."""
    row = session.get(Reaction, (post_id, member_id))
    if row is None:
        return False
    session.delete(row)
    session.flush()
    return True


def reactions_to(session: Session, post_ids: Collection[int]) -> dict[int, list[tuple[str, int]]]:
    """post id -> emoji and how many gave it, the most frequent first, then the one that came first."""
    rows = session.exec(
        select(Reaction).where(col(Reaction.post_id).in_(post_ids)).order_by(col(Reaction.reacted_at))
    ).all()
    counts: dict[int, Counter[str]] = {}
    shown: dict[str, str] = {}
    for row in rows:
        kind = row.emoji.replace(_VARIATION, "")
        shown.setdefault(kind, row.emoji)
        counts.setdefault(row.post_id, Counter())[kind] += 1
    return {
        post_id: [(shown[kind], count) for kind, count in counted.most_common()] for post_id, counted in counts.items()
    }
