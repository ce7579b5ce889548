"""Rosters that we have, go by and issue (spec/federation.md §2.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlmodel import Session

from handlers.facts import Host
from handlers.notice import NoticeKind
from handlers.peer import space as blocks
from handlers.peer.control import Control, canonical, read_canonical
from handlers.peer.handshake import Us
from handlers.peer.roster import Entry, Roster, read_roster
from organic_mail.operator_letter import tell_operator
from organic_mail.peer_sending import ourselves, send_around
from organic_mail.space_news import tell_of_joining
from storage import peers
from storage import spaces as kept
from storage.arrivals import remember
from storage.events import record
from storage.models_spaces import Space

_RENEWED_BEFORE = timedelta(days=45)
_SUCCESSOR_WAITS = timedelta(hours=1)


def current_roster(session: Session, space: Space) -> Roster:
    """The one that we go by."""
    block = kept.roster_block(session, space.id, space.serial)
    if block is None:
        raise LookupError(f"no roster {space.serial} of {space.id}")
    return read_roster(read_canonical(block))


def known_keys(session: Session, domain: str) -> Mapping[str, tuple[bytes, ...]]:
    """By domain, every key that our operator agreed to or that was changed to since; ours, at `domain`, included."""
    found = {domain: tuple(each.key for each in peers.own_keys(session))}
    for each in peers.all_peer_keys(session):
        found[each.domain] = (*found.get(each.domain, ()), each.key)
    return found


def issue(session: Session, host: Host, us: Us, space: Space, roster: Roster, now: datetime) -> Roster:
    """Sign the next roster, go by it, and send it to all who are in it or were till now."""
    known = current_roster(session, space)
    signed, block = blocks.signed_roster(roster, us.key)
    take_up(session, host, space, known, signed, block, now)
    send_around(session, host, us, block, (*known.entries, *signed.entries), but=(), now=now)
    return signed


def reissue(session: Session, host: Host, space: Space, entries: Collection[Entry], now: datetime) -> None:
    """We are the steward, and something about the entries has changed."""
    us, roster = ourselves(session, host, now).us, current_roster(session, space)
    issue(session, host, us, space, blocks.following(roster, tuple(entries), steward=host.domain, now=now), now)


def renew_rosters(session: Session, host: Host, now: datetime) -> None:
    """A steward does so in time; when it is gone, its successor does."""
    for space in kept.all_spaces(session):
        if space.left_at is not None or space.frozen_at is not None:
            continue
        roster = current_roster(session, space)
        is_due = roster.steward == host.domain and now > roster.expires - _RENEWED_BEFORE
        inherits = roster.successor == host.domain and now > roster.expires + _SUCCESSOR_WAITS
        if is_due or inherits:
            us = ourselves(session, host, now).us
            entries = [entry for entry in roster.entries if not inherits or entry.domain != roster.steward]
            issue(session, host, us, space, blocks.following(roster, entries, steward=host.domain, now=now), now)


def take_up(
    session: Session, host: Host, space: Space, known: Roster, new: Roster, control: Control, now: datetime
) -> None:
    """It is the one that we go by from now on, and the members hear who joins."""
    keep(session, new, control, now)
    space.serial = new.serial
    record(session, "space", f"Roster {new.serial} of {space.name} counts from now on.", now=now)
    were = {entry.list_id for entry in known.entries}
    newcomers = [entry for entry in new.entries if entry.list_id not in were]
    tell_of_joining(session, host, space, new, newcomers, now)
    if known.steward != host.domain and known.server(host.domain) and not new.server(host.domain):
        space.left_at = now
        record(session, "space", f"{new.steward} took us out of the space {space.name}.", now=now)
        values = {"what": "removed", "server": new.steward, "reason": space.name}
        cause = f"space:removed:{space.id}:{new.serial}"
        tell_operator(session, host, NoticeKind.PEER_NEWS, values, cause=cause, now=now)


def keep(session: Session, roster: Roster, block: Control, now: datetime) -> None:
    text = canonical(block.fields).decode()
    kept.keep_roster(session, space_id=roster.space, serial=roster.serial, block=text, now=now)


def is_first(session: Session, control: Control, now: datetime) -> bool:
    """Has this very block not come before, by another way?"""
    return remember(session, hashlib.sha256(b"peer\0" + canonical(control.fields)).digest(), now)
