"""Mail to other servers, put into the queue: signed as ours, readable by people (spec/federation.md §2.1)."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from handlers.facts import Host
from handlers.peer.card import CAPABILITIES, Card, write_card
from handlers.peer.control import Control
from handlers.peer.control_mail import control_digest
from handlers.peer.handshake import State, Us
from handlers.peer.hop import Hop, signed_hop
from handlers.peer.letter import PEER_MAILBOX, PeerLetter, write_letter
from handlers.peer.roster import Entry
from handlers.token import new_message_id
from organic_mail.problem import Problem
from organic_mail.version import version
from storage import peers, queue
from storage.models_peers import Peer

_LIMITS = "120/h 1000/d"
_RULES = "A reply never travels further than what it answers."


@dataclass(frozen=True, slots=True)
class Ourselves:
    """Who we are among other servers."""

    us: Us
    relay: str  # the address that rosters have


def ourselves(session: Session, host: Host, now: datetime) -> Ourselves:
    """Raises Problem where this server has no key of its own."""
    row = peers.own_key(session)
    if row is None or host.peer_key is None:
        raise Problem("this server has no key for other servers yet; it is made by: organic-mail peer invite")
    key = host.peer_key(row.key)
    relay = f"{PEER_MAILBOX}-{row.mailbox}@{host.domain}"
    card = Card(
        domain=host.domain,
        operator=host.name,
        contact=host.operator,
        software=f"Organic Mail {version()}",
        key=key.public,
        next=row.next,
        relay=f"{PEER_MAILBOX}@{host.domain}",
        capabilities=CAPABILITIES,
        limits=_LIMITS,
        rules=_RULES,
        issued=now,
    )
    return Ourselves(Us(host.domain, key, write_card(card, key)), relay)


def send_handshake(session: Session, host: Host, control: Control, domain: str, now: datetime) -> None:
    """To a server that may not know us yet."""
    _send(session, host, PeerLetter(control, host.domain, domain, f"{PEER_MAILBOX}@{domain}"), now)


def send_over(session: Session, host: Host, us: Us, peer: Peer, control: Control, now: datetime) -> None:
    """Over a link."""
    hop = signed_hop(Hop(us.domain, peer.domain, peer.our_epoch, 0, control_digest(control), us.domain), us.key)
    address = f"{PEER_MAILBOX}-{peer.their_mailbox}@{peer.domain}"
    _send(session, host, PeerLetter(control, us.domain, peer.domain, address, hop), now)


def send_around(
    session: Session,
    host: Host,
    us: Us,
    control: Control,
    entries: Iterable[Entry],
    *,
    but: Collection[str],
    now: datetime,
) -> bool:
    """Over every link to a server of the space; each of them does the same. False when there is no such link."""
    domains = {entry.domain for entry in entries} - {*but, us.domain}
    linked = [peer for peer in peers.all_peers(session) if peer.state == State.ACTIVE and peer.domain in domains]
    for peer in linked:
        send_over(session, host, us, peer, control, now)
    return bool(linked)


def send_towards(
    session: Session,
    host: Host,
    us: Us,
    control: Control,
    domain: str,
    entries: Iterable[Entry],
    *,
    but: Collection[str],
    now: datetime,
) -> bool:
    """To one server: over our link with it, or else by way of all others of the space. False when there is no way."""
    peer = peers.peer_at(session, domain)
    if peer is None or peer.state != State.ACTIVE:
        return send_around(session, host, us, control, entries, but=but, now=now)
    send_over(session, host, us, peer, control, now)
    return True


def _send(session: Session, host: Host, letter: PeerLetter, now: datetime) -> None:
    message_id = new_message_id(randomness.token_bytes(16), host.domain)
    raw = write_letter(letter, message_id=message_id, now=now)
    queue.add_notice(session, raw=raw, recipient=letter.to, cause=None, now=now)
