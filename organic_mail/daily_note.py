"""One note a day of what was not shared, to the owners of each list, else to the operator; none when all was well."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
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
from storage.models import MailingList, Role, Status

MORNING = 7
"""The hour from which it is written, where the community is."""

_KINDS = ("held", "shunted", "refused", "bounced", "failed", "paused", "shortened", "dropped")
_HERE = (Status.ACTIVE, Status.PAUSED)


def write_daily_notes(database: Database, host: Host, now: datetime) -> None:
    """Once a day, whatever restarts and clocks do: each day is a row of its own."""
    if now.astimezone(ZoneInfo(host.timezone)).hour >= MORNING:
        database.write(lambda session: _write_all(session, host, now))


def _write_all(session: Session, host: Host, now: datetime) -> None:
    with_owners = []
    for mailing_list in all_lists(session):
        owners = _owners_of(session, mailing_list)
        if owners:
            with_owners.append(id_of(mailing_list))
            _write(session, host, mailing_list, owners, (), now)
    operator = [Recipient("", host.operator, host.language)] if host.operator else []
    _write(session, host, None, operator, with_owners, now)


def _owners_of(session: Session, mailing_list: MailingList) -> list[Recipient]:
    people = members.people_of(session, id_of(mailing_list), statuses=_HERE, roles=(Role.OWNER,))
    return [Recipient(each.member.name, each.address, each.member.language) for each in people]


def _write(
    session: Session,
    host: Host,
    mailing_list: MailingList | None,
    recipients: list[Recipient],
    without: Collection[int],
    now: datetime,
) -> None:
    list_id = id_of(mailing_list) if mailing_list else daily_notes.OPERATOR
    day = now.astimezone(ZoneInfo(host.timezone)).date()
    span = daily_notes.begin_note(session, list_id, day, now)
    if span is None:
        return
    only = list_id if mailing_list else None
    found = daily_notes.lines_between(session, *span, _KINDS, only=only, without=without)
    if not found:
        return
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
        notices.send(session, host, letter, cause=f"daily_note:{list_id}:{day}", now=now)
