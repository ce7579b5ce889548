"""Questions that we ask by mail: each has a token of its own, and its answer is read by `handlers.answer`.

Nobody is asked too often, whoever writes in her name (spec/mail.md §2.4, §2.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session

from handlers.address import Mailbox, address_key
from handlers.facts import Host, id_of
from handlers.message import Message
from handlers.notice import Notice, NoticeKind
from handlers.outcome import AskToJoin
from handlers.template import Value
from handlers.token import address_marks
from handlers.written import written_text_of
from organic_mail import notices
from organic_mail.first_language import guessed
from storage import bounces, members, questions
from storage.events import record
from storage.models import DeliveryMode, Joining, MailingList, Member
from storage.models_questions import QuestionKind
from storage.tokens import TokenTaken

MEMBER_DECIDES_IN = timedelta(days=7)  # spec/mail.md §2.4
_OPEN_FOR = {
    QuestionKind.AUTHOR: MEMBER_DECIDES_IN,
    QuestionKind.ADDRESS: MEMBER_DECIDES_IN,
    QuestionKind.JOINING: timedelta(days=7),
    QuestionKind.DECISION: timedelta(days=90),
    QuestionKind.LINE: timedelta(days=90),
    QuestionKind.MOVING: timedelta(days=7),
    QuestionKind.FORGETTING: timedelta(days=7),
    QuestionKind.MEANT: timedelta(days=7),
    QuestionKind.DEPARTURE: timedelta(days=7),  # spec/federation.md §2.6
}
_A_DAY = timedelta(days=1)
_AN_HOUR = timedelta(hours=1)
_MOST_ADDRESSES = 2  # a day, that one member is asked about; with the one question above it makes three letters
_MOST_JOININGS_UNANSWERED = 3  # ever, of one address
_MOST_JOININGS_OF_LIST = 20  # an hour
_MOST_JOININGS = 100  # an hour, of all lists
_BEGINNING = 200  # characters that we quote

log = structlog.get_logger()


def ask_author(
    session: Session,
    host: Host,
    member: Member,
    mailing_list: MailingList,
    message: Message,
    now: datetime,
    *,
    reader: str = "",
) -> None:
    """Did she write this? Asked at the address that we know, once a day: her answer is for all that waits by then.

    reader: for whom it is, when that is one member alone.
    """
    if _times_asked(session, QuestionKind.AUTHOR, member, now):
        return
    token = new_question(session, QuestionKind.AUTHOR, mailing_list, now, member_id=id_of(member))
    values = {"subject": message.subject, "beginning": beginning(message), "reader": reader}
    _send_to_member(session, host, NoticeKind.DID_YOU_WRITE, member, mailing_list, token, message, values, now)


def ask_leaving(
    session: Session, host: Host, member: Member, mailing_list: MailingList, message: Message, now: datetime
) -> None:
    """The same question in the words of somebody who wants to leave; of both together there is one a day."""
    if _times_asked(session, QuestionKind.AUTHOR, member, now):
        return
    token = new_question(session, QuestionKind.AUTHOR, mailing_list, now, member_id=id_of(member))
    _send_to_member(session, host, NoticeKind.DO_YOU_LEAVE, member, mailing_list, token, message, {}, now)


def ask_about_address(
    session: Session,
    host: Host,
    member: Member,
    mailing_list: MailingList,
    author: Mailbox,
    message: Message,
    now: datetime,
    *,
    reader: str = "",
) -> str:
    """Is that other address hers too? Asked once about each; the token of the question, "" when it cannot be asked.

    reader: for whom the email is, when that is one member alone.
    """
    key = address_key(author.address)
    known = questions.asked_about_address(session, member_id=id_of(member), key=key)
    if known is not None:
        return known.token
    if _times_asked(session, QuestionKind.ADDRESS, member, now) >= _MOST_ADDRESSES:
        return ""
    token = new_question(
        session, QuestionKind.ADDRESS, mailing_list, now, member_id=id_of(member), key=key, address=author.address
    )
    values = {"subject": message.subject, "other": author.address, "reader": reader}
    _send_to_member(session, host, NoticeKind.ALSO_YOU, member, mailing_list, token, message, values, now)
    return token


def ask_to_join(
    session: Session, host: Host, mailing_list: MailingList, request: AskToJoin, message_id: str, now: datetime
) -> None:
    """Does whoever has this address want to join? No word of the request stands in the letter."""
    address = request.mailbox.address
    key = address_key(address)
    lately, unanswered = questions.joinings_of_address(session, key=key, since=now - _A_DAY)
    if lately or unanswered >= _MOST_JOININGS_UNANSWERED or joining_is_busy(session, mailing_list, now):
        text = f"{address} asked to join {mailing_list.name} again, and was not written to again."
        record(session, "dropped", text, now=now, list_id=mailing_list.id)
        return
    if bounces.suppression(session, address_marks(host.secrets, key)):
        text = f"{address} asked to join {mailing_list.name}, and was not written to: our emails came back from there."
        record(session, "dropped", text, now=now, list_id=mailing_list.id)
        return
    token = new_question(
        session,
        QuestionKind.JOINING,
        mailing_list,
        now,
        key=key,
        address=address,
        name=request.mailbox.name,
        delivery=request.delivery,
    )
    letter = Notice(
        NoticeKind.CONFIRM_JOINING,
        Mailbox("", address),
        guessed(session, host, mailing_list),
        mailing_list,
        reply_to=f"{mailing_list.name}-{token}@{host.domain}",
        in_reply_to=message_id,
        values={"vouched": mailing_list.joining is Joining.VOUCHED},
    )
    notices.send(session, host, letter, cause=f"question:{token}", now=now)
    text = f"{address} asked to join {mailing_list.name}, and was asked to confirm it."
    record(session, "asked", text, now=now, list_id=mailing_list.id)


def joining_is_busy(session: Session, mailing_list: MailingList, now: datetime) -> bool:
    """Have so many been asked in this hour that something must be wrong?"""
    since = now - _AN_HOUR
    if questions.joinings_since(session, since) >= _MOST_JOININGS:
        log.warning("too many people ask to join, so nobody is answered")
        return True
    return questions.joinings_since(session, since, list_id=id_of(mailing_list)) >= _MOST_JOININGS_OF_LIST


def new_question(
    session: Session,
    kind: QuestionKind,
    mailing_list: MailingList,
    now: datetime,
    *,
    member_id: int | None = None,
    held_id: int | None = None,
    key: str = "",
    address: str = "",
    name: str = "",
    delivery: DeliveryMode | None = None,
) -> str:
    """The token of a question that is written down here and sent by the caller."""
    while True:
        token = notices.new_token()
        try:
            questions.add_question(
                session,
                token=token,
                kind=kind,
                list_id=id_of(mailing_list),
                now=now,
                expires_at=now + _OPEN_FOR[kind],
                member_id=member_id,
                held_id=held_id,
                key=key,
                address=address,
                name=name,
                delivery=delivery,
            )
        except TokenTaken:
            continue
        return token


def beginning(message: Message) -> str:
    """The first words that its author wrote."""
    return written_text_of(message.raw).strip()[:_BEGINNING]


def _times_asked(session: Session, kind: QuestionKind, member: Member, now: datetime) -> int:
    """In the last 24 hours."""
    return questions.times_asked_member(session, kind=kind, member_id=id_of(member), since=now - _A_DAY)


def _send_to_member(
    session: Session,
    host: Host,
    kind: NoticeKind,
    member: Member,
    mailing_list: MailingList,
    token: str,
    message: Message,
    values: Mapping[str, Value],
    now: datetime,
) -> None:
    letter = Notice(
        kind,
        Mailbox(member.name, members.primary_address(session, id_of(member))),
        member.language,
        mailing_list,
        reply_to=f"{mailing_list.name}-{token}@{host.domain}",
        in_reply_to=message.message_id,
        values=values,
    )
    notices.send(session, host, letter, cause=f"question:{token}", now=now, member=member)
    text = f"{member.name or member.alias} was asked about an email in {mailing_list.name}."
    record(session, "asked", text, now=now, list_id=mailing_list.id, member_id=member.id)
