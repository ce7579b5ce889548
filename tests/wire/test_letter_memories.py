"""One photo of this day in another year: in a letter that has news, or on a Sunday."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from handlers.letter_memory import days_of_other_years, wants_it_hidden
from organic_mail.letter_preview import previewed
from storage import members
from storage.letters import reader_of
from storage.posts import remove_post
from storage.reactions import react
from tests.wire.community import Community, community, mail
from tests.wire.letters import STOCKHOLM, SUNDAY, arrived, due, reads_letters, says, step

MONDAY = SUNDAY + timedelta(days=1)


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    with community(sqlite_template, tmp_path) as made:
        made.clock[0] = SUNDAY - timedelta(days=3)
        yield made


def photo(people: Community, written: str, text: str = "The old jetty.", number: int = 1, author: str = "Anna") -> None:
    picture = BytesIO()
    Image.effect_noise((400, 300), 60).convert("RGB").save(picture, "JPEG")
    message = EmailMessage()
    message["From"] = f"{author} <{author.lower()}@home.example>"
    message["To"] = "family@oak.example"
    message["Subject"] = f"Then {number}"
    message["Date"] = written
    message["Message-ID"] = f"<then{number}@home.example>"
    message.set_content(text)
    message.add_attachment(picture.getvalue(), maintype="image", subtype="jpeg", filename="jetty.jpg")
    raw = message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert people.receive(raw, sender=f"{author.lower()}@home.example") == (250, "2.0.0")


def begins(people: Community, person: str = "rose", **more: str) -> None:
    """Everything so far is old, and she has had her first letter."""
    reads_letters(people, person, **more)
    says(people, "Hello.", f"Hello {person}", number=90 + len(person))
    assert len(due(people, step(days=-2, hours=6))) == 1
    arrived(people)


def test_a_letter_with_news_remembers(people):
    photo(people, "Tue, 23 Nov 2021 12:00:00 +0100")
    begins(people)
    people.clock[0] = SUNDAY
    says(people, "Hello.", "News", 5)
    (letter,) = due(people, MONDAY)
    assert "5 years ago today.\nAnna Lindqvist wrote Tuesday, 23 November 2021:\nThe old jetty." in letter.text
    assert "press Reply and write: hide" in letter.text
    pictures = [part for part in letter.read.walk() if part.get_content_maintype() == "image"]
    assert len(pictures) == 1
    assert letter.text.index("1. News.") < letter.text.index("5 years ago today.")


def test_without_news_only_on_a_sunday(people):
    photo(people, "Mon, 22 Nov 2021 12:00:00 +0100")
    photo(people, "Tue, 23 Nov 2021 12:00:00 +0100", number=2)
    begins(people)
    assert due(people, step(days=-1)) == []
    (letter,) = due(people, SUNDAY)
    assert letter.read["Subject"] == "Sunday's letter, 22 November: 5 years ago today"
    assert "Nobody has written since your last letter." in letter.text
    assert "In this letter" not in letter.text
    assert "In this letter" not in letter.html
    assert due(people, step(hours=1)) == []
    assert due(people, MONDAY) == []


@pytest.mark.parametrize(
    "written",
    [
        "Sun, 21 Nov 2021 23:30:00 +0100",  # the day before
        "Tue, 23 Nov 2021 00:10:00 +0100",
        "Sun, 22 Nov 2026 01:00:00 +0100",  # today
        "Sat, 22 Nov 1986 12:00:00 +0100",  # too long ago to be a mail
    ],
)
def test_other_days_are_none(people, written):
    photo(people, written)
    begins(people)
    assert due(people, SUNDAY) == []


def test_the_day_is_hers(people):
    photo(people, "Mon, 22 Nov 2021 00:10:00 +0100")  # in New York it is the day before
    begins(people)
    begins(people, "tom", timezone="America/New_York")
    assert [letter.recipient for letter in due(people, SUNDAY)] == ["rose@home.example"]
    assert due(people, step(hours=7)) == []


def test_words_without_a_photo_are_no_memory(people):
    assert people.receive(mail("Just words.\r\n", Date="Mon, 22 Nov 2021 12:00:00 +0100"))[0] == 250
    begins(people)
    assert due(people, SUNDAY) == []


def test_one_at_most_and_the_one_that_was_liked(people):
    photo(people, "Mon, 22 Nov 2021 12:00:00 +0100", "Nobody liked it.", 1)
    photo(people, "Fri, 22 Nov 2019 12:00:00 +0100", "Everybody liked it.", 2)
    people.database.write(lambda session: react(session, post_id=2, member_id=1, emoji="❤", now=SUNDAY))
    begins(people)
    (letter,) = due(people, SUNDAY)
    assert "7 years ago today." in letter.text
    assert "Nobody liked it." not in letter.text


def test_removed_posts_and_people_who_left_are_no_memories(people):
    photo(people, "Mon, 22 Nov 2021 12:00:00 +0100", number=1)
    photo(people, "Sun, 22 Nov 2020 12:00:00 +0100", number=2, author="Tom")
    begins(people)
    people.database.write(lambda session: remove_post(session, post_id=1, now=SUNDAY))
    people.database.write(lambda session: members.leave(session, membership_id=people.membership("tom").id))
    assert due(people, SUNDAY) == []


def test_hide_hides_it_for_everybody(people):
    photo(people, "Mon, 22 Nov 2021 12:00:00 +0100")
    begins(people)
    begins(people, "tom", hour=9)
    (letter,) = due(people, SUNDAY)
    answer = mail("hide\r\n", author="rose@home.example", message_id="<h@home.example>", in_reply_to=letter.message_id)
    people.clock[0] = step(hours=1)
    assert people.receive(answer, sender="rose@home.example") == (250, "2.0.0")
    assert len(people.posts()) == 3
    assert due(people, step(hours=2)) == []
    assert any(event.kind == "hidden" for event in people.log())


def test_a_removed_memory_goes_out_of_letters_that_wait(people):
    photo(people, "Mon, 22 Nov 2021 12:00:00 +0100")
    begins(people)
    assert len(due(people, SUNDAY)) == 1
    people.database.write(lambda session: remove_post(session, post_id=1, now=SUNDAY))
    assert due(people, SUNDAY) == []


def test_a_muted_conversation_is_no_memory_for_her(people):
    photo(people, "Mon, 22 Nov 2021 12:00:00 +0100")
    begins(people)
    answer = mail(
        "mute\r\n", author="rose@home.example", message_id="<m@home.example>", in_reply_to="<then1@home.example>"
    )
    assert people.receive(answer, sender="rose@home.example") == (250, "2.0.0")
    assert due(people, SUNDAY) == []


def test_the_preview_has_it(people):
    photo(people, "Mon, 22 Nov 2021 12:00:00 +0100")
    begins(people)
    reader = people.database.read(lambda session: reader_of(session, people.membership("rose").id))
    seen = previewed(people.database, people.host, people.list_named(), reader, SUNDAY)
    assert "5 years ago today" in seen.subject
    assert "data:image/jpeg;base64," in seen.html


def test_a_first_letter_is_not_one_of_memories_alone(people):
    photo(people, "Mon, 22 Nov 2021 12:00:00 +0100")
    arrived(people)
    reads_letters(people, "rose")
    assert due(people, SUNDAY) == []


def test_leap_days():
    years = [begin.year for begin, _ in days_of_other_years(datetime(2028, 2, 29, tzinfo=UTC).date(), STOCKHOLM)]
    assert years[:2] == [2024, 2020]
    assert len(days_of_other_years(datetime(2027, 3, 1, tzinfo=UTC).date(), STOCKHOLM)) == 30


@pytest.mark.parametrize(
    ("text", "expected"),
    [("hide", True), ("Hide, please.", True), ("ausblenden\n\nOma", True), ("Hide and seek", False), ("", False)],
)
def test_hide(text, expected):
    assert wants_it_hidden(text) is expected
