"""The sets of posts and commands beside this module, and each command as mail programs send it."""

from __future__ import annotations

import base64
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import Header
from pathlib import Path

from handlers.message import parse
from handlers.plain_words import Command, Place, Said, said_in

_HERE = Path(__file__).parent
_QUOTE = "On 22 Nov 2026 at 8:14, The family wrote:\r\n> Anna wrote yesterday:\r\n> We stop at noon. Who is coming?\r\n"
_ONLY_IN_ANSWERS = (Command.MUTE, Command.UNMUTE)
_FORMS = (
    "plain",
    "subject",
    "html",
    "base64",
    "quoted below",
    "quoted above",
    "encoded subject",
    "signed",
    "folded",
    "flowed",
)


@dataclass(frozen=True)
class Case:
    """What should be read in a mail at a place; None: nothing, it is somebody's words."""

    text: str
    place: Place
    raw: bytes
    said: Said | None
    form: str = "plain"

    @property
    def is_read(self) -> bool:
        return said_in(parse(self.raw), self.place) == self.said


def _load(name: str):
    return tomllib.loads((_HERE / name).read_text(encoding="utf-8"))


def posts() -> Iterator[Case]:
    """Each as a new mail, as an answer to a post, and as an answer to a letter."""
    sets = _load("command_posts.toml")
    asks_in_a_letter = sets.pop("asks_in_a_letter")
    for texts in sets.values():
        for text in texts:
            yield from _post(text, asks_in_a_letter)


def commands() -> Iterator[Case]:
    for command, texts in _load("command_mails.toml").items():
        yield from _commands(command, texts)
    for command, numbered in _load("command_mails_numbered.toml").items():
        for text, number in numbered.items():
            yield Case(text, Place.LETTER, as_sent(text, "plain"), Said(Command(command), number))


def held_out() -> Iterator[Case]:
    """Never looked at while the tables were made."""
    sets = _load("command_held_out.toml")
    for text in sets["posts"]:
        yield from _post(text, ())
    for command, texts in sets["commands"].items():
        yield from _commands(command, texts)


def _post(text: str, asks_in_a_letter) -> Iterator[Case]:
    for place in (Place.POST, Place.ANSWER, Place.LETTER):
        if place is not Place.LETTER or text not in asks_in_a_letter:
            yield Case(text, place, as_sent(text, "plain" if place is Place.POST else "quoted below"), None)


def _commands(command: str, texts) -> Iterator[Case]:
    """The forms take turns, so that each is met by many phrases."""
    for number, text in enumerate(texts):
        form = _FORMS[number % len(_FORMS)]
        form = "plain" if "\n" in text and form in ("subject", "encoded subject", "folded") else form
        place = Place.ANSWER if command in _ONLY_IN_ANSWERS else Place.US
        yield Case(text, place, as_sent(text, form), Said(Command(command)), form)


def as_sent(text: str, form: str) -> bytes:
    """Rose's mail to the address for help, in one of the forms that programs give to what is written."""
    subject, body, fields = (
        "Re: Sunday's letter",
        text.replace("\n", "\r\n"),
        "Content-Type: text/plain; charset=utf-8\r\n",
    )
    match form:
        case "subject":
            subject, body = text, ""
        case "encoded subject":
            subject, body = Header(text, "utf-8", maxlinelen=40).encode(linesep="\r\n"), "-- \r\nRose Okafor"
        case "folded":
            subject, body = f"{text}\r\n ", "Sent from my iPhone"
        case "html":
            lines = "".join(f"<div>{line or '<br>'}</div>" for line in text.split("\n"))
            body = f"<html><body>{lines}<br><blockquote type=cite>Who is coming?</blockquote></body></html>"
            fields = "Content-Type: text/html; charset=utf-8\r\n"
        case "base64":
            body = base64.encodebytes(f"{body}\r\n".encode()).decode().replace("\n", "\r\n")
            fields += "Content-Transfer-Encoding: base64\r\n"
        case "quoted below":
            body = f"{body}\r\n\r\n{_QUOTE}"
        case "quoted above":
            body = f"{_QUOTE}\r\n{body}\r\n"
        case "signed":
            body = f"{body}\r\n\r\n-- \r\nRose Okafor\r\n14 Mill Lane\r\nWe stop for nobody\r\n"
        case "flowed":
            fields = "Content-Type: text/plain; charset=utf-8; format=flowed\r\n"
    head = (
        f"From: Rose Okafor <rose@home.example>\r\nTo: family-help\r\n @oak.example\r\nSubject: {subject}\r\n{fields}"
    )
    return f"{head}\r\n{body}\r\n".encode()
