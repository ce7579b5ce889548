"""In which language we write to somebody new: first a guess, then what her own mail program speaks (people.md §3.7)."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from handlers.client_language import client_language
from handlers.facts import Host, id_of
from handlers.message import Message
from storage import members
from storage.events import record
from storage.languages import usual_language
from storage.lists import list_by_id
from storage.models import MailingList


def guessed(session: Session, host: Host, mailing_list: MailingList) -> str:
    """That of most people on the list; the community's where there is nobody yet."""
    return usual_language(session, id_of(mailing_list)) or host.language


def learn(session: Session, host: Host, *, membership_id: int, message: Message, now: datetime) -> None:
    """From her first answer. What somebody has set for her stays, unless it is what we would have guessed."""
    language = client_language(message)
    membership = members.membership_by_id(session, membership_id)
    member = members.member_by_id(session, membership.member_id) if membership else None
    mailing_list = list_by_id(session, membership.list_id) if membership else None
    if language is None or member is None or mailing_list is None:
        return
    if member.language == language or member.language != guessed(session, host, mailing_list):
        return
    members.update_member(session, member_id=id_of(member), language=language)
    text = f"{member.name or member.alias} is written to in {language} now: so does her mail program."
    record(session, "changed", text, now=now, list_id=mailing_list.id, member_id=member.id)
