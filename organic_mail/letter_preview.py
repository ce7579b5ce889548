"""The letter that one member would get now, for the operator's eyes."""

from __future__ import annotations

import base64
import html as html_text
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlmodel import Session

from handlers.facts import Host, id_of
from handlers.letter_content import Contents, first_name
from handlers.letter_form import letter_html, letter_text
from handlers.letter_page import NAME_MARK, Page
from handlers.letter_time import ends_at, next_due, zone_of
from handlers.template import one_line
from organic_mail.lettering import LetterWriter
from organic_mail.letters_due import DAYS_LATE
from storage.database import Database
from storage.letters import ReaderRow, has_letter_of
from storage.models import DeliveryMode, MailingList
from storage.news import newest_post


@dataclass(frozen=True, slots=True)
class Preview:
    """Subject, text and html are "" when there is nothing new. due_at: None for who gets no letters."""

    contents: Contents
    due_at: datetime | None
    subject: str = ""
    text: str = ""
    html: str = ""


def previewed(database: Database, host: Host, mailing_list: MailingList, reader: ReaderRow, now: datetime) -> Preview:
    """Her letter as it would be now."""
    writer = LetterWriter(database, host, mailing_list, now)
    found = writer.news_for(reader)
    due_at = _due_at(database, mailing_list, reader, now)
    if found.is_empty:
        return Preview(found, due_at)
    edition = writer.edition(reader, found)
    name = one_line(first_name(reader.name))
    text = letter_text(edition.page).replace(NAME_MARK, name)
    return Preview(edition.contents, due_at, edition.page.subject, text, _with_pictures(edition.page, name))


def _due_at(database: Database, mailing_list: MailingList, reader: ReaderRow, now: datetime) -> datetime | None:
    if reader.delivery not in (DeliveryMode.DAILY, DeliveryMode.WEEKLY):
        return None
    zone = zone_of(reader.timezone)
    today = now.astimezone(zone).date()
    if reader.weekly:
        late = database.read(lambda session: _late_day(session, mailing_list, reader, today))
        if late is not None:
            return datetime.combine(late, time(reader.hour), zone).astimezone(UTC)
    had_today = database.read(lambda session: has_letter_of(session, reader.membership_id, today))
    return next_due(reader.hour, reader.weekday if reader.weekly else None, now, zone, had_today=had_today)


def _late_day(session: Session, mailing_list: MailingList, reader: ReaderRow, today: date) -> date | None:
    """Her day of this week, when an outage kept back what there was to read."""
    zone = zone_of(reader.timezone)
    for days in range(1, DAYS_LATE + 1):
        day = today - timedelta(days=days)
        if day.weekday() == reader.weekday and not has_letter_of(session, reader.membership_id, day):
            newest = newest_post(session, id_of(mailing_list), before=ends_at(reader.hour, day, zone))
            return day if newest > reader.read_to else None
    return None


def _with_pictures(page: Page, name: str) -> str:
    """The HTML as one file: what stands beside it in the mail stands in it here."""
    html = letter_html(page).replace(NAME_MARK, html_text.escape(name))
    for shown in page.pictures:
        data = base64.b64encode(shown.picture.data).decode("ascii")
        html = html.replace(f"cid:{shown.cid}", f"data:{shown.picture.content_type};base64,{data}", 1)
    return html
