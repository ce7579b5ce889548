"""Spaces as we know them: their rosters, and what copies of a post say of the one that it was written to."""

from __future__ import annotations

from sqlmodel import Session

from handlers.facts import id_of
from handlers.peer.control import read_canonical
from handlers.peer.roster import Roster, read_roster, space_name
from handlers.render import SpaceFacts
from storage import departures, remote, spaces
from storage.models import MailingList, Post
from storage.models_travel import DepartureState


def space_facts(session: Session, post: Post, mailing_list: MailingList) -> tuple[str, SpaceFacts | None]:
    """The author's alias, "" for a member of ours; and the space, None for a post that was written to the list alone,
    or stays there.
    """
    found = remote.remote_post_of(session, id_of(post))
    departure = None if found else departures.departure_of(session, id_of(post))
    if found is None and (departure is None or departure.state is DepartureState.HOME):
        return "", None  # nobody elsewhere has it, and an answer travels no further than what it answers
    space = found[0].space if found else departure.space if departure else ""
    roster = known_roster(session, space)
    local = f"{mailing_list.name}-{space_name(space)}"
    servers = len({entry.domain for entry in roster.entries}) if roster else 0
    title = f"{roster.title}, {servers} servers" if roster else space_name(space)
    if found is None:
        return "", SpaceFacts(space, local, title)
    author = found[1]
    return author.alias, SpaceFacts(space, local, title, f"{author.list_name}, {author.origin}")


def known_roster(session: Session, space_id: str, serial: int | None = None) -> Roster | None:
    """The one of this number, or the newest."""
    space = spaces.space_by_id(session, space_id)
    block = spaces.roster_block(session, space_id, space.serial if serial is None else serial) if space else None
    return read_roster(read_canonical(block)) if block else None
