"""What a member wrote to us that is nearly a command: she is asked, and a person reads it unless she says yes."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.decide import Decision
from handlers.facts import Host, id_of
from handlers.notice import Notice, NoticeKind
from handlers.outcome import AskWhatSheMeant, Hold
from handlers.phrase_table import usual_phrase
from handlers.policy import writer
from organic_mail import asking, moderation, notices
from organic_mail.joining import Answer
from storage import held, members, questions
from storage.contents import Packed, store_content
from storage.models import HeldState
from storage.models_questions import Question, QuestionKind


def ask_what_she_meant(
    session: Session, decision: Decision, action: AskWhatSheMeant, packed: Packed, answer: Answer, now: datetime
) -> None:
    """Once an hour; the message is kept meanwhile, and stands in the operator's daily note."""
    facts = decision.facts
    if facts.mailing_list is None or facts.member is None:
        return
    reason = f"{writer(decision.incoming, facts)} asks for help."
    waiting = moderation.hold(
        session,
        decision,
        Hold(reason, facts.list_id, action.member_id, ask=False),
        content_id=store_content(session, packed, now),
        cause=answer.cause,
        now=now,
    )
    token = asking.new_question(
        session,
        QuestionKind.MEANT,
        facts.mailing_list,
        now,
        member_id=action.member_id,
        held_id=id_of(waiting),
        key=action.command,
    )
    language = facts.member.language
    letter = Notice(
        NoticeKind.NOT_SURE,
        Mailbox(facts.member.name, members.primary_address(session, action.member_id)),
        language,
        facts.mailing_list,
        reply_to=f"{facts.mailing_list.name}-{token}@{facts.host.domain}",
        in_reply_to=answer.message_id,
        values={"said": action.said, "meant": usual_phrase(action.command, language)},
    )
    cause = f"not_sure:{facts.list_id}:{now:%Y-%m-%dT%H}"
    if not notices.send(session, facts.host, letter, cause=cause, now=now, member=facts.member):
        questions.drop_question(session, token)


def was_meant(session: Session, question: Question, now: datetime) -> None:
    """Nobody has to read it any more."""
    waiting = held.held_by_id(session, question.held_id or 0)
    if waiting is not None and waiting.state is HeldState.WAITING:
        moderation.discard_held(session, id_of(waiting), now=now)


def was_not_meant(session: Session, host: Host, question: Question, now: datetime) -> None:
    waiting = held.held_by_id(session, question.held_id or 0)
    if waiting is not None and waiting.state is HeldState.WAITING:
        moderation.hold_on(session, host, waiting, waiting.reason, now)
