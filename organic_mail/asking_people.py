"""The people who run a list are asked about what is held: yes, or no?"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.facts import Facts, Host, id_of
from handlers.letter_words import words_of
from handlers.message import Message, parse
from handlers.notice import Notice, NoticeKind
from handlers.policy import owner_address
from handlers.reasons import told
from handlers.template import Value
from handlers.written import written_text_of
from organic_mail import asking, notices
from organic_mail.held_meaning import Meaning, applicant_of, meaning_of
from organic_mail.lookup import people_who_run
from organic_mail.vouching import ask_named_members, asked_too
from storage import questions
from storage.contents import read_content
from storage.lists import list_by_id
from storage.models import HeldPost, MailingList
from storage.models_questions import QuestionKind
from storage.remote_held import held_remote

REMIND_AFTER = timedelta(days=1)


def ask_people(session: Session, host: Host, waiting: HeldPost, now: datetime, *, once: str = "") -> None:
    """One short letter to each who can decide; the operator where nobody else can.

    once: one letter for everything with this name. Strangers who write to the list's other addresses cause one letter
    a day in all: they may be many.
    """
    message = parse(read_content(session, waiting.content_id))
    meaning = meaning_of(session, host, waiting, message)
    mailing_list = list_by_id(session, waiting.list_id) if waiting.list_id else None
    token = ""
    if mailing_list is not None and meaning is not Meaning.NOTHING:
        token = asking.new_question(session, QuestionKind.DECISION, mailing_list, now, held_id=waiting.id)
    applicant = applicant_of(session, host, waiting)
    if token and mailing_list is not None and applicant is not None:
        ask_named_members(session, mailing_list, applicant, written_text_of(message.raw), token)
    known = meaning is Meaning.POST or waiting.member_id or applicant
    cause = once or (f"held:{waiting.id}" if known else f"strangers:{waiting.list_id}:{now:%Y-%m-%d}")
    written = _write(session, host, mailing_list, waiting, meaning, message, token, cause, now)
    if token and not written:
        questions.drop_question(session, token)


def remind(session: Session, host: Host, now: datetime) -> None:
    """Write once more about what waits for a decision since yesterday."""
    for question, waiting in questions.to_remind_of(session, asked_before=now - REMIND_AFTER):
        question.reminded_at = now
        mailing_list = list_by_id(session, question.list_id)
        if mailing_list is None or mailing_list.removed_at is not None:
            continue
        message = parse(read_content(session, waiting.content_id))
        meaning = meaning_of(session, host, waiting, message)
        cause = f"held:{waiting.id}:again"
        _write(session, host, mailing_list, waiting, meaning, message, question.token, cause, now, reminder=True)


def _write(
    session: Session,
    host: Host,
    mailing_list: MailingList | None,
    waiting: HeldPost,
    meaning: Meaning,
    message: Message,
    token: str,
    cause: str,
    now: datetime,
    *,
    reminder: bool = False,
) -> bool:
    """Was a letter sent to anybody?"""
    reply_to = owner_address(Facts(host, mailing_list=mailing_list))
    if mailing_list is not None and token:
        reply_to = f"{mailing_list.name}-{token}@{host.domain}"
    quoted = written_text_of(message.raw)
    values: dict[str, Value] = {
        "meaning": meaning.name.lower(),
        "author": waiting.author,
        "subject": waiting.subject,
        "recipient": host.written_to(waiting.recipient.partition("@")[0]),
        "number": str(id_of(waiting)),
        "reminder": reminder,
        "days": mailing_list.held_days if mailing_list else 0,
        "written": bool(quoted.strip()),
        "known": waiting.member_id is not None or held_remote(session, id_of(waiting)) is not None,
    }
    written = False
    people = {each.address: each for each in (*people_who_run(session, host, mailing_list), *asked_too(session, token))}
    for person in people.values():
        letter = Notice(
            NoticeKind.ASKED,
            Mailbox(person.name, person.address),
            person.language,
            mailing_list,
            reply_to=reply_to,
            values={**values, "reason": told(waiting.reason, words_of(person.language))},
            quoted=quoted,
        )
        written |= notices.send(session, host, letter, cause=cause, now=now)
    return written
