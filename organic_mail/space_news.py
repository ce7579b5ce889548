"""What people are told about spaces: members who joins, owners that their list is asked (spec/federation.md §2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.facts import Host, id_of
from handlers.notice import Notice, NoticeKind
from handlers.peer.roster import Entry, Roster, space_name
from handlers.peer.space import Invitation, list_id_of, list_name
from handlers.template import Value
from organic_mail import notices
from organic_mail.operator_letter import tell_operator
from storage import spaces
from storage.members import people_of
from storage.models import MailingList, Role, Status
from storage.models_spaces import Space


def tell_of_joining(
    session: Session, host: Host, space: Space, roster: Roster, newcomers: Sequence[Entry], now: datetime
) -> None:
    """Every member of every list of ours in the space, once for each list that joins; also when it is her own."""
    are_in = {entry.list_id for entry in roster.entries}
    seats = [seat for seat in spaces.seats_of(session, space.id) if list_id_of(seat.name, host.domain) in are_in]
    for entry in newcomers:
        for mailing_list in seats:
            is_own = entry.domain == host.domain and list_name(entry.list_id, host.domain) == mailing_list.name
            others = tuple(sorted({each.domain for each in roster.entries if each.list_id != entry.list_id}))
            values: dict[str, Value] = {
                "space": roster.title,
                "other": list_name(entry.list_id, entry.domain),
                "server": entry.domain,
                "day": _day(entry, host, now),
                "others": others,
                "at": f"{mailing_list.name}-{space.name}@{host.domain}",
            }
            kind = NoticeKind.SPACE_NEW if is_own else NoticeKind.SPACE_JOINS
            if not is_own or others:
                cause = f"space:{space.id}:{roster.serial}:{entry.list_id}:{mailing_list.name}"
                _tell_members(session, host, mailing_list, kind, values, cause, now)


def tell_asked(
    session: Session, host: Host, asked: Invitation, mailing_list: MailingList | None, now: datetime
) -> None:
    """The owners of the list decide; the operator says so for them. Where there is no such list, she alone is told."""
    name = list_name(asked.list_id, host.domain)
    values: dict[str, Value] = {
        "space": asked.roster.title,
        "server": asked.steward,
        "list": name,
        "others": tuple(sorted({each.domain for each in asked.roster.entries})),
        "command": f"organic-mail space accept {space_name(asked.space)} --list {name}",
    }
    cause = f"space:asked:{asked.space}:{name}:{asked.roster.serial}"
    tell_operator(session, host, NoticeKind.SPACE_ASKED, values, cause=cause, now=now)
    if mailing_list is None:
        return
    owners = people_of(session, id_of(mailing_list), statuses=(Status.ACTIVE, Status.PAUSED), roles=(Role.OWNER,))
    for person in owners:
        letter = Notice(
            NoticeKind.SPACE_ASKED,
            Mailbox(person.member.name, person.address),
            person.member.language,
            mailing_list,
            reply_to=f"{mailing_list.name}-owner@{host.domain}",
            values=values,
        )
        notices.send(session, host, letter, cause=cause, now=now, member=person.member, membership=person.membership)


def _day(entry: Entry, host: Host, now: datetime) -> Value:
    joins_at = now if isinstance(entry.since, int) else max(entry.since, now)
    return joins_at.astimezone(ZoneInfo(host.timezone)).date()


def _tell_members(
    session: Session,
    host: Host,
    mailing_list: MailingList,
    kind: NoticeKind,
    values: dict[str, Value],
    cause: str,
    now: datetime,
) -> None:
    for person in list(people_of(session, id_of(mailing_list), statuses=(Status.ACTIVE,))):
        letter = Notice(
            kind,
            Mailbox(person.member.name, person.address),
            person.member.language,
            mailing_list,
            reply_to=f"{mailing_list.name}-help@{host.domain}",
            values=values,
        )
        notices.send(session, host, letter, cause=cause, now=now, member=person.member, membership=person.membership)
