"""What a reader asked for in an answer to her letter: the rest of it, whole posts, another pace."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.facts import Host, id_of
from handlers.notice import Notice, NoticeKind
from handlers.outcome import ChangeDelivery, HideMemory, SendCopies
from handlers.template import Value
from organic_mail import notices
from organic_mail.joining import Answer
from storage import bounces, members
from storage.events import record
from storage.letter_buttons import add_copies, hide_memory, wish_for_letter, wish_for_the_last
from storage.letter_recall import recall_letters_of
from storage.letters import IN_LETTERS, begin_letters
from storage.lists import list_by_id
from storage.models import Member, Membership, Status
from storage.news import has_missed, news_between
from storage.posts import post_by_id


def change_delivery(session: Session, host: Host, wish: ChangeDelivery, answer: Answer, now: datetime) -> None:
    """At once; she is told, and how to change it back."""
    membership, member = _of(session, wish.membership_id)
    before = membership.delivery
    members.update_membership(session, membership_id=wish.membership_id, delivery=wish.delivery)
    wish_for_the_last(session, membership, before, now)
    values: dict[str, Value] = {"delivery": wish.delivery.value, "before": before.value, "hour": member.hour}
    _tell(session, host, NoticeKind.CHANGED, membership, member, answer, now, values)
    text = f"{member.name} now gets her mail: {wish.delivery.value}."
    record(session, "changed", text, now=now, list_id=membership.list_id, member_id=member.id)


def pause(session: Session, host: Host, membership_id: int, answer: Answer, now: datetime) -> None:
    """She gets nothing until she says that she is back."""
    membership, member = _of(session, membership_id)
    if membership.status is not Status.ACTIVE:
        return
    membership.status = Status.PAUSED
    if not recall_letters_of(session, membership_id, now) and membership.delivery not in IN_LETTERS:
        begin_letters(session, membership)  # so that it is known what she misses
    session.flush()
    _tell(session, host, NoticeKind.PAUSED, membership, member, answer, now)
    record(session, "paused", f"{member.name} wants no mail for now.", now=now, list_id=membership.list_id)


def go_on(session: Session, host: Host, membership_id: int, answer: Answer, now: datetime) -> None:
    """One letter brings what she missed; where that is nothing, she is told that all goes on."""
    membership, member = _of(session, membership_id)
    if membership.status is not Status.PAUSED:
        return
    bounces.resume(session, membership)
    if has_missed(session, membership):
        wish_for_letter(session, membership_id=membership_id, edition_id=None, now=now)
    else:
        _tell(session, host, NoticeKind.BACK, membership, member, answer, now)
    record(session, "resumed", f"{member.name} is back.", now=now, list_id=membership.list_id)


def _tell(
    session: Session,
    host: Host,
    kind: NoticeKind,
    membership: Membership,
    member: Member,
    answer: Answer,
    now: datetime,
    values: Mapping[str, Value] | None = None,
) -> None:
    """Her answer is read at the address for help."""
    mailing_list = list_by_id(session, membership.list_id)
    letter = Notice(
        kind,
        Mailbox(member.name, members.primary_address(session, id_of(member))),
        member.language,
        mailing_list,
        reply_to=f"{mailing_list.name if mailing_list else 'postmaster'}-help@{host.domain}",
        in_reply_to=answer.message_id,
        values=values or {},
    )
    cause = f"{kind}:{membership.id}:{letter.values.get('delivery', '')}:{now:%Y-%m-%dT%H}"  # once an hour is enough
    notices.send(session, host, letter, cause=cause, now=now, member=member, membership=membership)


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


def hide(session: Session, action: HideMemory, now: datetime) -> None:
    """From now on, and for everybody."""
    post, member = post_by_id(session, action.post_id), members.member_by_id(session, action.member_id)
    if post is None or member is None:
        return
    hide_memory(session, post_id=action.post_id, now=now)
    text = f'{member.name or member.alias} wants nobody to be reminded of "{post.subject[:100]}".'
    record(session, "hidden", text, now=now, list_id=post.list_id, post_id=post.id, member_id=member.id)


def _of(session: Session, membership_id: int) -> tuple[Membership, Member]:
    membership = members.membership_by_id(session, membership_id)
    member = members.member_by_id(session, membership.member_id) if membership else None
    if membership is None or member is None:
        raise LookupError(f"no membership {membership_id}")
    return membership, member
