"""Members whose home for a space is another server: they get there what it carries, and the rest here.

spec/federation.md §2.8. The other server is never asked; what we know of it ourselves decides.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.facts import Host, id_of
from handlers.notice import Notice, NoticeKind
from handlers.peer.roster import Roster
from handlers.peer.seal import Seal
from handlers.peer.store import LinkState
from organic_mail import notices
from organic_mail.relay_store import link_with
from organic_mail.rosters import current_roster
from storage import remote, spaces
from storage.members import primary_address
from storage.models import MailingList


def hold_back(
    session: Session,
    host: Host,
    mailing_list: MailingList,
    post_id: int,
    seal: Seal,
    *,
    sealed: Roster,
    current: Roster,
    now: datetime,
) -> None:
    """No copy and no place in letters for who gets the post at home. Who does no more, hears that once.

    sealed: the roster of the post; current: the newest one.
    """
    had_it = {entry.domain for entry in sealed.active(seal.date)} - {host.domain}
    left = {leave.domain for leave in spaces.leaves_of(session, seal.space) if leave.serial >= current.serial}
    are_in = {entry.domain for entry in current.active(now)} - left
    silent = {domain for domain in had_it if _is_silent(session, domain)}
    remote.hold_back(session, post_id=post_id, carriers=(had_it & are_in) - silent)
    listed = {entry.domain for entry in current.entries} - left
    for member in remote.members_at_home_elsewhere(session, list_id=id_of(mailing_list)):
        if member.home == host.domain or member.home in listed - silent | _elsewhere(session, seal):
            continue
        letter = Notice(
            NoticeKind.HOME_AWAY,
            Mailbox(member.name, primary_address(session, id_of(member))),
            member.language,
            mailing_list,
            reply_to=f"{mailing_list.name}-owner@{host.domain}",
            values={"space": current.title, "server": member.home, "left": member.home not in listed},
        )
        cause = f"home:{member.id}:{seal.space}:{member.home}:{now:%Y-%m}"
        notices.send(session, host, letter, cause=cause, now=now, member=member)


def _elsewhere(session: Session, seal: Seal) -> set[str]:
    """Servers of the other spaces that we are in: who is at home there named her home for those."""
    others = [space for space in spaces.all_spaces(session) if space.left_at is None and space.id != seal.space]
    return {entry.domain for space in others for entry in current_roster(session, space).entries}


def _is_silent(session: Session, domain: str) -> bool:
    """For more than 48 hours, so that its link was noted as stale."""
    link = link_with(session, domain)
    return link is not None and (link.is_stale or link.state is LinkState.DORMANT)
