"""Messages that wait for a person to decide."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select, update

from storage.models import Awaits, HeldPost, HeldState, MailingList


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
    awaits: Awaits = Awaits.PEOPLE,
    question: str = "",
    now: datetime,
) -> HeldPost:
    """Keep a message until somebody decides. author: name and address of From; reason: one plain sentence.

    question: the token of what a member was asked, with Awaits.ADDRESS.
    """
    held = HeldPost(
        list_id=list_id,
        content_id=content_id,
        member_id=member_id,
        envelope_sender=envelope_sender,
        recipient=recipient,
        author=author,
        subject=subject,
        reason=reason,
        awaits=awaits,
        question=question,
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


def waiting_for_author(session: Session, member_id: int) -> list[HeldPost]:
    """What came in a member's name and waits for her word, oldest first, on all lists."""
    return _waiting(session, HeldPost.member_id == member_id, HeldPost.awaits == Awaits.AUTHOR)


def waiting_for_answer(session: Session, question: str) -> list[HeldPost]:
    """What waits for the answer to one question, oldest first."""
    return _waiting(session, HeldPost.question == question, HeldPost.awaits == Awaits.ADDRESS)


def waiting_of_author(session: Session, *, list_id: int, member_id: int) -> list[HeldPost]:
    """What a member wrote to a list and nobody has decided about, oldest first."""
    return _waiting(session, HeldPost.list_id == list_id, HeldPost.member_id == member_id)


def waiting_too_long(session: Session, *, before: datetime) -> list[HeldPost]:
    """What came before a moment and still waits for a member's word."""
    return _waiting(session, HeldPost.awaits != Awaits.PEOPLE, HeldPost.received_at < before)


def waited_out(session: Session, now: datetime) -> list[HeldPost]:
    """What has waited for people longer than its list keeps it, oldest first."""
    keeping = session.exec(select(MailingList).where(MailingList.held_days > 0))
    return [
        waiting
        for each in keeping
        for waiting in _waiting(
            session,
            HeldPost.list_id == each.id,
            HeldPost.awaits == Awaits.PEOPLE,
            HeldPost.received_at < now - timedelta(days=each.held_days),
        )
    ]


def leave_to_people(session: Session, *, held_id: int, reason: str) -> None:
    """From now on those who run the list decide; reason: why."""
    session.exec(
        update(HeldPost).where(col(HeldPost.id) == held_id).values(awaits=Awaits.PEOPLE, reason=reason, question="")
    )


def _waiting(session: Session, *conditions: ColumnElement[bool] | bool) -> list[HeldPost]:
    query = select(HeldPost).where(HeldPost.state == HeldState.WAITING, *conditions)
    return list(session.exec(query.order_by(col(HeldPost.id))))


def decide(session: Session, *, held_id: int, state: HeldState, now: datetime) -> bool:
    """Write down the decision. False when somebody decided before, or there is no such message: do nothing then."""
    decided = session.exec(
        update(HeldPost)
        .where(col(HeldPost.id) == held_id, col(HeldPost.state) == HeldState.WAITING)
        .values(state=state, decided_at=now)
    )
    return decided.rowcount == 1
