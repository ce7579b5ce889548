"""How much there is of everything: what an operator's machines ask now and then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from storage import queue
from storage.models import DeliveryState, HeldPost, HeldState, Post
from storage.models_shunts import Shunt


@dataclass(frozen=True, slots=True)
class Counts:
    deliveries: Mapping[DeliveryState, int]  # rows of the queue, those that were not forgotten yet
    posts: int
    held: int  # messages that wait for a person
    shunts: int


def counts(session: Session) -> Counts:
    return Counts(
        deliveries=queue.state_counts(session),
        posts=session.exec(select(func.count()).select_from(Post).where(col(Post.removed_at).is_(None))).one(),
        held=session.exec(select(func.count()).select_from(HeldPost).where(HeldPost.state == HeldState.WAITING)).one(),
        shunts=session.exec(select(func.count()).select_from(Shunt)).one(),
    )
