"""Letters are written at the right time, once, with what is new, for a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from organic_mail import lettering
from organic_mail.letter_preview import previewed
from organic_mail.letters_due import write_due_letters
from storage.letters import reader_of
from storage.models import DeliveryMode
from tests.wire.community import Community, community
from tests.wire.letters import STOCKHOLM, SUNDAY, at_once, due, reads_letters, says, step

TOM = {"author": "Tom <tom@home.example>"}


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    with community(sqlite_template, tmp_path) as made:
        made.clock[0] = SUNDAY - timedelta(hours=10)
        reads_letters(made, "rose")
        yield made


def test_what_was_written_comes_once_in_the_morning(people):
    says(people, "The heron was there.")
    assert due(people, step(hours=-1)) == []  # six o'clock
    (letter,) = due(people)
    assert letter.recipient == "rose@home.example"
    assert "Good morning Rose." in letter.text
    assert "The heron was there." in letter.text
    assert "The heron was there." in letter.html
    assert due(people, step(hours=1)) == []
    assert due(people, step(days=1)) == []  # nothing new


def test_no_news_is_no_letter(people):
    assert due(people) == []


def test_who_gets_each_post_gets_no_letter(people):
    says(people, "Hello.")
    assert [letter.recipient for letter in due(people)] == ["rose@home.example"]


def test_only_one_letter_a_day_whatever_the_clock_does(people):
    says(people, "One.")
    assert len(due(people)) == 1
    says(people, "Two.", number=2)
    for moment in (step(hours=2), step(hours=-0.05), SUNDAY, step(hours=12)):
        assert due(people, moment) == []
    assert len(due(people, step(days=1))) == 1
    says(people, "Three.", number=3)
    assert due(people, SUNDAY) == []  # the clock was set back a day


def test_two_daemons_at_once_write_one_letter(people):
    for number in range(1, 4):
        says(people, "Hello.", number=number)
    threads = [Thread(target=write_due_letters, args=(people.database, people.host, SUNDAY)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(due(people)) == 0
    assert len(people.database.read(_letters)) == 1


def _letters(session):
    from sqlmodel import select

    from storage.models_letters import Letter

    return list(session.exec(select(Letter)))


@pytest.mark.parametrize(
    ("local", "expected"),
    [((7, 0), 1), ((12, 0), 1), ((19, 59), 1), ((20, 0), 0), ((23, 0), 0), ((6, 59), 0)],
)
def test_it_comes_late_after_an_outage_but_not_in_the_night(people, local, expected):
    says(people, "Hello.")
    moment = datetime(2026, 11, 22, *local, tzinfo=STOCKHOLM).astimezone(UTC)
    assert len(due(people, moment)) == expected


def test_who_wants_it_late_gets_it_late(people):
    reads_letters(people, "rose", hour=22)
    says(people, "Hello.")
    assert due(people, step(hours=12)) == []
    assert len(due(people, datetime(2026, 11, 22, 22, 30, tzinfo=STOCKHOLM).astimezone(UTC))) == 1


def test_what_comes_after_her_hour_waits_for_tomorrow(people):
    people.clock[0] = step(hours=3)
    says(people, "Too late for today.")
    assert due(people, step(hours=4)) == []
    assert len(due(people, step(days=1))) == 1


def test_nothing_is_lost_between_two_letters(people):
    """A post that was taken before her hour was over, and stored after her letter was written."""
    says(people, "One.")
    assert len(due(people)) == 1
    people.clock[0] = step(hours=-2)
    says(people, "Stored late.", number=2)
    (letter,) = due(people, step(days=1))
    assert "Stored late." in letter.text


@pytest.mark.parametrize(("month", "day"), [(3, 29), (10, 25)])
def test_daylight_saving_changes_nothing(people, month, day):
    """On these days of 2026 the hour from two to three is missing, or comes twice."""
    reads_letters(people, "rose", hour=2)
    start = datetime(2026, month, day, 0, 0, tzinfo=STOCKHOLM).astimezone(UTC)
    people.clock[0] = start - timedelta(hours=5)
    says(people, "Hello.")
    count = sum(len(due(people, start + timedelta(minutes=15 * step))) for step in range(96))
    assert count == 1


def test_everybody_has_a_clock_of_her_own(people):
    reads_letters(people, "tom", timezone="America/New_York")
    says(people, "Hello.")
    assert [letter.recipient for letter in due(people)] == ["rose@home.example"]
    assert [letter.recipient for letter in due(people, step(hours=6))] == ["tom@home.example"]


def test_a_week_in_one_letter_on_her_day(people):
    reads_letters(people, "rose", DeliveryMode.WEEKLY, weekday=2)
    says(people, "Hello.")
    sent = {day: len(due(people, step(days=day))) for day in range(10)}
    assert {day for day, count in sent.items() if count} == {3}  # Wednesday


def test_a_weekly_letter_comes_late_after_an_outage_on_its_day(people):
    reads_letters(people, "rose", DeliveryMode.WEEKLY, weekday=6)
    says(people, "Hello.")
    assert due(people, step(hours=13.5)) == []  # Sunday evening: too late for today
    people.clock[0] = step(days=1)
    says(people, "After the outage.", number=2, subject="Later")
    (letter,) = due(people, step(days=2))
    assert "Hello." in letter.text
    assert "After the outage." not in letter.text  # its week is this one
    assert due(people, step(days=3)) == []
    (letter,) = due(people, step(days=7))
    assert "After the outage." in letter.text


@pytest.mark.parametrize(("days", "expected"), [(0, 1), (1, 1), (3, 1), (4, 0), (6, 0), (7, 1)])
def test_how_late_a_weekly_letter_may_be(people, days, expected):
    reads_letters(people, "rose", DeliveryMode.WEEKLY, weekday=6)
    says(people, "Hello.")
    assert len(due(people, step(days=days))) == expected
    assert due(people, step(days=days, hours=1)) == []


def test_a_weekly_letter_is_not_late_when_there_was_no_news(people):
    reads_letters(people, "rose", DeliveryMode.WEEKLY, weekday=6)
    assert due(people) == []
    people.clock[0] = step(hours=5)
    says(people, "Hello.")
    assert [len(due(people, step(days=days))) for days in range(1, 8)] == [0, 0, 0, 0, 0, 0, 1]


def test_what_an_outage_kept_back_comes_with_the_next_daily_letter(people):
    says(people, "Hello.")
    assert due(people, step(hours=14)) == []
    (letter,) = due(people, step(days=1))
    assert "Hello." in letter.text
    assert due(people, step(days=1, hours=1)) == []


@pytest.mark.parametrize("days", [-400, -1, 1, 40])
def test_a_clock_that_jumps_brings_no_second_letter(people, days):
    """And back again, as a clock is set right that was wrong for a while."""
    says(people, "Hello.")
    letters = due(people) + due(people, step(days=days)) + due(people, step(hours=1))
    assert len(letters) == 1


@pytest.mark.parametrize(("month", "day"), [(3, 29), (10, 25)])
@pytest.mark.parametrize("hour", [1, 2, 3, 23])
def test_a_week_across_daylight_saving(people, month, day, hour):
    reads_letters(people, "rose", DeliveryMode.WEEKLY, weekday=6, hour=hour)
    start = datetime(2026, month, day, 0, 0, tzinfo=STOCKHOLM).astimezone(UTC)
    people.clock[0] = start - timedelta(hours=5)
    says(people, "Hello.")
    moments = [start + timedelta(minutes=30 * step) for step in range(2 * 24 * 8)]
    sent = [moment for moment in moments if due(people, moment)]
    assert [moment.astimezone(STOCKHOLM).date().day for moment in sent] == [day]


def test_who_reads_only_her_own_posts_is_not_asked_about_again(people):
    reads_letters(people, "rose", own_posts=False)
    says(people, "My own.", author="Rose <rose@home.example>")
    assert due(people) == []
    reader = people.database.read(lambda session: reader_of(session, people.membership("rose").id))
    assert reader.read_to == people.posts()[-1].id
    assert reader.letters == 0


def test_her_first_letter_explains_itself_and_begins_where_she_began(people):
    says(people, "Before her time.", number=1)
    reads_letters(people, "tom", timezone="Europe/Stockholm")
    says(people, "After.", number=2, subject="Reunion")
    letters = {letter.recipient: letter for letter in due(people)}
    toms = letters["tom@home.example"].text
    assert "This is your first letter." in toms
    assert "Before her time." not in toms
    assert "After." in toms
    says(people, "Next.", number=3, subject="Next")
    assert "first letter" not in due(people, step(days=1))[0].text


def test_from_the_list_and_personal(people):
    says(people, "Hello.")
    reads_letters(people, "tom")
    says(people, "More.", number=2)
    rose, tom = sorted(due(people), key=lambda letter: letter.recipient)
    for letter in (rose, tom):
        assert letter.read["From"].addresses[0].addr_spec == "family@oak.example"
        assert letter.read["Reply-To"].addresses[0].addr_spec == "family@oak.example"
        assert letter.read["To"].addresses[0].addr_spec == letter.recipient
        assert letter.read["Auto-Submitted"] == "auto-generated"
        assert letter.read["Precedence"] == "list"
        assert letter.read["List-Id"].endswith("<family.oak.example>")
        assert "@oak.example>" in letter.read["List-Unsubscribe"]
        assert "X-Auto-Response-Suppress" in letter.read
    assert rose.message_id != tom.message_id
    assert rose.read["List-Unsubscribe"] != tom.read["List-Unsubscribe"]


def test_the_subject_is_another_one_each_day(people):
    says(people, "One.")
    says(people, "A table?", number=2, subject="Reunion")
    says(people, "Soup.", number=3, subject="Recipes")
    (first,) = due(people)
    assert first.read["Subject"] == "Sunday's letter, 22 November: Back from the lake, Reunion and 1 more"
    says(people, "Two.", number=4, in_reply_to="<1@home.example>", subject="Re: Back from the lake")
    (second,) = due(people, step(days=1))
    assert second.read["Subject"] == "Monday's letter, 23 November: Back from the lake"
    assert "Before, from Anna Lindqvist, yesterday" in second.text


def test_quotes_and_signatures_are_gone(people):
    says(people, "The heron was there all day long.")
    quote = "It was!\r\n\r\nOn Sun, Nov 22, 2026 at 8:14 AM Anna <anna@home.example> wrote:\r\n"
    quote += "> The heron was there all day long.\r\n\r\n-- \r\nTom Okafor, Plumber\r\n"
    says(people, quote, number=2, in_reply_to="<1@home.example>", subject="Re: Back from the lake", **TOM)
    (letter,) = due(people)
    assert letter.text.count("The heron was there all day long.") == 1
    assert "Plumber" not in letter.text
    assert "Tom Okafor answered:\nIt was!" in letter.text


def test_what_asks_her_comes_first(people):
    says(people, "Good news.", number=1, subject="News")
    says(people, "Rose, can you bring the table?", number=2, subject="Reunion")
    reads_letters(people, "tom")
    says(people, "Soup.", number=3, subject="Recipes")
    letters = {letter.recipient: letter.text for letter in due(people)}
    rose = letters["rose@home.example"]
    assert rose.index("1. Reunion.") < rose.index("2. News.")
    assert "For you, from Anna Lindqvist" in rose
    assert "For you" not in letters["tom@home.example"]


def test_own_posts_only_for_those_who_want_them(people):
    reads_letters(people, "rose", own_posts=False)
    says(people, "My own.", author="Rose <rose@home.example>")
    assert due(people) == []


def test_a_removed_post_is_in_no_letter(people):
    from storage.posts import remove_post

    says(people, "A secret.")
    says(people, "Hello.", number=2, subject="Hello")
    people.database.write(lambda session: remove_post(session, post_id=1, now=SUNDAY))
    (letter,) = due(people)
    assert "secret" not in letter.text


def test_more_than_sixteen_conversations_become_lines(people):
    for number in range(1, 21):
        says(people, f"Text {number}.", number=number, subject=f"Subject {number}")
    (letter,) = due(people)
    assert "16. Subject 16." in letter.text
    assert "4 more conversations:\nSubject 17 – Anna Lindqvist." in letter.text
    assert "press Reply and write: more" in letter.text
    assert "Text 17." not in letter.text


def test_the_html_stays_below_80_kb(people):
    for number in range(1, 17):
        says(people, "Long story. " * 1500, number=number, subject=f"Subject {number}")
    (letter,) = due(people)
    assert len(letter.html.encode()) <= 80_000
    assert "more conversation" in letter.text


def test_now_does_not_count_as_the_letter_of_the_day(people):
    says(people, "One.")
    (letter,) = at_once(people, step(hours=-3))
    assert "One." in letter.text
    assert at_once(people, step(hours=-2)) == []
    says(people, "Two.", number=2)
    (letter,) = due(people)
    assert "Two." in letter.text
    assert "One." not in letter.text


def test_a_post_that_cannot_be_shown_becomes_a_line(people, monkeypatch):
    says(people, "Fine.", number=1, subject="Good")
    says(people, "Broken.", number=2, subject="Bad")
    real = lettering.voices.__globals__["written_text_of"]

    def breaks(raw, **more):
        if b"Broken." in raw:
            raise RecursionError
        return real(raw, **more)

    monkeypatch.setitem(lettering.voices.__globals__, "written_text_of", breaks)
    (letter,) = due(people)
    assert "Fine." in letter.text
    assert "2. Bad." in letter.text
    assert "We could not show this one here." in letter.text


def test_a_letter_that_cannot_be_written_keeps_no_other_back(people, monkeypatch):
    reads_letters(people, "tom", language="de")
    says(people, "Hello.")
    real = lettering.words_of

    def breaks(language):
        if language == "de":
            raise ValueError(language)
        return real(language)

    monkeypatch.setattr(lettering, "words_of", breaks)
    assert [letter.recipient for letter in due(people)] == ["rose@home.example"]


def test_the_preview_is_the_letter(people):
    says(people, "Hello.")
    family = people.list_named()
    reader = people.database.read(lambda session: reader_of(session, people.membership("rose").id))
    seen = previewed(people.database, people.host, family, reader, step(hours=-2))
    (letter,) = due(people)
    assert seen.subject == letter.read["Subject"]
    assert seen.due_at == datetime(2026, 11, 22, 7, 0, tzinfo=STOCKHOLM).astimezone(UTC)
    reader = people.database.read(lambda session: reader_of(session, people.membership("rose").id))
    after = previewed(people.database, people.host, family, reader, step(hours=1))
    assert after.contents.is_empty
    assert after.due_at == datetime(2026, 11, 23, 7, 0, tzinfo=STOCKHOLM).astimezone(UTC)


def test_the_preview_tells_that_a_weekly_letter_is_late(people):
    reads_letters(people, "rose", DeliveryMode.WEEKLY, weekday=6)

    def due_at(moment):
        reader = people.database.read(lambda session: reader_of(session, people.membership("rose").id))
        return previewed(people.database, people.host, people.list_named(), reader, moment).due_at

    sunday = datetime(2026, 11, 22, 7, 0, tzinfo=STOCKHOLM).astimezone(UTC)
    assert due_at(step(days=1)) == sunday + timedelta(days=7)  # nothing was written
    says(people, "Hello.")
    assert due_at(step(days=1)) == sunday
    assert due_at(step(days=4)) == sunday + timedelta(days=7)
    due(people, step(days=1))
    assert due_at(step(days=2)) == sunday + timedelta(days=7)


def test_behind_one_mailbox_the_id_tells_the_list(people):
    from dataclasses import replace

    from handlers.one_mailbox import OneMailbox, answered_local
    from handlers.token import read_letter_mark

    host = replace(people.host, mailbox=OneMailbox("oak@elm.example", plus=False))
    message_id = lettering.letter_message_id(host, "family", 7)
    assert answered_local(message_id, host.domain) == "family"
    assert read_letter_mark(host.secrets, message_id) == 7
