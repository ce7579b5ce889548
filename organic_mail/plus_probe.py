"""Does the provider deliver mail for NAME+anything@ to our mailbox? One letter to ourselves finds out."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.facts import Host
from handlers.notice import Notice, NoticeKind
from handlers.one_mailbox import OneMailbox
from handlers.token import Secrets
from organic_mail import notices
from storage import mailboxes
from storage.budget import PROBE


def probe_local(secrets: Secrets, mailbox: OneMailbox) -> str:
    """What stands behind the plus of that letter's address; nobody else can make it up."""
    digest = hmac.digest(secrets[0].key, b"plus1" + mailbox.key.encode(), hashlib.sha256)
    return f"organic-{base64.b32encode(digest[:10]).decode('ascii').lower()}"


def ask(session: Session, host: Host, mailbox: OneMailbox, now: datetime) -> bool:
    """Queue that letter, once for each mailbox of which nobody knows."""
    if mailbox.plus or not mailboxes.ask_for_plus(session, mailbox.key, now):
        return False
    address = OneMailbox(mailbox.address, plus=True).reaching(probe_local(host.secrets, mailbox))
    letter = Notice(NoticeKind.PROBE, Mailbox("", address), host.language, None, reply_to=f"postmaster@{host.domain}")
    return notices.send(session, host, letter, cause=f"{PROBE}{mailbox.key}", now=now)
