"""What comes over links about spaces: rosters, invitations and their answers, leaves (spec/federation.md §2.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session

from handlers.facts import Host
from handlers.notice import NoticeKind
from handlers.peer import space as blocks
from handlers.peer.chain import Following, Standing, follows
from handlers.peer.control import Control, Unreadable, canonical, read_canonical
from handlers.peer.handshake import Us
from handlers.peer.roster import Entry, Roster, read_roster, space_name
from handlers.peer.value import read_domain
from organic_mail.operator_letter import tell_operator
from organic_mail.peer_sending import ourselves, send_around, send_over, send_towards
from organic_mail.remote_posts import take_away_all_of
from organic_mail.rosters import current_roster, is_first, issue, known_keys, take_up
from organic_mail.space_news import tell_asked
from storage import spaces as kept
from storage.arrivals import remember
from storage.events import record
from storage.lists import list_named
from storage.models_peers import Peer
from storage.models_spaces import Space

_MOST_ROSTERS = 20  # in one answer to who lacks some
_ROSTERS_LOOKED_AT = 10


def came(session: Session, host: Host, peer: Peer, control: Control, now: datetime) -> None:
    """Over a link. Raises Unreadable for what does not fit."""
    us = ourselves(session, host, now).us
    match control.type:
        case "roster":
            _roster_came(session, host, us, peer, control, now)
        case blocks.INVITE:
            _invitation_came(session, host, us, peer, control, now)
        case blocks.ACCEPT:
            _acceptance_came(session, host, us, peer, control, now)
        case blocks.LEAVE:
            _leave_came(session, host, us, peer, control, now)
        case blocks.WANT_ROSTER:
            _answer_want(session, host, us, peer, control, now)
        case _:
            raise Unreadable("it is not for a link")


def _roster_came(session: Session, host: Host, us: Us, peer: Peer, control: Control, now: datetime) -> None:
    new = read_roster(control)
    space = kept.space_by_id(session, new.space)
    if space is None or space.left_at is not None:
        raise Unreadable("we are not in that space")
    known = current_roster(session, space)
    following = _standing(session, host, space, known, new, now)
    match following.standing:
        case Standing.NEXT:
            take_up(session, host, space, known, new, control, now)
            send_around(session, host, us, control, new.entries, but=(peer.domain,), now=now)
        case Standing.AHEAD:
            _want_chain(session, host, us, peer, known, new, now)
        case Standing.FORK:
            _freeze(session, host, us, space, new, control, following.why, peer, now)
        case Standing.REFUSED:
            raise Unreadable(f"its roster {new.serial} of {space.name} is refused: {following.why}")
        case _:
            return


def _standing(session: Session, host: Host, space: Space, known: Roster, new: Roster, now: datetime) -> Following:
    """Also a roster that was followed long ago has no twin."""
    rotated = known_keys(session, host.domain)
    following = follows(known, new, now=now, rotated=rotated)
    block = kept.roster_block(session, space.id, new.serial) if following.standing is Standing.OLDER else None
    return follows(read_roster(read_canonical(block)), new, now=now, rotated=rotated) if block else following


def _want_chain(session: Session, host: Host, us: Us, peer: Peer, known: Roster, new: Roster, now: datetime) -> None:
    """Once for each roster that shows the gap."""
    wanted = f"roster\0{peer.domain}\0{new.space}\0{known.serial}\0{new.digest}"
    if remember(session, hashlib.sha256(wanted.encode()).digest(), now):
        want = blocks.want_roster(new.space, known.serial + 1, ours=host.domain, to=peer.domain)
        send_over(session, host, us, peer, want, now)


def _answer_want(session: Session, host: Host, us: Us, peer: Peer, control: Control, now: datetime) -> None:
    wanted, serial = blocks.read_want_roster(control)
    space = kept.space_by_id(session, wanted)
    if space is None or current_roster(session, space).server(peer.domain) is None:
        raise Unreadable("it asks for the roster of a space that it is not in")
    for roster in kept.rosters_from(session, wanted, serial, limit=_MOST_ROSTERS):
        send_over(session, host, us, peer, read_canonical(roster.block), now, asked=True)


def _freeze(
    session: Session,
    host: Host,
    us: Us,
    space: Space,
    new: Roster,
    control: Control,
    why: str,
    peer: Peer,
    now: datetime,
) -> None:
    """No new posts go out, everybody is told, and what comes in is judged by the roster that we had."""
    if space.frozen_at is None:
        space.frozen_at, space.frozen_why = now, why
        record(session, "space", f"The space {space.name} is frozen: {why}.", now=now)
        values = {"what": "fork", "server": new.steward, "reason": space.name}
        tell_operator(session, host, NoticeKind.PEER_NEWS, values, cause=f"space:fork:{space.id}", now=now)
    if is_first(session, control, now):
        send_around(session, host, us, control, current_roster(session, space).entries, but=(peer.domain,), now=now)


def _invitation_came(session: Session, host: Host, us: Us, peer: Peer, control: Control, now: datetime) -> None:
    found = blocks.read_invitation(control)
    _check_vouched(session, host, found.roster, found.steward, found.roster.entries, peer)
    if not is_first(session, control, now):
        return
    if found.to != host.domain:
        send_towards(
            session, host, us, control, found.to, found.roster.entries, but=(peer.domain, found.steward), now=now
        )
        return
    name = blocks.list_name(found.list_id, host.domain)
    block = canonical(control.fields).decode()
    kept.add_invitation(
        session, space_id=found.space, domain=host.domain, list_name=name, block=block, via=peer.domain, now=now
    )
    text = f"{found.steward} asks the list {name} into the space {space_name(found.space)}."
    mailing_list = list_named(session, name)
    record(session, "space", text, now=now, list_id=mailing_list.id if mailing_list else None)
    tell_asked(session, host, found, mailing_list, now)


def _check_vouched(
    session: Session, host: Host, roster: Roster, domain: str, entries: Collection[Entry], peer: Peer
) -> None:
    """The steward's key is one that our operator agreed to, or a server of the space shows it to us."""
    steward = next(entry for entry in entries if entry.domain == domain)
    pinned = known_keys(session, host.domain).get(domain)
    if pinned is not None and steward.key not in pinned:
        raise Unreadable(f"{domain} has another key than the one that we know")
    by = next((entry for entry in entries if entry.domain == peer.domain), None)
    if by is None or by.key not in known_keys(session, host.domain).get(peer.domain, ()):
        raise Unreadable(f"{peer.domain} is not in {space_name(roster.space)}")


def _acceptance_came(session: Session, host: Host, us: Us, peer: Peer, control: Control, now: datetime) -> None:
    said = blocks.read_acceptance(control)
    space, steward = kept.space_by_id(session, said.space), read_domain(control.first("to"))
    if space is None or space.left_at is not None or not is_first(session, control, now):
        raise Unreadable("it says yes to a space that we are not in, or says it again")
    roster = current_roster(session, space)
    if steward != host.domain:
        send_towards(session, host, us, control, steward, roster.entries, but=(peer.domain,), now=now)
        return
    name = blocks.list_name(said.list_id, said.domain)
    asked = kept.invitation(session, space_id=space.id, domain=said.domain, list_name=name)
    pinned = known_keys(session, host.domain).get(said.domain)
    if roster.steward != host.domain or asked is None or (pinned is not None and said.key not in pinned):
        raise Unreadable(f"{said.domain} says yes to what it was not asked, or with another key")
    if peer.domain != said.domain and roster.server(peer.domain) is None:
        raise Unreadable(f"{peer.domain} is not in {space.name}")
    asked.answered_at = now
    entries = [entry for entry in roster.entries if entry.list_id != said.list_id]
    if len(entries) == len(roster.entries):
        entry = blocks.joining(roster, said, now=now)
        issue(session, host, us, space, blocks.following(roster, (*entries, entry), steward=host.domain, now=now), now)


def _last_entry(session: Session, roster: Roster, domain: str) -> Entry | None:
    """Of a server that is in, or was just before: the roster without it may be quicker than its own word."""
    oldest = max(roster.serial - _ROSTERS_LOOKED_AT, 1)
    for kept_roster in reversed(kept.rosters_from(session, roster.space, oldest, limit=_ROSTERS_LOOKED_AT + 1)):
        found = read_roster(read_canonical(kept_roster.block)).server(domain)
        if found is not None:
            return found
    return None


def _leave_came(session: Session, host: Host, us: Us, peer: Peer, control: Control, now: datetime) -> None:
    space = kept.space_by_id(session, control.first("space"))
    roster = current_roster(session, space) if space and not space.left_at else None
    leaver = _last_entry(session, roster, read_domain(control.first("from"))) if roster else None
    if space is None or roster is None or leaver is None:
        raise Unreadable("it leaves a space that we are not in, or where it is not")
    said = blocks.read_leave(control, (leaver.key, *known_keys(session, host.domain).get(leaver.domain, ())))
    if isinstance(leaver.since, int) and said.serial < leaver.since:
        raise Unreadable(f"{said.domain} has come back since")
    if not is_first(session, control, now):
        return
    kept.note_leave(session, space_id=space.id, domain=said.domain, serial=said.serial, erase=said.erase, now=now)
    if said.erase:
        take_away_all_of(session, space.id, said.domain, now)
    record(session, "space", f"{said.domain} left the space {space.name}.", now=now)
    send_around(session, host, us, control, roster.entries, but=(peer.domain, said.domain), now=now)
    if roster.steward == host.domain and roster.server(said.domain):
        entries = [entry for entry in roster.entries if entry.domain != said.domain]
        issue(session, host, us, space, blocks.following(roster, entries, steward=host.domain, now=now), now)
