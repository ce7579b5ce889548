"""Keys that change: ours, by the next key that lay elsewhere, and those of other servers (spec/federation.md §2.3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlmodel import Session

from handlers.facts import Host
from handlers.notice import NoticeKind
from handlers.peer.control import Control, Unreadable
from handlers.peer.handshake import State
from handlers.peer.keys import key_hash
from handlers.peer.limits import DAY, ROTATIONS_PER_DAY
from handlers.peer.rotation import OLD_KEY_HOLDS, Rotation, is_rightful, read_rotation, write_rotation
from organic_mail import peer_keys
from organic_mail.operator_letter import tell_operator
from organic_mail.peer_limits import changes_too_often
from organic_mail.peer_sending import ourselves, send_around, send_over
from organic_mail.problem import Problem
from organic_mail.rosters import current_roster, is_first, reissue
from storage import peers
from storage import spaces as kept
from storage.database import Database
from storage.events import record
from storage.models_peers import Peer
from storage.models_spaces import Space


def rotate(
    database: Database, host: Host, keys: Path, *, following: Path, compromised_since: datetime | None, now: datetime
) -> str:
    """Go on with the next key, and tell every peer. Returns the id of the new key. Raises Problem.

    The files are ready before the database says so, and take their places after it: see OwnKeys.
    """
    new = peer_keys.read_key(following)
    made = [each.made_at for each in database.read(peers.own_keys)]
    if sum(1 for moment in made[1:] if moment > now - DAY) >= ROTATIONS_PER_DAY:
        raise Problem(f"the key has changed {ROTATIONS_PER_DAY} times today; other servers take no more, try tomorrow")
    row = database.read(peers.own_key)
    if row is None or row.next != key_hash(new.public):
        raise Problem(f"{following} is not the key that other servers were promised; look for the right file")
    if following != keys / peer_keys.NEXT:
        peer_keys.put_next_key(keys, new_text=following.read_bytes())
    after = peer_keys.make_key_after_next(keys)

    def write(session: Session) -> None:
        us = ourselves(session, host, now).us
        rotation = Rotation(host.domain, us.key.id, new.public, key_hash(after.public), compromised_since, now)
        control = write_rotation(rotation, us.key, new)
        for peer in peers.all_peers(session):
            if peer.state == State.ACTIVE:
                send_over(session, host, us, peer, control, now)
        peer_keys.add_key(session, new, after, now=now)
        for space in kept.all_spaces(session):
            _change_in_roster(session, host, space, host.domain, new.public, now)
        record(session, "peer", "We sign with another key among other servers now.", now=now)

    database.write(write)
    peer_keys.take_places(keys)
    return new.id


def rotation_came(session: Session, host: Host, peer: Peer, control: Control, now: datetime) -> None:
    """From the server itself, or from one that shares a space with it and us. Raises Unreadable."""
    rotation = read_rotation(control)
    known = [each for each in peers.peer_keys(session, rotation.domain) if each.valid_until is None]
    spaces = [space for space in kept.all_spaces(session) if space.left_at is None]
    entries = [current_roster(session, space).server(rotation.domain) for space in spaces]
    if any(each.key == rotation.key for each in known):
        return
    if known:
        rightful = is_rightful(control, rotation, key=known[0].key, promised=known[0].next)
    else:
        rightful = any(is_rightful(control, rotation, key=entry.key, promised="") for entry in entries if entry)
    if not rightful:
        _warn(session, host, rotation.domain, "rotation", now)
        raise Unreadable(f"the new key of {rotation.domain} is not the one that was promised")
    if changes_too_often(session, rotation.domain, now) or not is_first(session, control, now):
        return
    peers.change_key(
        session,
        domain=rotation.domain,
        key=rotation.key,
        following=rotation.next,
        old_until=now + OLD_KEY_HOLDS,
        compromised_since=rotation.compromised_since,
        now=now,
    )
    record(session, "peer", f"{rotation.domain} signs with another key now.", now=now)
    if rotation.compromised_since is not None:
        _warn(session, host, rotation.domain, "compromised", now)
    us = ourselves(session, host, now).us
    for space, entry in zip(spaces, entries, strict=True):
        if entry is not None:
            but = (peer.domain, rotation.domain)
            send_around(session, host, us, control, current_roster(session, space).entries, but=but, now=now)
            _change_in_roster(session, host, space, rotation.domain, rotation.key, now)


def _change_in_roster(session: Session, host: Host, space: Space, domain: str, key: bytes, now: datetime) -> None:
    """Where we are the steward, the next roster has it."""
    roster = current_roster(session, space)
    if space.left_at is None and roster.steward == host.domain and roster.server(domain):
        entries = [replace(entry, key=key) if entry.domain == domain else entry for entry in roster.entries]
        reissue(session, host, space, entries, now)


def _warn(session: Session, host: Host, domain: str, what: str, now: datetime) -> None:
    values = {"what": what, "server": domain, "reason": ""}
    tell_operator(session, host, NoticeKind.PEER_NEWS, values, cause=f"peer:{what}:{domain}:{now.date()}", now=now)
