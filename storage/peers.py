"""Other servers: our own keys, the codes that were given out, links and the keys of their other ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from storage.models_peers import HandshakeDay, OwnPeerKey, Peer, PeerInvite, PeerKey


def own_key(session: Session) -> OwnPeerKey | None:
    """The one in use."""
    return session.exec(select(OwnPeerKey).order_by(col(OwnPeerKey.id).desc())).first()


def own_keys(session: Session) -> list[OwnPeerKey]:
    """All that we ever had."""
    return list(session.exec(select(OwnPeerKey).order_by(col(OwnPeerKey.id))))


def add_own_key(session: Session, *, key: bytes, following: str, mailbox: str, now: datetime) -> OwnPeerKey:
    """From now on we are known by this one. following: the hash of the key after it."""
    added = OwnPeerKey(key=key, next=following, mailbox=mailbox, made_at=now)
    session.add(added)
    session.flush()
    return added


def add_invite(session: Session, *, token: str, now: datetime) -> None:
    session.add(PeerInvite(token=token, made_at=now))
    session.flush()


def unused_invites(session: Session, *, after: datetime) -> list[PeerInvite]:
    """Those made after a moment that nobody has used."""
    query = select(PeerInvite).where(PeerInvite.made_at > after, PeerInvite.used_by == "")
    return list(session.exec(query.order_by(col(PeerInvite.made_at))))


def old_invites(session: Session, *, before: datetime) -> list[PeerInvite]:
    """Those that were used, or made before a moment."""
    return list(session.exec(select(PeerInvite).where((PeerInvite.used_by != "") | (PeerInvite.made_at <= before))))


def use_invite(session: Session, token: str, *, domain: str, now: datetime) -> None:
    """A code counts once."""
    invite = session.get_one(PeerInvite, token)
    invite.used_by = domain
    invite.used_at = now
    session.flush()


def all_peers(session: Session) -> list[Peer]:
    """By domain."""
    return list(session.exec(select(Peer).order_by(col(Peer.domain))))


def peer_at(session: Session, domain: str) -> Peer | None:
    return session.get(Peer, domain)


def is_own_mailbox(session: Session, mailbox: str) -> bool:
    """Is it the one that stands in rosters, for servers that have no link with us?"""
    own = own_key(session)
    return own is not None and own.mailbox == mailbox


def peer_of_mailbox(session: Session, mailbox: str) -> Peer | None:
    """Whose mail comes to organic-peer-MAILBOX@."""
    return session.exec(select(Peer).where(Peer.our_mailbox == mailbox, col(Peer.our_mailbox) != "")).first()


def save_peer(session: Session, *, domain: str, fields: Mapping[str, Any]) -> Peer:
    """All that a handshake knows, written over what was known before."""
    peer = session.get(Peer, domain)
    if peer is None:
        peer = Peer(domain=domain, **fields)
        session.add(peer)
    else:
        for name, value in fields.items():
            setattr(peer, name, value)
    session.flush()
    return peer


def requests_since(session: Session, moment: datetime) -> int:
    """How many other servers have asked us."""
    query = select(func.count()).select_from(Peer).where(col(Peer.is_ours), Peer.began_at > moment)
    return session.exec(query).one()


def count_handshake(session: Session, day: date) -> int:
    """One more mail of a handshake came; how many of this day, this one included."""
    row = session.get(HandshakeDay, day) or HandshakeDay(day=day, count=0)
    row.count += 1
    session.add(row)
    session.flush()
    return row.count


def rotations_since(session: Session, domain: str, moment: datetime) -> int:
    """How often another server has changed its key; the first one that we knew is no change."""
    keys = [key for key in peer_keys(session, domain) if key.valid_from > moment]
    first = min((key.valid_from for key in peer_keys(session, domain)), default=moment)
    return sum(1 for key in keys if key.valid_from > first)


def peer_keys(session: Session, domain: str) -> list[PeerKey]:
    """The newest first."""
    query = select(PeerKey).where(PeerKey.domain == domain)
    return list(session.exec(query.order_by(col(PeerKey.valid_until).is_not(None), col(PeerKey.valid_from).desc())))


def all_peer_keys(session: Session) -> list[PeerKey]:
    return list(session.exec(select(PeerKey).order_by(col(PeerKey.valid_from).desc())))


def pin_key(session: Session, *, domain: str, key: bytes, following: str, now: datetime) -> None:
    """The key that our operator agreed to is the only one of that server."""
    for old in peer_keys(session, domain):
        session.delete(old)
    session.flush()
    session.add(PeerKey(domain=domain, key=key, next=following, valid_from=now))
    session.flush()


def change_key(
    session: Session,
    *,
    domain: str,
    key: bytes,
    following: str,
    old_until: datetime,
    compromised_since: datetime | None,
    now: datetime,
) -> None:
    """A server goes on with another key; what the old one signed is believed a while longer."""
    for old in peer_keys(session, domain):
        if old.valid_until is None:
            old.valid_until = old_until
            old.compromised_since = compromised_since
    session.add(PeerKey(domain=domain, key=key, next=following, valid_from=now))
    session.flush()
