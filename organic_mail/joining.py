"""How a person comes to a list, leaves it and comes back, with the one letter that each step sends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from handlers.address import Mailbox, address_key
from handlers.alias import alias_for
from handlers.facts import Host, id_of
from handlers.notice import Notice, NoticeKind
from organic_mail import notices
from organic_mail.first_language import guessed
from organic_mail.lookup import is_banned_from
from organic_mail.past_alias import alias_marks
from organic_mail.problem import Problem
from storage import directory, members, tokens
from storage.erasing import is_past_alias
from storage.events import record
from storage.list_words import words_of_list
from storage.lists import list_by_id, list_named
from storage.models import DeliveryMode, MailingList, Member, Membership, Role, Status, TokenAction

STAYS_OPEN = timedelta(days=30)
"""For so long an invitation or a goodbye can be answered."""

ASKED_AGAIN = timedelta(days=1)
"""Who has not answered is not asked again before."""

_HERE = (Status.ACTIVE, Status.PAUSED)


class AlreadyMember(Problem):
    """The person is on the list."""


class Banned(Problem):
    """The address is not to be on the list."""


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who is to join, and how she wants her mail; None: as the list has it, or as she has it with us already."""

    mailbox: Mailbox
    delivery: DeliveryMode | None = None
    role: Role = Role.MEMBER
    language: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A mail that made us act. `cause`: what tells it from all others; `message_id`: "" when it had none."""

    cause: str
    message_id: str


@dataclass(frozen=True, slots=True)
class _Place:
    """One person on one list."""

    mailing_list: MailingList
    member: Member
    membership: Membership


def invite(
    session: Session,
    host: Host,
    *,
    mailing_list: MailingList,
    newcomer: Newcomer,
    inviter: str,
    now: datetime,
    quiet: bool = False,
) -> Membership:
    """Ask a person to join; nothing else comes to her before her yes. At most one letter a day while she is silent.

    inviter: the name of who asks. Raises AlreadyMember, Banned.
    """
    member = _member(session, host, mailing_list, newcomer, now)
    asked_before = was_asked(session, mailing_list, member, now)
    membership = members.invite(
        session,
        list_id=id_of(mailing_list),
        member_id=id_of(member),
        delivery=newcomer.delivery or mailing_list.delivery,
        role=newcomer.role,
        now=now,
    )
    place = _Place(mailing_list, member, membership)
    if asked_before:
        return membership
    if not quiet:
        token = _new_token(session, TokenAction.JOIN, membership, now)
        values: dict[str, str | int | bool] = {
            "inviter": inviter,
            "members": members.count_members(session, id_of(mailing_list)),
        }
        asked = Answer(f"invitation:{token}", "")
        _send(session, host, NoticeKind.INVITATION, place, token, asked, now, values)
    _record(session, "invited", place, "was invited to", now)
    return membership


def was_asked(session: Session, mailing_list: MailingList, member: Member, now: datetime) -> bool:
    """Has she had an invitation within a day, and not answered?"""
    tie = members.membership(session, id_of(mailing_list), id_of(member))
    if tie is None or tie.status is not Status.INVITED:
        return False
    return tokens.is_open(session, id_of(tie), TokenAction.JOIN, since=now - ASKED_AGAIN)


def confirm(
    session: Session,
    host: Host,
    *,
    mailing_list: MailingList,
    newcomer: Newcomer,
    now: datetime,
    quiet: bool = False,
    voucher: Member | None = None,
) -> Membership:
    """Add a person who has said yes already, and welcome her. voucher: the member whose yes let her in.

    Raises AlreadyMember, Banned.
    """
    member = _member(session, host, mailing_list, newcomer, now)
    membership = members.join(
        session,
        list_id=id_of(mailing_list),
        member_id=id_of(member),
        leave_token=notices.new_token(),
        delivery=newcomer.delivery or mailing_list.delivery,
        role=newcomer.role,
        now=now,
    )
    place = _Place(mailing_list, member, membership)
    if voucher is not None:
        directory.vouch(session, membership_id=id_of(membership), voucher_id=id_of(voucher), now=now)
    if not quiet:
        _welcome(session, host, place, Answer(f"welcome:{membership.id}:{now.isoformat()}", ""), now)
    _came(session, host, place, "joined", now)
    return membership


def accept(session: Session, host: Host, *, token: str, membership_id: int, answer: Answer, now: datetime) -> None:
    """The yes to an invitation. A second one that comes in the same moment changes nothing."""
    place = _place(session, membership_id)
    if not tokens.use_token(session, token=token, now=now):
        return
    list_id, member_id = id_of(place.mailing_list), id_of(place.member)
    members.join(session, list_id=list_id, member_id=member_id, leave_token=notices.new_token(), now=now)
    _welcome(session, host, place, answer, now)
    _came(session, host, place, "joined", now)


def decline(session: Session, *, token: str, membership_id: int, now: datetime) -> None:
    """The no to an invitation: nothing is sent."""
    place = _place(session, membership_id)
    if tokens.use_token(session, token=token, now=now):
        members.leave(session, membership_id=membership_id)
        _record(session, "declined", place, "does not want to join", now)


def leave(session: Session, host: Host, *, membership_id: int, answer: Answer, now: datetime) -> None:
    """A member leaves at once; answering the goodbye brings her back."""
    place = _place(session, membership_id)
    if members.leave(session, membership_id=membership_id):
        said = words_of_list(session, id_of(place.mailing_list))
        if said.goodbyes:
            token = _new_token(session, TokenAction.RETURN, place.membership, now)
            _send(session, host, NoticeKind.GOODBYE, place, token, answer, now, below=said.goodbye)
        _came(session, host, place, "left", now)


def come_back(session: Session, host: Host, *, token: str, membership_id: int, answer: Answer, now: datetime) -> None:
    """The answer to a goodbye: everything is as before."""
    place = _place(session, membership_id)
    if not tokens.use_token(session, token=token, now=now):
        return
    if members.come_back(session, membership_id=membership_id, now=now):
        _send(session, host, NoticeKind.BACK, place, "owner", answer, now)
        _came(session, host, place, "joined", now, what="came back to")


def say_is_member(session: Session, host: Host, *, membership_id: int, answer: Answer, now: datetime) -> None:
    """She asked to join and is on the list already; nobody else hears of it."""
    place = _place(session, membership_id)
    day = _today("is_member", place.membership, now)
    _send(session, host, NoticeKind.IS_MEMBER, place, "owner", Answer(day.cause, answer.message_id), now)


def refuse_banned(session: Session, mailing_list: MailingList, address: str) -> None:
    """Raises Banned."""
    if is_banned_from(session, mailing_list, address):
        raise Banned(f"{address} is banned from {mailing_list.name}; see by what: organic-mail ban ls")


def _member(session: Session, host: Host, mailing_list: MailingList, newcomer: Newcomer, now: datetime) -> Member:
    """The person with this address; a new one with an alias of her own when we do not know it.

    Raises AlreadyMember, Banned.
    """
    mailbox = newcomer.mailbox
    refuse_banned(session, mailing_list, mailbox.address)
    key = address_key(mailbox.address)
    known = members.member_of_address(session, key)
    if known is not None:
        membership = members.membership(session, id_of(mailing_list), id_of(known))
        if membership is not None and membership.status in _HERE:
            raise AlreadyMember(f"{mailbox.address} is on {mailing_list.name} already")
        return known

    def taken(alias: str) -> bool:
        if members.alias_owner(session, alias) is not None or list_named(session, alias) is not None:
            return True
        return is_past_alias(session, alias_marks(host, alias))

    return members.add_member(
        session,
        name=mailbox.name,
        alias=alias_for(mailbox.name, mailbox.address, taken),
        address=mailbox.address,
        key=key,
        language=newcomer.language or guessed(session, host, mailing_list),
        timezone=newcomer.timezone or host.timezone,
        now=now,
    )


def _place(session: Session, membership_id: int) -> _Place:
    membership = members.membership_by_id(session, membership_id)
    mailing_list = list_by_id(session, membership.list_id) if membership else None
    member = members.member_by_id(session, membership.member_id) if membership else None
    if membership is None or mailing_list is None or member is None:
        raise LookupError(f"membership {membership_id} is not whole")
    return _Place(mailing_list, member, membership)


def _new_token(session: Session, action: TokenAction, membership: Membership, now: datetime) -> str:
    while True:
        token, until = notices.new_token(), now + STAYS_OPEN
        try:
            tokens.add_token(session, token=token, action=action, membership=membership, now=now, expires_at=until)
        except tokens.TokenTaken:
            continue
        return token


def _today(kind: str, membership: Membership, now: datetime) -> Answer:
    """Nobody wrote: what makes us write counts once a day."""
    return Answer(f"{kind}:{membership.id}:{now:%Y-%m-%d}", "")


def _welcome(session: Session, host: Host, place: _Place, answer: Answer, now: datetime) -> None:
    mailing_list, membership = place.mailing_list, place.membership
    said, vouched = words_of_list(session, id_of(mailing_list)), directory.vouched_by(session, id_of(membership))
    if not said.welcomes:
        return
    values: dict[str, str | int | bool] = {
        "voucher": vouched.voucher if vouched else "",
        "posting": mailing_list.posting,
        "replies": mailing_list.replies,
        "role": membership.role,
        "delivery": membership.delivery,
        "hour": place.member.hour,
    }
    _send(session, host, NoticeKind.WELCOME, place, "owner", answer, now, values, below=said.welcome)


def _send(
    session: Session,
    host: Host,
    kind: NoticeKind,
    place: _Place,
    reply_to: str,
    answer: Answer,
    now: datetime,
    values: dict[str, str | int | bool] | None = None,
    *,
    below: str = "",
) -> None:
    """`reply_to`: what stands behind the list's name in the address that takes the answer. below: the list's words."""
    mailing_list, member = place.mailing_list, place.member
    letter = Notice(
        kind,
        Mailbox(member.name, members.primary_address(session, id_of(member))),
        member.language,
        mailing_list,
        reply_to=f"{mailing_list.name}-{reply_to}@{host.domain}",
        in_reply_to=answer.message_id,
        values=values or {},
        below=below,
    )
    notices.send(session, host, letter, cause=answer.cause, now=now, member=member, membership=place.membership)


def _came(session: Session, host: Host, place: _Place, kind: str, now: datetime, *, what: str = "") -> None:
    """Somebody joined or left; the owners are told where they want it."""
    _record(session, kind, place, what or kind, now)
    mailing_list, member = place.mailing_list, place.member
    if not words_of_list(session, id_of(mailing_list)).tell_owners:
        return
    for owner in members.people_of(session, id_of(mailing_list), statuses=_HERE, roles=(Role.OWNER,)):
        if owner.member.id == member.id:
            continue
        letter = Notice(
            NoticeKind.WHO_CAME,
            Mailbox(owner.member.name, owner.address),
            owner.member.language,
            mailing_list,
            reply_to=f"{mailing_list.name}-owner@{host.domain}",
            values={"person": member.name or member.alias, "joined": kind == "joined"},
        )
        cause = f"came:{place.membership.id}:{kind}:{now.isoformat()}"
        notices.send(session, host, letter, cause=cause, now=now, member=owner.member)


def _record(session: Session, kind: str, place: _Place, what: str, now: datetime) -> None:
    text = f"{place.member.name or place.member.alias} {what} {place.mailing_list.name}."
    record(session, kind, text, now=now, list_id=place.mailing_list.id, member_id=place.member.id)
