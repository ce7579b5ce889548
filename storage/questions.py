"""What we have asked people by mail, and what they have answered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, delete, select, update

from storage.models import DeliveryMode, HeldPost, HeldState
from storage.models_people import AskedMember
from storage.models_questions import Question, QuestionKind
from storage.tokens import TokenTaken, find_token


def add_question(
    session: Session,
    *,
    token: str,
    kind: QuestionKind,
    list_id: int,
    now: datetime,
    expires_at: datetime,
    member_id: int | None = None,
    held_id: int | None = None,
    key: str = "",
    address: str = "",
    name: str = "",
    delivery: DeliveryMode | None = None,
) -> Question:
    """Write down that we ask. token: lower-case Crockford base32, freshly minted. Raises TokenTaken."""
    if find_token(session, token) or find_question(session, token):
        raise TokenTaken(token)
    row = Question(
        token=token,
        kind=kind,
        list_id=list_id,
        member_id=member_id,
        held_id=held_id,
        key=key,
        address=address,
        name=name,
        delivery=delivery,
        asked_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return row


def find_question(session: Session, token: str) -> Question | None:
    """The question, also when it was answered or has expired."""
    return session.get(Question, token)


def answer_question(session: Session, *, token: str, yes: bool, now: datetime) -> bool:
    """Write down the answer. False when it was answered before or has expired: do nothing then."""
    answered = session.exec(
        update(Question)
        .where(col(Question.token) == token, col(Question.answered_at).is_(None), col(Question.expires_at) > now)
        .values(answered_at=now, said_yes=yes)
    )
    return answered.rowcount == 1


def ask_member_too(session: Session, *, token: str, member_id: int) -> None:
    """She may answer this question, though she does not run the list."""
    session.merge(AskedMember(token=token, member_id=member_id))
    session.flush()


def asked_members(session: Session, token: str) -> list[int]:
    """Ids of those who may."""
    return list(session.exec(select(AskedMember.member_id).where(AskedMember.token == token)))


def drop_question(session: Session, token: str) -> None:
    """Nobody was asked after all."""
    session.exec(delete(AskedMember).where(col(AskedMember.token) == token))
    session.exec(delete(Question).where(col(Question.token) == token))


def asked_about_address(session: Session, *, member_id: int, key: str) -> Question | None:
    """What a member was asked about another address, whenever that was."""
    query = select(Question).where(Question.key == key, Question.member_id == member_id)
    return session.exec(query.where(Question.kind == QuestionKind.ADDRESS)).first()


def times_asked_member(session: Session, *, kind: QuestionKind, member_id: int, since: datetime) -> int:
    """How many questions of this kind a member got since then."""
    query = select(func.count()).where(Question.member_id == member_id, col(Question.asked_at) > since)
    return session.exec(query.where(Question.kind == kind)).one()


def joinings_of_address(session: Session, *, key: str, since: datetime) -> tuple[int, int]:
    """How often an address was asked whether it wants to join: since then, and ever without an answer."""
    asked = select(func.count()).where(Question.key == key, Question.kind == QuestionKind.JOINING)
    lately = session.exec(asked.where(col(Question.asked_at) > since)).one()
    return lately, session.exec(asked.where(col(Question.answered_at).is_(None))).one()


def joinings_since(session: Session, since: datetime, *, list_id: int | None = None) -> int:
    """How many addresses were asked whether they want to join, on one list or on all of them."""
    query = select(func.count()).where(Question.kind == QuestionKind.JOINING, col(Question.asked_at) > since)
    return session.exec(query.where(Question.list_id == list_id) if list_id else query).one()


def to_remind_of(session: Session, *, asked_before: datetime) -> list[tuple[Question, HeldPost]]:
    """Decisions that still wait, asked for before a moment, of which nobody was reminded."""
    query = (
        select(Question, HeldPost)
        .where(HeldPost.id == Question.held_id, HeldPost.state == HeldState.WAITING)
        .where(Question.kind == QuestionKind.DECISION, col(Question.asked_at) < asked_before)
        .where(col(Question.answered_at).is_(None), col(Question.reminded_at).is_(None))
        .order_by(col(Question.asked_at))
    )
    return list(session.exec(query))
