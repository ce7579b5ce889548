"""Where an answer to a letter belongs, and that no word of it is lost on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.letter_answer import LetterAsRead, NumberedTitle, Placed, placed_answers
from handlers.letter_command import read_wish
from handlers.letter_form import letter_text
from handlers.letter_page import NAME_MARK
from handlers.written_line import words_of
from storage.models import DeliveryMode, Status
from tests.handlers.letter_sample import sample_page

PAGE = sample_page("en")
LETTER = LetterAsRead(
    tuple(NumberedTitle(entry.number, entry.title) for entry in PAGE.entries),
    letter_text(PAGE).replace(NAME_MARK, "Rose"),
    ("To answer everyone, write to: ", "Answer everyone", "Send a heart"),
)
QUOTED = "".join(f"> {line}\n" for line in LETTER.shown.splitlines())
WORDS = st.lists(st.text("abcdefgh", min_size=2, max_size=9), min_size=1, max_size=6).map(" ".join)
NUMBERS = st.sampled_from(["", "", "1 ", "2. ", "#3 ", "9 ", "4) "])


def placed(text: str) -> list[Placed]:
    raw = f"From: rose@home.example\nIn-Reply-To: <n.x@oak.example>\nSubject: Re: letter\n\n{text}\n"
    return placed_answers(raw.replace("\n", "\r\n").encode(), LETTER)


@given(st.lists(st.tuples(NUMBERS, WORDS), min_size=1, max_size=5), st.booleans())
def test_no_word_is_lost(lines, with_quote):
    text = "\n".join(number + words for number, words in lines)
    found = placed(f"{text}\n\nOn Sun, 22 Nov 2026, The family wrote:\n{QUOTED}" if with_quote else text)
    kept = [word for each in found for word in words_of(each.text) if not word.isdigit()]
    assert kept == [word for _, words in lines for word in words.split()]


@given(st.text(max_size=400))
def test_nothing_that_is_written_breaks_it(text):
    numbers = {0, *(title.number for title in LETTER.titles)}
    assert all(each.number in numbers and each.text.strip() for each in placed(text))


@pytest.mark.parametrize("number", [title.number for title in LETTER.titles])
def test_below_the_end_of_a_conversation_it_still_belongs_to_it(number):
    shown = LETTER.shown.splitlines()
    at = [place for place, line in enumerate(shown) if line.startswith(f"{number}. ")][-1]
    end = next(place for place, line in enumerate(shown) if place > at and line.startswith("To answer everyone"))
    lines = [f"> {line}" for line in LETTER.shown.splitlines()]
    text = "\n".join([*lines[: end + 1], "", "Yes, gladly.", "", *lines[end + 1 :]])
    assert placed(f"On Sun, 22 Nov 2026, The family wrote:\n{text}") == [Placed(number, "Yes, gladly.")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("weekly", DeliveryMode.WEEKLY),
        ("Weekly please!\n\nLove, Grandma", DeliveryMode.WEEKLY),
        ("bitte täglich", DeliveryMode.DAILY),
        ("pause", Status.PAUSED),
        ("I am back", Status.ACTIVE),
        ("Back from the lake at last", None),
        ("The daily bread", None),
        ("weekly, but only if it is short and nothing else is in it, thank you very much indeed", None),
    ],
)
def test_a_pace(text, expected):
    wish = read_wish(text)
    assert (wish.delivery or wish.status if wish else None) == expected


@pytest.mark.parametrize(
    ("text", "number", "photos"),
    [("more", 0, False), ("More 3", 3, False), ("mehr 12", 12, False), ("photos 1", 1, True), ("תמונות 2", 2, True)],
)
def test_more(text, number, photos):
    wish = read_wish(text)
    assert wish is not None
    assert (wish.number, wish.photos) == (number, photos)


@pytest.mark.parametrize("text", ["", "photos", "more or less", "more 1 2", "photos of us", "plus", "more 1234"])
def test_what_is_no_wish(text):
    wish = read_wish(text)
    assert wish is None or (text == "plus" and wish.number == 0)
