"""What a letter says is understood where it comes back, and times are told as one speaks of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from handlers.catalogue import languages
from handlers.letter_command import read_wish
from handlers.letter_memory import wants_it_hidden
from handlers.letter_words import words_of
from handlers.plain_words import Command, read_command

HANDLERS = Path(__file__).parents[2] / "handlers"
NOW = datetime(2026, 11, 22, 7, 0)  # noqa: DTZ001 - local time as a person reads it
OTHERS = [language for language in languages() if language != "en"]


@pytest.mark.parametrize("language", languages())
def test_what_a_letter_tells_her_to_write_is_understood(language):
    words = words_of(language)
    more = words.say("To get it all, press Reply and write: more %(number)s", number=3)
    wish = read_wish(more.rpartition(":")[2])
    assert wish is not None
    assert (wish.number, wish.photos) == (3, False)
    photos = read_wish(
        words.say("To get all photos, press Reply and write: photos %(number)s", number=2).rpartition(":")[2]
    )
    assert photos is not None
    assert (photos.number, photos.photos) == (2, True)
    rest = read_wish(words.say("To read them, press Reply and write: more").rpartition(":")[2])
    assert rest is not None
    assert rest.number == 0
    weekly = words.say("For fewer letters, press Reply and write: weekly").rpartition(":")[2]
    assert read_wish(weekly) is not None
    assert read_command(words.say("To stop them all, write: stop").rpartition(":")[2]) is Command.STOP
    hide = words.say("To hide this memory from everyone, press Reply and write: hide").rpartition(":")[2]
    assert wants_it_hidden(hide)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (1, "this morning"),
        (5, "last night"),
        (9, "yesterday evening"),
        (15, "yesterday afternoon"),
        (20, "yesterday morning"),
        (28, "early yesterday"),
        (36, "on Friday evening"),
        (24 * 6, "on Monday morning"),
        (24 * 9, "Friday, 13 November 2026"),
    ],
)
def test_times_as_one_speaks_of_them(hours, expected):
    assert words_of("en").when(NOW - timedelta(hours=hours), NOW.date()) == expected


@pytest.mark.parametrize("language", ["xx", "tlh", "", "en-XX", "zz-zz-zz"])
def test_a_language_that_we_do_not_have_is_english(language):
    assert words_of(language).language == "en"
    assert words_of(language).greeting(7, "Rose") == "Good morning Rose."


def test_regions_have_their_dates():
    assert words_of("en").day_and_month(NOW.date()) == "22 November"
    assert words_of("en-US").day_and_month(NOW.date()) == "November 22"
    assert words_of("de-AT").day_and_month(NOW.date()) == "22. November"
