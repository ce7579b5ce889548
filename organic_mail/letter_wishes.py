"""What a reader asked for in an answer to her letter: the rest of it, whole posts, another pace."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.facts import Host, id_of
from handlers.notice import Notice, NoticeKind
from handlers.outcome import ChangeDelivery, SendCopies
from organic_mail import notices
from organic_mail.joining import Answer
from storage import members
from storage.events import record
from storage.letters import add_copies, news_between
from storage.lists import list_by_id
from storage.models import Member, Membership


def change_delivery(session: Session, host: Host, wish: ChangeDelivery, answer: Answer, now: datetime) -> None:
    """At once; she is told, and how to change it back."""
    membership, member = _of(session, wish.membership_id)
    mailing_list = list_by_id(session, membership.list_id)
    before = membership.delivery
    members.update_membership(session, membership_id=wish.membership_id, delivery=wish.delivery)
    letter = Notice(
        NoticeKind.CHANGED,
        Mailbox(member.name, members.primary_address(session, id_of(member))),
        member.language,
        mailing_list,
        reply_to=f"{mailing_list.name}-owner@{host.domain}" if mailing_list else "",
        in_reply_to=answer.message_id,
        values={"delivery": wish.delivery.value, "before": before.value, "hour": member.hour},
    )
    notices.send(session, host, letter, cause=answer.cause, now=now, member=member, membership=membership)
    text = f"{member.name} now gets her mail: {wish.delivery.value}."
    record(session, "changed", text, now=now, list_id=membership.list_id, member_id=member.id)


def send_copies(session: Session, wish: SendCopies, now: datetime) -> None:
    """The posts themselves, as those get them who get each one."""
    membership, member = _of(session, wish.membership_id)
    rows = news_between(session, wish.thread_id, first=wish.first_post_id, last=wish.last_post_id)
    add_copies(
        session,
        [(row.id, row.content_id) for row in rows],
        membership=membership,
        recipient=members.primary_address(session, id_of(member)),
        language=member.language,
        now=now,
    )


def _of(session: Session, membership_id: int) -> tuple[Membership, Member]:
    membership = members.membership_by_id(session, membership_id)
    member = members.member_by_id(session, membership.member_id) if membership else None
    if membership is None or member is None:
        raise LookupError(f"no membership {membership_id}")
    return membership, member
