"""Mail to a person stops for a while, and comes again: because an address fails, or because of a complaint."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlmodel import Session

from handlers.address import Mailbox, address_key
from handlers.facts import Host, id_of
from handlers.notice import Notice, NoticeKind
from handlers.score import PROBE_AFTER, next_probe
from handlers.template import Value
from handlers.token import Secrets, address_marks
from organic_mail import notices
from organic_mail.joining import Answer
from organic_mail.lookup import people_who_run
from storage import bounces, members, tokens
from storage.database import Database
from storage.events import record
from storage.letter_buttons import wish_for_letter
from storage.letters import IN_LETTERS
from storage.lists import list_by_id
from storage.models import Address, MailingList, Member, Membership, Role, Status, TokenAction
from storage.models_bounces import PauseReason, Suppression
from storage.news import has_missed

STAYS_OPEN = timedelta(days=60)
"""For so long the question whether mail shall come again can be answered."""


def stop_sending(session: Session, host: Host, address: Address, *, full: bool, now: datetime) -> None:
    """Nothing goes to this address any more: to another one of the same person instead, else nowhere for a while.

    full: what came back spoke of a full mailbox, not of an address that is gone.
    """
    member = members.member_by_id(session, address.member_id)
    if member is None:
        return
    other = _good_address(session, host, address)
    marks = address_marks(host.secrets, address.key)
    if bounces.suppression(session, marks) is None:
        first_probe = None if other else now + PROBE_AFTER[0]
        bounces.suppress(session, mark=marks[0], member_id=address.member_id, next_probe_at=first_probe, now=now)
    if not address.is_primary:
        return
    if other is not None:
        members.make_primary(session, member_id=id_of(member), key=other.key)
        _write_to_other(session, host, member, address, other, now)
        return
    for mailing_list, membership in members.memberships_of(session, id_of(member)):
        if bounces.pause(session, membership, PauseReason.BOUNCES, now):
            text = f"The emails of {mailing_list.name} to {address.address} are paused: they came back for days."
            _record(session, "paused", text, membership, now)
            values: dict[str, Value] = {"lost": address.address, "full": full, "operator": host.operator}
            cause = f"came back:{address.id}:{now:%Y-%m-%d}"  # one letter, however many lists they share
            tell_people(session, host, NoticeKind.CAME_BACK, mailing_list, member, values, cause=cause, now=now)


def resume(session: Session, member_id: int, now: datetime) -> list[Membership]:
    """What was paused because an address failed goes on. Returns what did."""
    resumed = bounces.paused(session, member_id=member_id, reason=PauseReason.BOUNCES)
    for membership in resumed:
        _go_on(session, membership, now)
        name = _place(session, membership)[1].name
        _record(session, "resumed", f"The emails to {name} go on: they can arrive again.", membership, now)
    return resumed


def _go_on(session: Session, membership: Membership, now: datetime) -> None:
    """One letter brings what was written meanwhile, unless her next one does so anyhow."""
    bounces.resume(session, membership)
    if membership.delivery not in IN_LETTERS and has_missed(session, membership):
        wish_for_letter(session, membership_id=id_of(membership), edition_id=None, now=now)


def resume_for(session: Session, secrets: Secrets, membership: Membership, now: datetime) -> None:
    """The operator knows that she wants our emails, and that they can arrive: whatever paused this membership is over.

    Where her address had failed, that is over for all her lists. What came during the pause is not sent: a heap of old
    mail is what people press the spam button for.
    """
    mailing_list, member = _place(session, membership)
    if bounces.why_paused(session, membership) is PauseReason.BOUNCES:
        primary = members.addresses_of(session, id_of(member))[0]
        bounces.forget(session, address_marks(secrets, primary.key))
        resume(session, id_of(member), now)
    elif membership.status is Status.PAUSED:
        bounces.resume(session, membership)
        _record(session, "resumed", f"The emails of {mailing_list.name} to {member.name} go on.", membership, now)


def heard_from(session: Session, host: Host, member: Member, written_from: str, answer: Answer, now: datetime) -> None:
    """She wrote to us, and it was surely she: so she reads her mail, there at least.

    What spoke against the address is forgotten, and what was paused goes on, to the address that she wrote from.
    """
    key = address_key(written_from)
    marks = address_marks(host.secrets, key)
    if not bounces.is_spoken_against(session, member_id=id_of(member), marks=marks):
        return
    forgotten = bounces.forget(session, marks)
    primary = members.addresses_of(session, id_of(member))[0]
    if primary.key != key and bounces.suppression(session, address_marks(host.secrets, primary.key)):
        if not members.make_primary(session, member_id=id_of(member), key=key):
            return
    elif not forgotten:
        return
    for membership in resume(session, id_of(member), now):
        _send_back(session, host, member, membership, answer, now)


def send_probes(database: Database, host: Host, now: datetime) -> None:
    database.write(lambda session: probe(session, host, now))


def probe(session: Session, host: Host, now: datetime) -> None:
    """Ask where mail came back whether somebody is there again (spec/mail.md §3.5).

    Who got another address meanwhile is written to there.
    """
    for silent in bounces.suppressions(session):
        member_id = silent.member_id or 0
        waiting = bounces.paused(session, member_id=member_id, reason=PauseReason.BOUNCES)
        address = _address_of(session, host, silent)
        if waiting and (address is None or not address.is_primary) and _has_good_primary(session, host, member_id):
            resume(session, member_id, now)
        if address is None or not waiting or silent.next_probe_at is None or silent.next_probe_at > now:
            continue
        silent.probes += 1
        after = next_probe(silent.probes)
        silent.next_probe_at = silent.since + after if after else None
        cause = f"probe:{silent.mark}:{silent.since:%Y-%m-%d}:{silent.probes}"
        ask_to_keep(session, host, NoticeKind.STILL_THERE, waiting[0], cause=cause, now=now, address=address.address)
        _record(session, "probed", f"{address.address} was asked whether our emails arrive again.", waiting[0], now)


def ask_to_keep(
    session: Session,
    host: Host,
    kind: NoticeKind,
    membership: Membership,
    *,
    cause: str,
    now: datetime,
    address: str = "",
) -> None:
    """Ask her whether mail shall come again; her answer is read by handlers.keep. address: else her primary one."""
    mailing_list, member = _place(session, membership)
    token = _new_token(session, membership, now)
    letter = Notice(
        kind,
        Mailbox(member.name, address or members.primary_address(session, id_of(member))),
        member.language,
        mailing_list,
        reply_to=f"{mailing_list.name}-{token}@{host.domain}",
    )
    notices.send(session, host, letter, cause=cause, now=now, member=member, membership=membership)


def tell_people(
    session: Session,
    host: Host,
    kind: NoticeKind,
    mailing_list: MailingList,
    about: Member,
    values: Mapping[str, Value],
    *,
    cause: str,
    now: datetime,
) -> None:
    """Tell those who own a list, the operator where nobody else can be told, what became of a member's mail."""
    own = {address.address for address in members.addresses_of(session, id_of(about))}
    people = people_who_run(session, host, mailing_list, (Role.OWNER,))
    people = tuple(person for person in people if person.address not in own) or people_who_run(session, host, None)
    for person in people:
        letter = Notice(
            kind,
            Mailbox(person.name, person.address),
            person.language,
            mailing_list,
            reply_to=f"{mailing_list.name}-owner@{host.domain}",
            values={"person": about.name or about.alias, **values},
        )
        notices.send(session, host, letter, cause=cause, now=now)


def keep(session: Session, host: Host, *, token: str, membership_id: int, answer: Answer, now: datetime) -> None:
    """She wants her mail to come again."""
    membership = members.membership_by_id(session, membership_id)
    if membership is None or not tokens.use_token(session, token=token, now=now):
        return
    _, member = _place(session, membership)
    if membership.status is Status.PAUSED:
        _go_on(session, membership, now)
        _record(session, "resumed", f"{member.name} gets emails again, as she wished.", membership, now)
        _send_back(session, host, member, membership, answer, now)


def _write_to_other(session: Session, host: Host, member: Member, lost: Address, other: Address, now: datetime) -> None:
    lists = [mailing_list for mailing_list, row in members.memberships_of(session, id_of(member)) if _is_here(row)]
    mailing_list = lists[0] if lists else None
    letter = Notice(
        NoticeKind.UNREACHED,
        Mailbox(member.name, other.address),
        member.language,
        mailing_list,
        reply_to=f"{mailing_list.name}-owner@{host.domain}" if mailing_list else f"postmaster@{host.domain}",
        values={"lost": lost.address},
    )
    notices.send(session, host, letter, cause=f"unreached:{lost.id}:{now:%Y-%m-%d}", now=now, member=member)
    text = f"Emails to {lost.address} came back for days. {member.name} is written to at {other.address} now."
    record(session, "moved", text, now=now, member_id=member.id)


def _good_address(session: Session, host: Host, failed: Address) -> Address | None:
    """Another one of hers that nothing is known against."""
    for address in members.addresses_of(session, failed.member_id):
        marks = address_marks(host.secrets, address.key)
        if address.key != failed.key and bounces.suppression(session, marks) is None:
            return address
    return None


def _has_good_primary(session: Session, host: Host, member_id: int) -> bool:
    addresses = members.addresses_of(session, member_id)
    return bool(addresses) and bounces.suppression(session, address_marks(host.secrets, addresses[0].key)) is None


def _address_of(session: Session, host: Host, silent: Suppression) -> Address | None:
    for address in members.addresses_of(session, silent.member_id or 0):
        if silent.mark in address_marks(host.secrets, address.key):
            return address
    return None


def _send_back(
    session: Session, host: Host, member: Member, membership: Membership, answer: Answer, now: datetime
) -> None:
    mailing_list, _ = _place(session, membership)
    letter = Notice(
        NoticeKind.BACK,
        Mailbox(member.name, members.primary_address(session, id_of(member))),
        member.language,
        mailing_list,
        reply_to=f"{mailing_list.name}-owner@{host.domain}",
        in_reply_to=answer.message_id,
    )
    notices.send(session, host, letter, cause=answer.cause, now=now, member=member, membership=membership)


def _place(session: Session, membership: Membership) -> tuple[MailingList, Member]:
    mailing_list = list_by_id(session, membership.list_id)
    member = members.member_by_id(session, membership.member_id)
    if mailing_list is None or member is None:
        raise LookupError(f"membership {membership.id} is not whole")
    return mailing_list, member


def _new_token(session: Session, membership: Membership, now: datetime) -> str:
    while True:
        token, until = notices.new_token(), now + STAYS_OPEN
        try:
            tokens.add_token(
                session, token=token, action=TokenAction.KEEP, membership=membership, now=now, expires_at=until
            )
        except tokens.TokenTaken:
            continue
        return token


def _is_here(membership: Membership) -> bool:
    return membership.status in (Status.ACTIVE, Status.PAUSED)


def _record(session: Session, kind: str, text: str, membership: Membership, now: datetime) -> None:
    record(session, kind, text, now=now, list_id=membership.list_id, member_id=membership.member_id)
