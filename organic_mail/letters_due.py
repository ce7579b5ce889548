"""When letters are written: to whose hour it is, to who asked for one, and at once when the operator says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import partial

import structlog

from handlers.facts import Host, id_of
from handlers.letter_memory import SUNDAY
from handlers.letter_time import ends_at, is_due, zone_of
from organic_mail.lettering import LetterWriter
from storage import letters
from storage.database import Database
from storage.letter_buttons import fulfil_wish, letter_wishes
from storage.letters import ReaderGroup, ReaderRow
from storage.lists import list_by_id
from storage.models import MailingList
from storage.news import newest_post

BATCH = 500
LETTERS_KEPT = timedelta(days=90)
"""So long an answer to a letter finds its conversation by number."""
DAYS_LATE = 3
"""For so many days a weekly letter still comes that an outage kept back; then it waits for her day."""
_AT_THAT_MOMENT = timedelta(microseconds=1)

log = structlog.get_logger()


def write_due_letters(database: Database, host: Host, now: datetime, *, only: str = "") -> int:
    """The letters of the day, and of the week, whose hour has come; of one list only, or of all. Returns how many."""
    count = 0
    writers: dict[int, LetterWriter | None] = {}
    for group in database.read(letters.reader_groups):
        if not is_due(group.hour, now.astimezone(zone_of(group.timezone))):
            continue
        if group.list_id not in writers:
            writers[group.list_id] = _writer(database, host, group.list_id, now, only)
        writer = writers[group.list_id]
        if writer is None:
            continue
        count += _write_to_group(database, writer, group, now)
    if count:
        log.info("letters written", count=count)
    return count


def write_wished_letters(database: Database, host: Host, now: datetime, *, only: str = "") -> int:
    """What members have asked for in an answer: the rest of a letter, or what they missed. Returns how many.

    Of one list only, or of all.
    """
    count = 0
    for wish in database.read(letter_wishes):
        writer = _writer(database, host, wish.list_id, now, only)
        if writer is None or not database.write(partial(fulfil_wish, membership_id=wish.membership_id)):
            continue
        reader = database.read(partial(letters.reader_of, membership_id=wish.membership_id))
        if reader is None:
            continue
        if wish.edition_id:
            count += writer.write_rest(reader, wish.edition_id)
        else:
            count += writer.write_missed(reader, wish.made_at + _AT_THAT_MOMENT)
    return count


def _write_to_group(database: Database, writer: LetterWriter, group: ReaderGroup, now: datetime) -> int:
    today = now.astimezone(zone_of(group.timezone)).date()
    count = _write_of_day(database, writer, group, today, is_late=False)
    if group.weekly:
        for days in range(1, DAYS_LATE + 1):
            count += _write_of_day(database, writer, group, today - timedelta(days=days), is_late=True)
    return count


def _write_of_day(database: Database, writer: LetterWriter, group: ReaderGroup, day: date, *, is_late: bool) -> int:
    """is_late: the day is over, and only who has one letter a week still waits for it."""
    before = ends_at(group.hour, day, zone_of(group.timezone))
    newest: int | None = database.read(partial(newest_post, list_id=group.list_id, before=before))
    if not is_late and day.weekday() == SUNDAY and writer.memory(group.timezone) is not None:
        newest = None
    batch = partial(letters.due_readers, group=group, day=day, newest=newest, limit=BATCH, weekly_only=is_late)
    return sum(writer.write(readers, day=day, before=before) for readers in _batches(database, batch))


def write_letters_now(database: Database, host: Host, mailing_list: MailingList, now: datetime) -> int:
    """To everybody who gets letters of a list and has news, whatever the hour. Returns how many."""
    writer = LetterWriter(database, host, mailing_list, now)
    list_id = id_of(mailing_list)
    newest = database.read(partial(newest_post, list_id=list_id))
    batch = partial(letters.all_readers, list_id=list_id, newest=newest, limit=BATCH)
    return sum(writer.write(readers, day=None) for readers in _batches(database, batch))


def _writer(database: Database, host: Host, list_id: int, now: datetime, only: str) -> LetterWriter | None:
    mailing_list = database.read(partial(list_by_id, list_id=list_id))
    if mailing_list is None or (only and mailing_list.name != only):
        return None
    return LetterWriter(database, host, mailing_list, now)


def _batches(database: Database, batch: Callable[..., list[ReaderRow]]) -> Iterator[list[ReaderRow]]:
    after = 0
    while readers := database.read(partial(batch, after=after)):
        yield readers
        after = readers[-1].membership_id
