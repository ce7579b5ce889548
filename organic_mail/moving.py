"""A member's mail goes to a new address, once who has it says yes; all her settings and history stay with her."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from handlers.address import Mailbox, address_key
from handlers.facts import Host, id_of
from handlers.notice import Notice, NoticeKind
from handlers.wishes import AskToMove
from organic_mail import asking, notices, pausing
from organic_mail.lookup import is_banned_from
from storage import members, questions
from storage.events import record
from storage.lists import list_by_id
from storage.models import MailingList, Member
from storage.models_questions import Question, QuestionKind

_MOST = 2  # addresses a day that one member names
_A_DAY = timedelta(days=1)


def ask_at_new_address(session: Session, host: Host, wish: AskToMove, in_reply_to: str, now: datetime) -> None:
    """Whoever has it is asked, without a word of the request. An address of somebody else is not written to."""
    member, mailing_list = members.member_by_id(session, wish.member_id), list_by_id(session, wish.list_id)
    if member is None or mailing_list is None:
        return
    key = address_key(wish.address)
    owner = members.member_of_address(session, key)
    since = now - _A_DAY
    asked = questions.times_asked_member(session, kind=QuestionKind.MOVING, member_id=wish.member_id, since=since)
    if (owner is not None and owner.id != member.id) or asked >= _MOST or is_banned_from(session, None, wish.address):
        text = f"{member.name or member.alias} wants to be written to at {wish.address}, which cannot be."
        record(session, "dropped", text, now=now, list_id=mailing_list.id, member_id=member.id)
        return
    token = asking.new_question(
        session, QuestionKind.MOVING, mailing_list, now, member_id=wish.member_id, key=key, address=wish.address
    )
    letter = _letter(host, NoticeKind.CONFIRM_MOVING, member, wish.address, mailing_list, token, in_reply_to)
    if not notices.send(session, host, letter, cause=f"moving:{now:%Y-%m-%d}", now=now, member=member):
        questions.drop_question(session, token)


def move(session: Session, host: Host, question: Question, now: datetime) -> None:
    """Her first address from now on; the old one stays hers, to write from, and is told."""
    member = members.member_by_id(session, question.member_id or 0)
    mailing_list, owner = list_by_id(session, question.list_id), members.member_of_address(session, question.key)
    if member is None or mailing_list is None or (owner is not None and owner.id != member.id):
        return
    before = members.primary_address(session, id_of(member))
    if owner is None:
        members.add_address(session, member_id=id_of(member), address=question.address, key=question.key, now=now)
    members.make_primary(session, member_id=id_of(member), key=question.key)
    pausing.resume(session, id_of(member), now)
    letter = _letter(host, NoticeKind.MOVED, member, before, mailing_list, "owner", "")
    notices.send(session, host, letter, cause=f"moved:{question.token}", now=now, member=member)
    text = f"{member.name or member.alias} is written to at {question.address} now, as she wished."
    record(session, "moved", text, now=now, list_id=mailing_list.id, member_id=member.id)


def _letter(
    host: Host,
    kind: NoticeKind,
    member: Member,
    address: str,
    mailing_list: MailingList,
    reply_to: str,
    in_reply_to: str,
) -> Notice:
    return Notice(
        kind,
        Mailbox("" if kind is NoticeKind.CONFIRM_MOVING else member.name, address),
        member.language,
        mailing_list,
        reply_to=f"{mailing_list.name}-{reply_to}@{host.domain}",
        in_reply_to=in_reply_to,
    )
