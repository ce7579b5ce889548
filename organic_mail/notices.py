"""Mail that we write ourselves, put into the queue."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlmodel import Session

from handlers.facts import Host
from handlers.notice import Notice, NoticeKind, notice
from handlers.one_mailbox import letter_id
from handlers.peer.keys import PeerKey
from handlers.token import Secrets, letter_mark, new_message_id, short_token
from organic_mail.config import Settings
from organic_mail.imap_profile import own_mailbox
from storage import queue
from storage.database import Database
from storage.models import Member, Membership

_SHORT_LIVED = {NoticeKind.CONFIRM_JOINING, NoticeKind.DID_YOU_WRITE, NoticeKind.DO_YOU_LEAVE, NoticeKind.ALSO_YOU}
QUESTION_HOURS = 4  # after which she has forgotten what she did, and is asked anew when she does it again


def host_of(
    settings: Settings,
    secrets: Secrets,
    database: Database,
    peer_key: Callable[[bytes], PeerKey] | None = None,
) -> Host:
    """Whose server this is, as the handlers want to know it. Raises Problem when a mailbox's address is not known.

    peer_key: an OwnKeys, where something may have to be signed for other servers.
    """
    community = settings.community
    return Host(
        community.domain,
        community.name or community.domain,
        community.operator,
        community.language,
        community.timezone,
        secrets,
        base_url=settings.web.base_url,
        mailbox=own_mailbox(settings, database),
        peer_key=peer_key,
        peers_may_ask=community.peering == "open",
        posts_per_hour=settings.limits.posts_per_hour if settings.smtp.authentication == "enforce" else 0,
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
    member_id = member.id if member and member.id else 0
    random = letter_mark(host.secrets, member_id=member_id, random=randomness.token_bytes(8))
    if host.mailbox:
        message_id = letter_id(random, letter.reply_to.partition("@")[0], host.domain)
    else:
        message_id = new_message_id(random, host.domain)
    return queue.add_notice(
        session,
        raw=notice(letter, host, message_id=message_id, now=now),
        recipient=letter.recipient.address,
        cause=cause,
        language=letter.language,
        list_id=letter.mailing_list.id if letter.mailing_list else None,
        member_id=member.id if member else None,
        membership_id=membership.id if membership else None,
        expires_at=now + timedelta(hours=QUESTION_HOURS) if letter.kind in _SHORT_LIVED else None,
        now=now,
    )


def new_token() -> str:
    return short_token(randomness.token_bytes(9))
