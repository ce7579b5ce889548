"""What a member says about all of her posts: whether they may leave for the spaces of a list of hers."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.facts import Host, id_of
from handlers.notice import Notice, NoticeKind
from handlers.outcome import ChangeSharing
from organic_mail import notices
from organic_mail.departing import own_author
from organic_mail.joining import Answer
from organic_mail.known_spaces import known_roster
from storage import departures, members, spaces
from storage.events import record
from storage.lists import list_by_id
from storage.models import Membership


def change_sharing(session: Session, host: Host, said: ChangeSharing, answer: Answer, now: datetime) -> None:
    """At once, for what she writes from now on; she is told what it means. What she said is hers to read later."""
    membership = session.get_one(Membership, said.membership_id)
    member, mailing_list = members.member_by_id(session, membership.member_id), list_by_id(session, membership.list_id)
    if member is None or mailing_list is None:
        return
    names = []
    for space in spaces.spaces_of(session, id_of(mailing_list)):
        roster = known_roster(session, space.id)
        own_author(session, id_of(member), space.id).share = said.share
        departures.note_consent(
            session,
            member_id=id_of(member),
            space=space.id,
            serial=space.serial,
            post_id=None,
            answer=said.share,
            now=now,
        )
        names.append(roster.title if roster and roster.title else space.name)
    letter = Notice(
        NoticeKind.SHARING,
        Mailbox(member.name, members.primary_address(session, id_of(member))),
        member.language,
        mailing_list,
        reply_to=f"{mailing_list.name}-help@{host.domain}",
        in_reply_to=answer.message_id,
        values={"share": said.share.value, "spaces": tuple(names)},
    )
    cause = f"sharing:{membership.id}:{said.share}:{now:%Y-%m-%dT%H}"  # once an hour is enough
    notices.send(session, host, letter, cause=cause, now=now, member=member, membership=membership)
    text = f"{member.name or member.alias} said {said.share} about sharing what she writes."
    record(session, "consent", text, now=now, list_id=mailing_list.id, member_id=member.id)
