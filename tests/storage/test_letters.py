"""Letters in both databases: who is due, what is new, one letter a day, and buttons that stay the same."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import count

import pytest
from sqlmodel import Session

from storage import letter_buttons, letters, members, news, queue
from storage.database import Database
from storage.letters import NewEntry, NewLetter, ReaderGroup
from storage.models import DeliveryMode
from tests.storage.made import NOW, a_list, a_post, on_list

DAY = date(2026, 11, 22)
UTC_AT_SEVEN = 7


@pytest.fixture
def family(database: Database) -> int:
    def fill(session: Session) -> int:
        list_id = a_list(session)
        for name in ("anna", "rose", "tom"):
            on_list(session, list_id, name, DeliveryMode.DAILY)
        on_list(session, list_id, "sven")
        return list_id

    return database.write(fill)


def wrote(database: Database, list_id: int, number: int) -> int:
    return database.write(lambda session: a_post(session, list_id, f"<{number}@x>", subject=f"S{number}").id or 0)


def due(session: Session, list_id: int, day: date = DAY) -> list[letters.ReaderRow]:
    newest = news.newest_post(session, list_id)
    group = ReaderGroup(list_id, "UTC", UTC_AT_SEVEN)
    return letters.due_readers(session, group, day=day, newest=newest, after=0, limit=100)


def write(session: Session, list_id: int, readers: list[letters.ReaderRow], day: date | None, tag: str) -> int:
    newest = news.newest_post(session, list_id)
    entry = NewEntry(1, 1, newest, newest, "S", shown=True)
    edition = letters.add_edition(
        session, list_id=list_id, raw=b"A: b\r\n\r\n" + tag.encode(), language="en", title="T", written_on=DAY,
        entries=[entry], now=NOW,
    )  # fmt: skip
    rows = [NewLetter(edition, each, day, f"<{tag}.{each.membership_id}@x>", newest) for each in readers]
    return letters.add_letters(session, rows, list_id=list_id, now=NOW)


def test_who_is_due(database: Database, family: int) -> None:
    assert database.read(lambda session: due(session, family)) == []
    wrote(database, family, 1)
    assert [row.name for row in database.read(lambda session: due(session, family))] == ["Anna", "Rose", "Tom"]
    assert database.read(letters.reader_groups) == [ReaderGroup(family, "UTC", UTC_AT_SEVEN)]


def test_one_letter_a_day_by_the_key(database: Database, family: int) -> None:
    wrote(database, family, 1)
    readers = database.read(lambda session: due(session, family))
    assert database.write(lambda session: write(session, family, readers, DAY, "a")) == 3
    assert database.write(lambda session: write(session, family, readers, DAY, "b")) == 0  # they know it already
    wrote(database, family, 2)
    moved = database.read(lambda session: letters.all_readers(session, family, newest=99, after=0, limit=9))
    assert database.write(lambda session: write(session, family, moved, DAY, "c")) == 0  # the key says no
    assert database.read(lambda session: due(session, family)) == []
    assert database.write(lambda session: write(session, family, moved, None, "d")) == 3  # asked for
    assert len(database.read(queue.queue_rows)) >= 6


def test_claimed_letters_carry_what_is_the_readers_own(database: Database, family: int) -> None:
    wrote(database, family, 1)
    readers = database.read(lambda session: due(session, family))[:1]
    database.write(lambda session: write(session, family, readers, DAY, "a"))
    claimed = database.write(lambda session: queue.claim(session, who="h:1:1", now=NOW))
    (row,) = [each for each in claimed if each.letter_id is not None]
    assert (row.reader_name, row.recipient) == ("Anna", "anna@home.example")
    assert row.letter_message_id == f"<a.{readers[0].membership_id}@x>"
    assert row.leave_token
    assert all(not each.reader_name and not each.letter_message_id for each in claimed if each is not row)


def test_news_end_before_what_came_too_late(database: Database, family: int) -> None:
    first = wrote(database, family, 1)
    database.write(lambda session: a_post(session, family, "<2@x>", now=NOW + timedelta(hours=2), subject="S2"))
    wrote(database, family, 3)
    everything = database.read(lambda session: news.news(session, family, after=0, before=None))
    before = database.read(lambda session: news.news(session, family, after=0, before=NOW + timedelta(hours=1)))
    assert len(everything) == 3
    assert [row.id for row in before] == [first]  # the third waits behind the second, and is not passed over


def test_letters_begin_when_she_wants_them(database: Database, family: int) -> None:
    wrote(database, family, 1)
    sven = database.read(lambda session: members.member_of_address(session, "sven@home.example"))
    assert sven is not None
    row = database.read(lambda session: members.membership(session, family, sven.id or 0))
    assert row is not None

    def change(session: Session, delivery: DeliveryMode) -> None:
        members.update_membership(session, membership_id=row.id or 0, delivery=delivery)

    database.write(lambda session: change(session, DeliveryMode.WEEKLY))
    reader = database.read(lambda session: letters.reader_of(session, row.id or 0))
    assert reader is not None
    assert reader.read_to == database.read(lambda session: news.newest_post(session, family))
    wrote(database, family, 2)
    database.write(lambda session: change(session, DeliveryMode.DAILY))  # from one letter to another nothing is lost
    again = database.read(lambda session: letters.reader_of(session, row.id or 0))
    assert again is not None
    assert again.read_to == reader.read_to


def test_a_button_is_the_same_in_every_letter(database: Database, family: int) -> None:
    post_id = wrote(database, family, 1)
    numbers = count()

    def buttons(session: Session) -> dict[int, tuple[str, str]]:
        return letter_buttons.buttons_of(
            session, list_id=family, post_ids=[post_id], mint=lambda: f"token{next(numbers)}", now=NOW
        )

    made = database.write(buttons)
    assert database.write(buttons) == made
    answer, heart = made[post_id]
    stored = database.read(lambda session: letter_buttons.button(session, heart))
    assert stored is not None
    assert (stored.kind, stored.post_id) == ("heart", post_id)
    assert answer != heart


def test_old_letters_are_forgotten_when_they_have_arrived(database: Database, family: int) -> None:
    wrote(database, family, 1)
    readers = database.read(lambda session: due(session, family))
    database.write(lambda session: write(session, family, readers, DAY, "a"))
    later = NOW + timedelta(days=1)
    assert database.write(lambda session: letters.forget_letters(session, before=later)) == 0
    ids = [row.id for row in database.read(queue.queue_rows)]
    database.write(lambda session: queue.drop(session, ids))
    assert database.write(lambda session: letters.forget_letters(session, before=later)) == 3
