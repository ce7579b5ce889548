"""One person more on a list, by the operator's word."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlmodel import Session

from handlers.address import address_key
from handlers.facts import id_of
from organic_mail import joining
from organic_mail.home import Opened
from organic_mail.notices import host_of
from storage.members import member_of_address, membership, people_of, update_member
from storage.models import MailingList, Member, Role, Status


def admit(
    session: Session,
    community: Opened,
    mailing_list: MailingList,
    newcomer: joining.Newcomer,
    *,
    confirmed: bool,
    quiet: bool = False,
) -> bool:
    """Add who has said yes, invite who has not. False: an invitation of today waits, and nothing was sent.

    Raises AlreadyMember or Banned, with nothing changed.
    """
    host = host_of(community.settings, community.secrets, community.database)
    now = datetime.now(UTC)
    address = newcomer.mailbox.address
    joining.refuse_banned(session, mailing_list, address)
    known = member_of_address(session, address_key(address))
    if known is not None:
        if is_on(session, mailing_list, known):
            raise joining.AlreadyMember(
                f"{address} is on {mailing_list.name} already; to change how mail comes: "
                f"organic-mail member set {address} --list {mailing_list.name} KEY=VALUE"
            )
        # What was said today is what we write in from now on.
        update_member(session, member_id=id_of(known), language=newcomer.language, timezone=newcomer.timezone)
    if confirmed:
        joining.confirm(session, host, mailing_list=mailing_list, newcomer=newcomer, now=now, quiet=quiet)
        return True
    owners = list(people_of(session, id_of(mailing_list), statuses=(Status.ACTIVE,), roles=(Role.OWNER,)))
    inviter = owners[0].member.name if owners else host.name
    asked_before = known is not None and joining.was_asked(session, mailing_list, known, now)
    joining.invite(session, host, mailing_list=mailing_list, newcomer=newcomer, inviter=inviter, now=now, quiet=quiet)
    return not asked_before


def is_on(session: Session, mailing_list: MailingList, member: Member) -> bool:
    """Does she get, or could she get, the list's mail?"""
    tie = membership(session, id_of(mailing_list), id_of(member))
    return tie is not None and tie.status in (Status.ACTIVE, Status.PAUSED)


def is_invited(session: Session, mailing_list: MailingList, address: str) -> bool:
    """Was she asked, and has not answered yet?"""
    known = member_of_address(session, address_key(address))
    tie = membership(session, id_of(mailing_list), id_of(known)) if known else None
    return tie is not None and tie.status is Status.INVITED
