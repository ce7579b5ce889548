"""The catalogues hold every word of the letter, and no other."""

from __future__ import annotations

import ast
import re
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from handlers.catalogue import languages
from handlers.letter_command import read_wish
from handlers.letter_words import words_of
from handlers.plain_words import Command, read_command

HANDLERS = Path(__file__).parents[2] / "handlers"
NOW = datetime(2026, 11, 22, 7, 0)  # noqa: DTZ001 - local time as a person reads it
OTHERS = [language for language in languages() if language != "en"]


def said_in_code() -> set[tuple[str, ...]]:
    """Every call of say, count and word, with its English words."""
    found = set()
    for path in HANDLERS.glob("letter_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                given = [
                    each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
                ]
                match node.func.attr:
                    case "say":
                        found.add(("", given[0]))
                    case "count" if len(given) == 2:
                        found.add(("", given[0], given[1]))
                    case "word":
                        found.add((given[0], given[1]))
    return found


def catalogue(language: str):
    return read_po(BytesIO((HANDLERS / "locale" / f"{language}.po").read_bytes()), locale=language)


@pytest.mark.parametrize("language", OTHERS)
def test_every_word_is_translated_with_all_its_fields(language):
    known = {}
    for message in catalogue(language):
        if message.id:
            ids = message.id if isinstance(message.id, tuple) else (message.id,)
            known[(message.context or "", *ids)] = message.string
    assert known.keys() == said_in_code()
    for ids, string in known.items():
        wanted = set(re.findall(r"%\(\w+\)s", ids[-1]))
        for form in string if isinstance(string, tuple) else (string,):
            assert form
            assert set(re.findall(r"%\(\w+\)s", form)) <= wanted
            if not isinstance(string, tuple):
                assert set(re.findall(r"%\(\w+\)s", form)) == wanted


def test_english_is_short_and_kind():
    banned = ("error", "invalid", "subscription", "administrator", "click", "unfortunately")
    for _, *ids in said_in_code():
        for text in ids:
            assert len(text.split()) <= 20
            assert not any(word in text.lower() for word in banned)


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
    fewer = words.say("For fewer letters, press Reply and write: weekly. To stop them all, write: stop")
    weekly, stop = re.findall(r":\s*([^.:]+?)(?:\.|$)", fewer)
    assert read_wish(weekly) is not None
    assert read_command(stop) is Command.STOP


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
