"""Posts that were changed: the newest form is what everybody reads, the earlier ones are kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, or_
from sqlmodel import Session, col, select, update

from storage.letter_recall import recall_letters_with
from storage.models import Delivery, DeliveryState, Post
from storage.models_forms import EarlierForm


def change_post(session: Session, *, post_id: int, content_id: int, now: datetime) -> None:
    """It is this message from now on, also in copies and letters that were not sent yet. Nobody gets it again."""
    changed = session.get_one(Post, post_id)
    session.add(EarlierForm(post_id=post_id, content_id=changed.content_id, replaced_at=now))
    changed.content_id = content_id
    session.flush()
    waiting = (col(Delivery.post_id) == post_id, col(Delivery.state) != DeliveryState.SENT)
    session.exec(update(Delivery).where(*waiting).values(content_id=content_id))
    recall_letters_with(session, post_id=post_id, thread_id=changed.thread_id, now=now)


def changes_since(session: Session, *, post_id: int, since: datetime) -> int:
    """How often a post was changed."""
    query = select(func.count()).where(EarlierForm.post_id == post_id, col(EarlierForm.replaced_at) > since)
    return session.exec(query).one()


def first_content(session: Session, post_id: int) -> int | None:
    """The message that a post was at first; None: it was never changed."""
    query = select(EarlierForm.content_id).where(EarlierForm.post_id == post_id)
    return session.exec(query.order_by(col(EarlierForm.id)).limit(1)).first()


def posts_with(session: Session, content_id: int) -> list[Post]:
    """Those that are this message, or were it."""
    were = select(EarlierForm.post_id).where(EarlierForm.content_id == content_id)
    query = select(Post).where(or_(col(Post.content_id) == content_id, col(Post.id).in_(were)))
    return list(session.exec(query.order_by(col(Post.id))))
