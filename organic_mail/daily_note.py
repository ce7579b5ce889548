"""One note a day of what was not shared, to the owners of each list, else to the operator; none when all was well."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session

from handlers.address import Mailbox
from handlers.daily_page import daily_page
from handlers.facts import Host, id_of
from handlers.notice import Notice, NoticeKind
from organic_mail import notices
from organic_mail.lookup import Recipient
from storage import daily_notes, members
from storage.database import Database
from storage.lists import all_lists
from storage.models import Event, MailingList, Role, Status

MORNING = 7
"""The hour from which it is written, where the community is."""

_KINDS = ("held", "shunted", "refused", "bounced", "failed", "paused", "shortened", "dropped")
_HERE = (Status.ACTIVE, Status.PAUSED)


def write_daily_notes(database: Database, host: Host, now: datetime) -> None:
    """Once a day, whatever restarts and clocks do: each day is a row of its own."""
    if now.astimezone(ZoneInfo(host.timezone)).hour >= MORNING:
        database.write(lambda session: _write_all(session, host, now))


def _write_all(session: Session, host: Host, now: datetime) -> None:
    """Owners are looked for only where there is something to tell: a list may have very many members."""
    with_owners = []
    for mailing_list in all_lists(session):
        found = _news(session, host, id_of(mailing_list), now, only=id_of(mailing_list))
        owners = _owners_of(session, mailing_list) if found else []
        if owners:
            with_owners.append(id_of(mailing_list))
            _write(session, host, mailing_list, owners, found, now)
    operator = [Recipient("", host.operator, host.language)] if host.operator else []
    _write(session, host, None, operator, _news(session, host, daily_notes.OPERATOR, now, without=with_owners), now)


def _news(
    session: Session, host: Host, list_id: int, now: datetime, *, only: int | None = None, without: Collection[int] = ()
) -> list[Event]:
    """What has to be told today; nothing when today has had its note."""
    span = daily_notes.begin_note(session, list_id, _day(host, now), now)
    return daily_notes.lines_between(session, *span, _KINDS, only=only, without=without) if span else []


def _day(host: Host, now: datetime) -> date:
    return now.astimezone(ZoneInfo(host.timezone)).date()


def _owners_of(session: Session, mailing_list: MailingList) -> list[Recipient]:
    people = members.people_of(session, id_of(mailing_list), statuses=_HERE, roles=(Role.OWNER,))
    return [Recipient(each.member.name, each.address, each.member.language) for each in people]


def _write(
    session: Session,
    host: Host,
    mailing_list: MailingList | None,
    recipients: list[Recipient],
    found: list[Event],
    now: datetime,
) -> None:
    if not found:
        return
    list_id = id_of(mailing_list) if mailing_list else daily_notes.OPERATOR
    lines = {kind: [line.text for line in found if line.kind == kind] for kind in _KINDS}
    for person in recipients:
        letter = Notice(
            NoticeKind.DAILY_NOTE,
            Mailbox(person.name, person.address),
            person.language,
            mailing_list,
            reply_to=f"{mailing_list.name}-owner@{host.domain}" if mailing_list else f"postmaster@{host.domain}",
            values={"number": len(found), "waits": bool(lines["held"])},
            below=daily_page(lines, person.language),
        )
        notices.send(session, host, letter, cause=f"daily_note:{list_id}:{_day(host, now)}", now=now)
