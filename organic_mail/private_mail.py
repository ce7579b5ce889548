"""Private mail: put into the queue, ended and begun again, and what its writer hears when it does not arrive.

No letter about it tells an address: only who writes to whom, by name.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.facts import Facts, Host, id_of
from handlers.letter_words import words_of
from handlers.message import parse
from handlers.notice import Notice, NoticeKind
from handlers.outcome import NotArrived, SendPrivately
from handlers.policy import owner_address
from handlers.reasons import told
from handlers.template import Value
from organic_mail import notices
from organic_mail.joining import Answer
from storage import members, private_mail
from storage.contents import read_content
from storage.events import record
from storage.lists import list_by_id
from storage.models import MailingList, Member


def send_privately(session: Session, action: SendPrivately, *, content_id: int, now: datetime) -> None:
    writer, reader = _people(session, action.writer_id, action.reader_id)
    private_mail.send_privately(
        session,
        list_id=action.list_id,
        writer_id=action.writer_id,
        reader_id=action.reader_id,
        content_id=content_id,
        message_id=action.message_id,
        original_message_id=action.original_message_id,
        recipient=members.primary_address(session, action.reader_id),
        language=reader.language,
        now=now,
    )
    text = f"{_name(writer)} wrote to {_name(reader)} alone."
    record(session, "private", text, now=now, member_id=action.writer_id)


def block(session: Session, host: Host, blocker_id: int, blocked_id: int, answer: Answer, now: datetime) -> None:
    """From now on nothing private goes between the two; she who wants it so is told how to change it back."""
    private_mail.block(session, blocker_id=blocker_id, blocked_id=blocked_id, now=now)
    _confirm(session, host, NoticeKind.BLOCKED, blocker_id, blocked_id, answer, now)


def unblock(session: Session, host: Host, blocker_id: int, blocked_id: int, answer: Answer, now: datetime) -> None:
    private_mail.unblock(session, blocker_id=blocker_id, blocked_id=blocked_id)
    _confirm(session, host, NoticeKind.UNBLOCKED, blocker_id, blocked_id, answer, now)


def came_back(session: Session, host: Host, private_id: int, now: datetime) -> None:
    """It did not arrive. Its writer is told once, and nothing of what the other server said."""
    mail = private_mail.private_by_id(session, private_id)
    if mail is None:
        return
    message = parse(read_content(session, mail.content_id))
    lost = NotArrived(mail.list_id, mail.writer_id, mail.reader_id, message.subject, "")
    tell_writer(session, host, lost, Answer(f"private:{private_id}", message.message_id), now)


def tell_writer(session: Session, host: Host, lost: NotArrived, answer: Answer, now: datetime) -> None:
    writer, reader = _people(session, lost.writer_id, lost.reader_id)
    mailing_list = list_by_id(session, lost.list_id)
    values: dict[str, Value] = {
        "other": _name(reader),
        "subject": lost.subject,
        "reason": told(f"{lost.reason}.", words_of(writer.language)) if lost.reason else "",
    }
    reply_to = owner_address(Facts(host, mailing_list=mailing_list))
    _write(session, host, NoticeKind.PRIVATE_LOST, writer, mailing_list, reply_to, values, answer, now)
    text = f"A private email from {_name(writer)} to {_name(reader)} did not arrive, and its writer was told."
    record(session, "private", text, now=now, member_id=lost.writer_id)


def _confirm(
    session: Session, host: Host, kind: NoticeKind, blocker_id: int, blocked_id: int, answer: Answer, now: datetime
) -> None:
    blocker, blocked = _people(session, blocker_id, blocked_id)
    shared = private_mail.shared_list(session, member_id=blocker_id, other_id=blocked_id)
    values: dict[str, Value] = {"other": _name(blocked)}
    _write(session, host, kind, blocker, shared, f"{blocked.alias}@{host.domain}", values, answer, now)
    word = "no private mail any more from" if kind is NoticeKind.BLOCKED else "private mail again from"
    record(session, "private", f"{_name(blocker)} wants {word} {_name(blocked)}.", now=now, member_id=blocker_id)


def _write(
    session: Session,
    host: Host,
    kind: NoticeKind,
    member: Member,
    mailing_list: MailingList | None,
    reply_to: str,
    values: dict[str, Value],
    answer: Answer,
    now: datetime,
) -> None:
    address = members.primary_address(session, id_of(member))
    letter = Notice(
        kind,
        Mailbox(member.name, address),
        member.language,
        mailing_list,
        reply_to=reply_to,
        in_reply_to=answer.message_id,
        values=values,
    )
    notices.send(session, host, letter, cause=answer.cause, now=now, member=member)


def _people(session: Session, writer_id: int, reader_id: int) -> tuple[Member, Member]:
    """Raises LookupError when one of them is no more."""
    writer, reader = members.member_by_id(session, writer_id), members.member_by_id(session, reader_id)
    if writer is None or reader is None:
        raise LookupError(f"no member {writer_id} or {reader_id}")
    return writer, reader


def _name(member: Member) -> str:
    return member.name or member.alias
