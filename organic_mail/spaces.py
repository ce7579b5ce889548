"""Spaces as our operator runs them: begin one, ask others in, say yes, leave (spec/federation.md §2.2)."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from handlers.facts import Host, id_of
from handlers.peer import space as blocks
from handlers.peer.control import read_canonical
from handlers.peer.roster import Entry, Roster, Rules, space_id, space_name
from handlers.peer.space import Acceptance, Invitation, Leave
from organic_mail.peer_sending import ourselves, send_around, send_towards
from organic_mail.problem import Problem
from organic_mail.rosters import current_roster, issue, keep, reissue
from storage import spaces as kept
from storage.events import record
from storage.lists import list_named
from storage.members import alias_owner
from storage.models import MailingList
from storage.models_spaces import Space, SpaceInvitation


def create(
    session: Session, host: Host, name: str, mailing_list: MailingList, *, title: str, notice: int, now: datetime
) -> Roster:
    """A space with one list; we are its steward. Raises Problem."""
    own, known_as = ourselves(session, host, now), space_id(name, host.domain)
    _check_free(session, mailing_list, name)
    if kept.space_by_id(session, known_as):
        raise Problem(f"there is, or was, a space {name} here; choose another name")
    entry = Entry(host.domain, blocks.list_id_of(mailing_list.name, host.domain), 1, own.us.key.public, own.relay)
    roster = blocks.founded(known_as, title or name, entry, Rules(notice=notice), now=now)
    signed, block = blocks.signed_roster(roster, own.us.key)
    kept.add_space(session, space_id=known_as, name=name, serial=1, now=now)
    kept.add_seat(session, space_id=known_as, list_id=id_of(mailing_list), now=now)
    keep(session, signed, block, now)
    record(session, "space", f"{mailing_list.name} began the space {name}.", now=now, list_id=mailing_list.id)
    return signed


def invite(session: Session, host: Host, space: Space, domain: str, name: str, now: datetime) -> None:
    """Ask a list of another server to join. Raises Problem."""
    own, roster = ourselves(session, host, now), current_roster(session, space)
    if roster.steward != host.domain:
        raise Problem(f"only the steward of {space.name} can ask others in; write to {roster.steward}")
    list_id = blocks.list_id_of(name, domain)
    if any(entry.list_id == list_id for entry in roster.entries):
        raise Problem(f"{name} of {domain} is in {space.name} already")
    if len({entry.domain for entry in roster.entries} | {domain}) > roster.rules.max_servers:
        raise Problem(f"{space.name} has as many servers as its rules allow, {roster.rules.max_servers}")
    if domain == host.domain:
        _add_own(session, host, space, roster, name, now)
        return
    block = read_canonical(kept.roster_block(session, space.id, roster.serial) or "")
    asked = blocks.write_invitation(block, space.id, steward=host.domain, to=domain, list_id=list_id, key=own.us.key)
    kept.add_invitation(session, space_id=space.id, domain=domain, list_name=name, block="", via="", now=now)
    if not send_towards(session, host, own.us, asked, domain, roster.entries, but=(), now=now):
        raise Problem(f"we have no link with {domain}, nor with anybody in {space.name}: organic-mail peer invite")
    record(session, "space", f"{name} of {domain} was asked into {space.name}.", now=now)


def accept(session: Session, host: Host, found: Invitation, mailing_list: MailingList, now: datetime) -> None:
    """The owner of a list of ours says yes, and to the rules, too. Said again, it goes out again. Raises Problem."""
    own, roster = ourselves(session, host, now), found.roster
    name = space_name(found.space)
    space = kept.space_by_id(session, found.space)
    seated = {each.id for each in kept.seats_of(session, found.space)} if space and not space.left_at else set()
    if mailing_list.id not in seated:
        _check_free(session, mailing_list, name)
    if space is None or space.left_at is not None:
        space = kept.add_space(session, space_id=found.space, name=name, serial=roster.serial, now=now)
        keep(session, roster, found.block, now)
    kept.add_seat(session, space_id=found.space, list_id=id_of(mailing_list), now=now)
    list_id = blocks.list_id_of(mailing_list.name, host.domain)
    said = Acceptance(found.space, host.domain, list_id, own.us.key.public, own.relay, now)
    block = blocks.write_acceptance(said, to=found.steward, key=own.us.key)
    send_towards(session, host, own.us, block, found.steward, roster.entries, but=(), now=now)
    record(session, "space", f"{mailing_list.name} said yes to the space {name}.", now=now, list_id=mailing_list.id)


def remove(session: Session, host: Host, space: Space, domain: str, now: datetime) -> None:
    """The steward takes a server out, by the next roster. Raises Problem."""
    roster = current_roster(session, space)
    if roster.steward != host.domain or domain == host.domain:
        raise Problem(f"only the steward takes others out; to go yourself: organic-mail space leave {space.name}")
    if roster.server(domain) is None:
        raise Problem(f"{domain} is not in {space.name}; see: organic-mail space show {space.name}")
    reissue(session, host, space, [entry for entry in roster.entries if entry.domain != domain], now)
    record(session, "space", f"We took {domain} out of the space {space.name}.", now=now)


def leave(session: Session, host: Host, space: Space, *, erase: bool, now: datetime) -> None:
    """At once, whatever others think of it. A steward hands over to its successor before."""
    own, roster = ourselves(session, host, now), current_roster(session, space)
    others = [entry for entry in roster.entries if entry.domain != host.domain]
    if roster.steward == host.domain and others:
        heir = roster.successor or others[0].domain
        roster = issue(session, host, own.us, space, blocks.following(roster, others, steward=heir, now=now), now)
    said = Leave(space.id, host.domain, roster.serial, erase, now)
    control = blocks.write_leave(said, own.us.key)
    send_around(session, host, own.us, control, roster.entries, but=(), now=now)
    space.left_at = now
    kept.note_leave(session, space_id=space.id, domain=host.domain, serial=roster.serial, erase=erase, now=now)
    record(session, "space", f"We left the space {space.name}.", now=now)


def invitation_to(session: Session, host: Host, name: str) -> list[tuple[SpaceInvitation, Invitation]]:
    """What asks a list of ours into a space, by the space's short name or its whole one; the newest first."""
    found = [each for each in kept.invitations_for(session, host.domain) if each.block]
    read = [(each, blocks.read_invitation(read_canonical(each.block))) for each in found]
    return [each for each in read if name in (each[1].space, space_name(each[1].space))]


def _add_own(session: Session, host: Host, space: Space, roster: Roster, name: str, now: datetime) -> None:
    """Another list of the steward's own server."""
    mailing_list = list_named(session, name)
    if mailing_list is None:
        raise Problem(f"there is no list {name} here; see: organic-mail list ls")
    _check_free(session, mailing_list, space.name)
    own = ourselves(session, host, now)
    said = Acceptance(space.id, host.domain, blocks.list_id_of(name, host.domain), own.us.key.public, own.relay, now)
    entries = (*roster.entries, blocks.joining(roster, said, now=now))
    kept.add_seat(session, space_id=space.id, list_id=id_of(mailing_list), now=now)
    issue(session, host, own.us, space, blocks.following(roster, entries, steward=host.domain, now=now), now)


def _check_free(session: Session, mailing_list: MailingList, name: str) -> None:
    """LIST-SPACE@ is where the list writes to the space, so nobody else may have that address."""
    local = f"{mailing_list.name}-{name}"
    if list_named(session, local) or alias_owner(session, local):
        raise Problem(f"{local}@ has to be free for the space, and somebody has it; choose another name")
    for space in kept.all_spaces(session):
        seated = {each.id for each in kept.seats_of(session, space.id)}
        if space.left_at is None and space.name == name and mailing_list.id in seated:
            raise Problem(f"{mailing_list.name} is in a space {name} already; see: organic-mail space show {name}")
