"""What follows from the answer to a question of ours."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.client_language import client_language
from handlers.decide import Decision
from handlers.facts import Host, id_of
from handlers.outcome import Hold
from handlers.policy import writer
from organic_mail import forgetting, joining, moderation, moving, unclear
from organic_mail.problem import Problem
from organic_mail.remote_held import trust_always
from storage import held, members, questions, remote_held
from storage.contents import Packed, store_content
from storage.events import record
from storage.lists import list_by_id
from storage.models import HeldPost, HeldState, Joining, Status
from storage.models_questions import Question, QuestionKind


def say_yes(
    session: Session, decision: Decision, token: str, packed: Packed, now: datetime, *, always: bool = False
) -> list[HeldPost]:
    """Do what the question was about, once. Returns what is to be let out now.

    always: of a decision; what its author writes from now on goes out unread.
    """
    question = questions.find_question(session, token)
    if question is None or not questions.answer_question(session, token=token, yes=True, now=now):
        return []
    match question.kind:
        case QuestionKind.AUTHOR:
            return held.waiting_for_author(session, question.member_id or 0)
        case QuestionKind.ADDRESS:
            return _add_address(session, question, now)
        case QuestionKind.JOINING:
            _join(session, decision, question, packed, now)
        case QuestionKind.DECISION:
            _decide(session, decision, question, now, always=always)
        case QuestionKind.MEANT:
            unclear.was_meant(session, question, now)
        case QuestionKind.MOVING:
            moving.move(session, decision.facts.host, question, now)
        case QuestionKind.FORGETTING:
            forgetting.forget(session, decision.facts.host, question.member_id or 0, now)
            record(session, "forgotten", "A member was forgotten, as she asked.", now=now)
    return []


def say_no(session: Session, host: Host, token: str, reason: str, now: datetime) -> None:
    """Keep back what the question was about. Strangers are not told; what a member never wrote is of no use to her."""
    question = questions.find_question(session, token)
    if question is None or not questions.answer_question(session, token=token, yes=False, now=now):
        return
    match question.kind:
        case QuestionKind.AUTHOR:
            _discard(session, held.waiting_for_author(session, question.member_id or 0), now)
        case QuestionKind.ADDRESS:
            _discard(session, held.waiting_for_answer(session, token), now)
        case QuestionKind.JOINING:
            text = f"{question.address} does not want to join."
            record(session, "declined", text, now=now, list_id=question.list_id)
        case QuestionKind.MOVING:
            record(session, "declined", "An address said no to being a member's.", now=now, list_id=question.list_id)
        case QuestionKind.FORGETTING:
            text = "A member asked to be forgotten, and changed her mind."
            record(session, "declined", text, now=now, list_id=question.list_id, member_id=question.member_id)
        case QuestionKind.MEANT:
            unclear.was_not_meant(session, host, question, now)
        case QuestionKind.DECISION:
            if _still_waits(session, question):
                moderation.reject_held(session, host, question.held_id or 0, now=now, reason=reason)


def _add_address(session: Session, question: Question, now: datetime) -> list[HeldPost]:
    """It is hers from now on; what came from it is posted as hers."""
    member_id = question.member_id or 0
    owner = members.member_of_address(session, question.key)
    if owner is not None and owner.id != member_id:
        text = f"{question.address} has become another member's meanwhile; what came from it goes on waiting."
        record(session, "dropped", text, now=now, list_id=question.list_id, member_id=member_id)
        return []
    if owner is None:
        members.add_address(session, member_id=member_id, address=question.address, key=question.key, now=now)
        text = f"{question.address} is another address of a member, as she says herself."
        record(session, "address", text, now=now, list_id=question.list_id, member_id=member_id)
    return held.waiting_for_answer(session, question.token)


def _join(session: Session, decision: Decision, question: Question, packed: Packed, now: datetime) -> None:
    """On an open list her own word is enough, and where she was invited; else a member's is wanted too."""
    facts, mailing_list = decision.facts, list_by_id(session, question.list_id)
    if mailing_list is None:
        return
    member = members.member_of_address(session, question.key)
    membership = members.membership(session, question.list_id, id_of(member)) if member else None
    is_invited = membership is not None and membership.status is Status.INVITED
    if mailing_list.joining is Joining.OPEN or is_invited:
        language = client_language(decision.incoming.message)
        newcomer = joining.Newcomer(Mailbox(question.name, question.address), question.delivery, language=language)
        joining.confirm(session, facts.host, mailing_list=mailing_list, newcomer=newcomer, now=now)
        return
    asked = Hold(f"{writer(decision.incoming, facts)} asks to join, and somebody has to say yes.", question.list_id)
    content_id = store_content(session, packed, now)
    moderation.hold(session, decision, asked, content_id=content_id, cause=f"question:{question.token}", now=now)


def _decide(session: Session, decision: Decision, question: Question, now: datetime, *, always: bool) -> None:
    if not _still_waits(session, question):
        return
    try:
        by = decision.facts.member
        moderation.approve_held(session, decision.facts.host, question.held_id or 0, now=now, by=by)
        if always:
            _trust(session, question, now)
    except Problem as problem:  # what has changed since we asked, such as a member who is on the list already
        record(session, "dropped", f"A decision came too late: {problem}.", now=now, list_id=question.list_id)


def _trust(session: Session, question: Question, now: datetime) -> None:
    """The author of what was held writes freely, where she is a member, or one of another server."""
    waiting = held.held_by_id(session, question.held_id or 0)
    remotely = remote_held.held_remote(session, question.held_id or 0)
    if waiting is not None and remotely is not None:
        trust_always(session, waiting, remotely[0], now)
        return
    author_id = waiting.member_id if waiting else None
    membership = members.membership(session, question.list_id, author_id) if author_id else None
    if waiting is None or membership is None:
        return
    members.update_membership(session, membership_id=id_of(membership), moderated=False, trusted=True)
    text = f"What {waiting.author} writes goes out unread from now on."
    record(session, "decided", text, now=now, list_id=question.list_id, member_id=author_id)


def _still_waits(session: Session, question: Question) -> bool:
    """The operator may have decided in another way."""
    waiting = held.held_by_id(session, question.held_id or 0)
    return waiting is not None and waiting.state is HeldState.WAITING


def _discard(session: Session, found: list[HeldPost], now: datetime) -> None:
    for waiting in found:
        moderation.discard_held(session, id_of(waiting), now=now)
