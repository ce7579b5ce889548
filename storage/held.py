"""Messages that wait for a person to decide."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select, update

from storage.models import HeldPost, HeldState, MailingList


def hold(
    session: Session,
    *,
    list_id: int | None,
    content_id: int,
    member_id: int | None,
    envelope_sender: str,
    recipient: str,
    author: str,
    subject: str,
    reason: str,
    now: datetime,
) -> HeldPost:
    """Keep a message until somebody decides. author: name and address of From; reason: one plain sentence."""
    held = HeldPost(
        list_id=list_id,
        content_id=content_id,
        member_id=member_id,
        envelope_sender=envelope_sender,
        recipient=recipient,
        author=author,
        subject=subject,
        reason=reason,
        received_at=now,
    )
    session.add(held)
    session.flush()
    return held


def held_by_id(session: Session, held_id: int) -> HeldPost | None:
    return session.get(HeldPost, held_id)


def waiting(session: Session) -> list[tuple[HeldPost, str]]:
    """What waits, oldest first, each with its list's name ("" without a list)."""
    query = (
        select(HeldPost, func.coalesce(MailingList.name, ""))
        .outerjoin(MailingList, col(MailingList.id) == HeldPost.list_id)
        .where(HeldPost.state == HeldState.WAITING)
        .order_by(col(HeldPost.id))
    )
    return [(held, name) for held, name in session.exec(query)]


def waiting_of_member(session: Session, member_id: int) -> list[HeldPost]:
    """What waits of one author, oldest first."""
    query = select(HeldPost).where(HeldPost.member_id == member_id, HeldPost.state == HeldState.WAITING)
    return list(session.exec(query.order_by(col(HeldPost.id))))


def decide(session: Session, *, held_id: int, state: HeldState, now: datetime) -> bool:
    """Write down the decision. False when somebody decided before, or there is no such message: do nothing then."""
    decided = session.exec(
        update(HeldPost)
        .where(col(HeldPost.id) == held_id, col(HeldPost.state) == HeldState.WAITING)
        .values(state=state, decided_at=now)
    )
    return decided.rowcount == 1
