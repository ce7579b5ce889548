"""One Sunday's letter with everything that a letter can have, in any language, for tests that look at it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from handlers.letter_content import Contents, Interest, Photo, Picture, Thanks, Voice, called_in, contents
from handlers.letter_page import Page, PageFacts, page
from handlers.letter_words import words_of
from storage.models import MailingList
from tests.handlers.letters import HOST

NOW = datetime(2026, 11, 22, 7, 0, tzinfo=ZoneInfo("Europe/Stockholm"))
FAMILY = MailingList(id=1, name="family", title="The Lindqvist–Okafor family", created_at=NOW)
# the smallest picture there is: what it shows does not matter here
GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
PICTURES = (Picture(GIF, "image/gif", "The old jetty"), Picture(GIF, "image/gif", "The heron, not afraid of Tom"))


def voice(number: int, thread: int, author: str, subject: str, text: str, hours: float, **more: Any) -> Voice:
    moment = NOW - timedelta(hours=hours)
    return Voice(number, thread, number, number, author, subject, text, moment, called=called_in(text), **more)


BEFORE = voice(90, 2, "Anna", "Reunion at Olu's house", "Who has a big garden this year? We were 31 last time.", 216)
FIVE_YEARS = (NOW - NOW.replace(year=2021, hour=16)).total_seconds() / 3600
MEMORY = voice(
    80,
    60,
    "Ingrid",
    "The lake",
    "The first swim of our lives in November. Never again!",
    FIVE_YEARS,
    photos=(Photo(1),),
)
THANKS = (Thanks("Apple cake", ("Rose", "Tom")), Thanks("עוגת תפוחים", ("דוד",)))
VOICES = (
    voice(
        1,
        1,
        "Anna",
        "Back from the lake",
        "We are back from the lake and the children have not stopped talking about the heron.\n\n"
        "Does anybody know whether the old jetty is still safe? Tom thinks that the second plank is rotten.",
        15,
        photos=(Photo(1),) * 7,
    ),
    voice(
        2,
        2,
        "Grandpa Olu",
        "Reunion at Olu's house",
        "Sunday 6 December, from 12 o'clock, at 14 Mill Lane.\nBring a chair if you have one.\n"
        "Rose, can you bring the long table?",
        40,
    ),
    voice(3, 1, "Tom", "Back from the lake", "It IS rotten. I put my foot through it in 2024.", 10),
    voice(4, 1, "Grandpa Olu", "Back from the lake", "I will bring two planks on the 6th. <b>Leave</b> the heron.", 9),
    voice(5, 3, "דוד", "יום ההולדת של אינגריד", "שלום לכולם! מה ניתן לאינגריד?\n\nאולי טלסקופ.", 5),
    voice(6, 3, "Priya", "יום ההולדת של אינגריד", "A telescope is a wonderful idea.", 4),
    voice(
        7,
        4,
        "Priya",
        "A long word: " + "w" * 70,
        "See https://example.org/" + "a-link-without-a-place-to-break" * 4 + "\n\n\x07\ue000" + "x" * 300,
        3,
        files=("wishes & more.pdf",),
    ),
    voice(8, 5, "سمير", "صورة من البيت", "", 2, readable=False),
)


def sample_contents() -> Contents:
    found = contents(VOICES, Interest(99, "rose"))
    return Contents(found.shown, (replace(found.shown[0], title="Something else", thread_id=70),), MEMORY, THANKS)


def sample_page(language: str, **more: Any) -> Page:
    facts = PageFacts(
        HOST,
        FAMILY,
        words_of(language),
        NOW,
        buttons=dict.fromkeys(range(9), ("k7m2q9xwab", "y5t2c8nbcd")),
        hearts={1: ["Rose", "Tom", "Priya", "Sven", "Ingrid"], 2: ["Rose"]},
        before={2: BEFORE},
        pictures={1: PICTURES, 80: PICTURES[1:]},
        **{"first": True, **more},
    )
    return page(sample_contents(), facts)
