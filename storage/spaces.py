"""Spaces: the rosters that we have, the lists of ours that are in them, who was asked and who has left."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from storage.models import MailingList
from storage.models_spaces import Roster, Space, SpaceInvitation, SpaceLeave, SpaceSeat


def all_spaces(session: Session) -> list[Space]:
    """By name, those that we have left included."""
    return list(session.exec(select(Space).order_by(col(Space.name), col(Space.id))))


def space_by_id(session: Session, space_id: str) -> Space | None:
    return session.get(Space, space_id)


def add_space(session: Session, *, space_id: str, name: str, serial: int, now: datetime) -> Space:
    """A space that we are in from now on, again or for the first time."""
    space = session.get(Space, space_id) or Space(id=space_id, name=name, serial=serial, joined_at=now)
    if space.left_at is not None:
        space.left_at, space.joined_at, space.serial = None, now, serial
    session.add(space)
    session.flush()
    return space


def keep_roster(session: Session, *, space_id: str, serial: int, block: str, now: datetime) -> None:
    if session.get(Roster, (space_id, serial)) is None:
        session.add(Roster(space_id=space_id, serial=serial, block=block, received_at=now))
        session.flush()


def roster_block(session: Session, space_id: str, serial: int) -> str | None:
    roster = session.get(Roster, (space_id, serial))
    return roster.block if roster else None


def rosters_from(session: Session, space_id: str, serial: int, *, limit: int) -> list[Roster]:
    """In their order, from a serial on."""
    query = select(Roster).where(Roster.space_id == space_id, Roster.serial >= serial)
    return list(session.exec(query.order_by(col(Roster.serial)).limit(limit)))


def add_seat(session: Session, *, space_id: str, list_id: int, now: datetime) -> None:
    """The owner of a list has said yes."""
    if session.get(SpaceSeat, (space_id, list_id)) is None:
        session.add(SpaceSeat(space_id=space_id, list_id=list_id, accepted_at=now))
        session.flush()


def seats_of(session: Session, space_id: str) -> list[MailingList]:
    """Our lists in a space, by name; lists that were removed are not in it any more."""
    query = select(MailingList).join(SpaceSeat).where(SpaceSeat.space_id == space_id)
    return list(session.exec(query.where(col(MailingList.removed_at).is_(None)).order_by(col(MailingList.name))))


def spaces_of_one_list(session: Session, list_id: int) -> list[str]:
    """The names of the spaces in which this is our only list: without it, nobody here gets what is written there."""
    seated = [(space, [each.id for each in seats_of(session, space.id)]) for space in all_spaces(session)]
    return [space.name for space, lists in seated if space.left_at is None and lists == [list_id]]


def spaces_of(session: Session, list_id: int) -> list[Space]:
    """Those that a list of ours is in."""
    query = select(Space).where(Space.id == SpaceSeat.space_id, SpaceSeat.list_id == list_id)
    return list(session.exec(query.where(col(Space.left_at).is_(None)).order_by(Space.name)))


def seat_at(session: Session, local: str) -> tuple[MailingList, Space] | None:
    """The list and the space whose names, with a dash or a plus between them, are this local part."""
    address = col(MailingList.name) + "-" + col(Space.name)
    other = col(MailingList.name) + "+" + col(Space.name)
    query = (
        select(MailingList, Space)
        .where(SpaceSeat.list_id == MailingList.id, SpaceSeat.space_id == Space.id)
        .where((address == local) | (other == local))
        .where(col(Space.left_at).is_(None), col(MailingList.removed_at).is_(None))
        .order_by(col(Space.joined_at))
    )
    return session.exec(query).first()


def add_invitation(
    session: Session, *, space_id: str, domain: str, list_name: str, block: str, via: str, now: datetime
) -> None:
    """Written over an older one to the same list."""
    found = session.get(SpaceInvitation, (space_id, domain, list_name))
    if found is not None:
        session.delete(found)
        session.flush()
    session.add(
        SpaceInvitation(space_id=space_id, domain=domain, list_name=list_name, block=block, via=via, asked_at=now)
    )
    session.flush()


def invitation(session: Session, *, space_id: str, domain: str, list_name: str) -> SpaceInvitation | None:
    return session.get(SpaceInvitation, (space_id, domain, list_name))


def invitations_for(session: Session, domain: str) -> list[SpaceInvitation]:
    """To lists of one server, the newest first."""
    query = select(SpaceInvitation).where(SpaceInvitation.domain == domain)
    return list(session.exec(query.order_by(col(SpaceInvitation.asked_at).desc())))


def open_invitations(session: Session, space_id: str) -> list[SpaceInvitation]:
    """Those of a space that wait for an answer."""
    query = select(SpaceInvitation).where(SpaceInvitation.space_id == space_id)
    return list(session.exec(query.where(col(SpaceInvitation.answered_at).is_(None))))


def note_leave(session: Session, *, space_id: str, domain: str, serial: int, erase: bool, now: datetime) -> None:
    leave = session.get(SpaceLeave, (space_id, domain))
    if leave is None:
        leave = SpaceLeave(space_id=space_id, domain=domain, serial=serial, erase=erase, left_at=now)
    leave.serial, leave.erase, leave.left_at = serial, erase, now
    session.add(leave)
    session.flush()


def leaves_of(session: Session, space_id: str) -> list[SpaceLeave]:
    return list(session.exec(select(SpaceLeave).where(SpaceLeave.space_id == space_id)))
