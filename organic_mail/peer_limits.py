"""What another server sends beyond what was agreed waits there: our mail server says so before it takes a mail.

spec/federation.md §2.10. The counts stand in the account of the link and in what came, so that a restart forgets none.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from handlers.facts import Host
from handlers.message import Message
from handlers.peer.control import Control, Unreadable
from handlers.peer.direct import writes_too_much
from handlers.peer.letter import read_letter
from handlers.peer.limits import DAY, HANDSHAKES_PER_DAY, HOUR, ROTATIONS_PER_DAY, roster_waits, with_roster
from handlers.peer.relay import full_until, wrote_enough
from handlers.peer.relay_mail import SEALED_KINDS, read_heading, read_hop
from handlers.peer.rotation import read_rotation
from handlers.peer.store import Link
from organic_mail.relay_store import link_with, reading_store, save_link
from storage import peers
from storage.events import record


def must_wait(session: Session, host: Host, message: Message, token: str, now: datetime) -> bool:
    """Shall its sender try again later? Nothing is written; a mail that cannot be read waits for nothing.

    In mailbox mode it is here already: there a status asks for a pause (handlers.peer.relay).
    """
    if host.mailbox is not None or not token:
        return False
    kind = (message.value("organic-type") or "").strip()
    try:
        if kind in SEALED_KINDS:
            return _post_waits(session, message, token, now)
        if kind in ("roster", "rotate"):
            return _control_waits(session, read_letter(message), token, now)
    except Unreadable:
        return False
    return False


def count_roster(session: Session, domain: str, now: datetime) -> None:
    """One came from this peer. What we have asked for counts for nothing."""
    link = link_with(session, domain)
    if link is not None and not _is_asked(link, now):
        save_link(session, replace(link, taken=with_roster(link.taken, now, receives=True)))


def changes_too_often(session: Session, domain: str, now: datetime) -> bool:
    """Has this server changed its key as often as anybody may in a day?"""
    return peers.rotations_since(session, domain, now - DAY) >= ROTATIONS_PER_DAY


def handshake_counts(session: Session, now: datetime) -> bool:
    """False: so many of these mails came today that the rest is dropped in silence."""
    count = peers.count_handshake(session, now.date())
    if count == HANDSHAKES_PER_DAY + 1:
        text = (
            f"More than {HANDSHAKES_PER_DAY} mails that begin with us came from other servers today; no more are read."
        )
        record(session, "dropped", text, now=now)
    return count <= HANDSHAKES_PER_DAY


def _post_waits(session: Session, message: Message, token: str, now: datetime) -> bool:
    store, seal = reading_store(session), read_heading(message)
    if peers.is_own_mailbox(session, token):
        return writes_too_much(store, seal, read_hop(message, what="").hop.sender, now)
    link = store.link_of_token(token)
    if link is None or store.seen(seal.key):
        return False
    return full_until(store, link, seal, now) is not None or wrote_enough(store, seal, now)


def _control_waits(session: Session, control: Control, token: str, now: datetime) -> bool:
    peer = peers.peer_of_mailbox(session, token)
    link = link_with(session, peer.domain) if peer else None
    if link is None:
        return False
    if control.type == "rotate":
        return changes_too_often(session, read_rotation(control).domain, now)
    return roster_waits(link.taken, now, receives=True) and not _is_asked(link, now)


def _is_asked(link: Link, now: datetime) -> bool:
    return link.roster_asked_at is not None and now < link.roster_asked_at + HOUR
