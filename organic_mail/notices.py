"""Mail that we write ourselves, put into the queue."""

from __future__ import annotations

import secrets as randomness
from datetime import datetime

from sqlmodel import Session

from handlers.facts import Host
from handlers.notice import Notice, notice
from handlers.token import Secrets, new_message_id, short_token
from organic_mail.config import Settings
from storage import queue
from storage.models import Member, Membership


def host_of(settings: Settings, secrets: Secrets) -> Host:
    """Whose server this is, as the handlers want to know it."""
    community = settings.community
    return Host(
        community.domain,
        community.name or community.domain,
        community.operator,
        community.language,
        community.timezone,
        secrets,
        settings.web.base_url,
    )


def send(
    session: Session,
    host: Host,
    letter: Notice,
    *,
    cause: str,
    now: datetime,
    member: Member | None = None,
    membership: Membership | None = None,
) -> bool:
    """Queue one letter of ours. False: this recipient has had a mail for this cause already."""
    message_id = new_message_id(randomness.token_bytes(16), host.domain)
    return queue.add_notice(
        session,
        raw=notice(letter, host, message_id=message_id, now=now),
        recipient=letter.recipient.address,
        cause=cause,
        language=letter.language,
        list_id=letter.mailing_list.id if letter.mailing_list else None,
        member_id=member.id if member else None,
        membership_id=membership.id if membership else None,
        now=now,
    )


def new_token() -> str:
    return short_token(randomness.token_bytes(9))
