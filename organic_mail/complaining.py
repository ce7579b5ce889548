"""A member's mail program says that a copy of ours is spam: mostly a slip, so the mail pauses, and she is asked."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from handlers.facts import Host
from handlers.notice import NoticeKind
from organic_mail import pausing
from storage import bounces, members
from storage.events import record
from storage.lists import list_by_id
from storage.models import Status
from storage.models_bounces import PauseReason


def complained(session: Session, host: Host, *, membership_id: int, now: datetime) -> None:
    """Pause this one membership at once; the people who run the list hear of it, without what was marked.

    An invitation that was marked is declined.
    """
    membership = members.membership_by_id(session, membership_id)
    mailing_list = list_by_id(session, membership.list_id) if membership else None
    member = members.member_by_id(session, membership.member_id) if membership else None
    if membership is None or mailing_list is None or member is None:
        return

    def log(kind: str, text: str) -> None:
        record(session, kind, text, now=now, list_id=mailing_list.id, member_id=member.id)

    if membership.status is Status.INVITED:
        members.leave(session, membership_id=membership_id)
        log("declined", f"{member.name} marked the invitation to {mailing_list.name} as spam.")
        return
    text = f"A mail provider says that {member.name} marked an email of {mailing_list.name} as spam."
    if not bounces.pause(session, membership, PauseReason.COMPLAINT, now):
        log("complaint", f"{text} No emails went there any more.")
        return
    log("complaint", f"{text} They are paused, and the member was asked.")
    day = f"{membership_id}:{now:%Y-%m-%d}"
    pausing.ask_to_keep(session, host, NoticeKind.MARKED_AS_SPAM, membership, cause=f"spam:{day}", now=now)
    cause = f"complaint:{day}"
    pausing.tell_people(session, host, NoticeKind.COMPLAINED, mailing_list, member, {}, cause=cause, now=now)
