"""Mail to other servers, put into the queue: signed as ours, readable by people (spec/federation.md §2.1)."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from handlers.facts import Host
from handlers.peer.card import CAPABILITIES, Card, write_card
from handlers.peer.control import Control, canonical
from handlers.peer.control_mail import control_digest
from handlers.peer.handshake import State, Us
from handlers.peer.hop import Hop, signed_hop
from handlers.peer.letter import PEER_MAILBOX, PeerLetter, write_letter
from handlers.peer.limits import LIMITS, roster_waits, with_roster
from handlers.peer.link_time import owing_status
from handlers.peer.roster import Entry, read_roster
from handlers.peer.space import WANT_ROSTER
from handlers.token import new_message_id
from organic_mail.problem import Problem
from organic_mail.relay_store import link_with, save_link
from organic_mail.version import version
from storage import peers, queue, spaces
from storage.models_peers import Peer

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
        limits=LIMITS,
        rules=_RULES,
        issued=now,
    )
    return Ourselves(Us(host.domain, key, write_card(card, key)), relay)


def send_handshake(session: Session, host: Host, control: Control, domain: str, now: datetime) -> None:
    """To a server that may not know us yet."""
    _send(session, host, PeerLetter(control, host.domain, domain, f"{PEER_MAILBOX}@{domain}"), now)


def send_over(
    session: Session, host: Host, us: Us, peer: Peer, control: Control, now: datetime, *, asked: bool = False
) -> None:
    """Over a link. Of rosters that nobody asked for only so many a day; the others are told of in a status at once."""
    link = link_with(session, peer.domain)
    if link is not None and control.type == "roster" and not asked:
        if roster_waits(link.given, now) and _may_ask(session, us, peer, control, now):
            save_link(session, owing_status(link, now))
            return
        save_link(session, replace(link, given=with_roster(link.given, now)))
    if link is not None and control.type == WANT_ROSTER:
        save_link(session, replace(link, roster_asked_at=now))
    hop = signed_hop(Hop(us.domain, peer.domain, peer.our_epoch, 0, control_digest(control), us.domain), us.key)
    address = f"{PEER_MAILBOX}-{peer.their_mailbox}@{peer.domain}"
    _send(session, host, PeerLetter(control, us.domain, peer.domain, address, hop), now)


def _may_ask(session: Session, us: Us, peer: Peer, control: Control, now: datetime) -> bool:
    """Will our status make the peer ask for this roster? It does where both are in, and it is the one we go by."""
    roster = read_roster(control)
    space = spaces.space_by_id(session, roster.space)
    block = spaces.roster_block(session, space.id, space.serial) if space else None
    is_ours = block == canonical(control.fields).decode()
    return is_ours and all(roster.entry(domain, now) for domain in (us.domain, peer.domain))


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
