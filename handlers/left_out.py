"""What a post came with and its copies do not have: how it is written down, and what readers are told of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from handlers.header_field import plain_text
from handlers.letter_words import Words, words_of

_NAMED = 3  # files in a sentence; the others are counted


class Why(StrEnum):
    TOO_BIG = "too big"
    UNREADABLE = "unreadable"  # it could not be opened, and so not be rid of what it tells about places
    PROGRAM = "program"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One file."""

    name: str
    size: int  # bytes
    why: Why


def packed_left_out(files: Sequence[LeftOut]) -> str:
    """For storage.cleaned."""
    return json.dumps([asdict(each) for each in files]) if files else ""


def unpacked_left_out(text: str) -> tuple[LeftOut, ...]:
    return tuple(LeftOut(each["name"], each["size"], Why(each["why"])) for each in json.loads(text)) if text else ()


def left_out_lines(files: Sequence[LeftOut], *, author: str, language: str) -> list[str]:
    """What the readers of a copy are told."""
    words = words_of(language)
    lines: list[str] = []
    for why in Why:
        of_this_kind = [each for each in files if each.why is why]
        if of_this_kind:
            lines.append(_told(why, words, named(of_this_kind, words), words.own(author)))
    return lines


def _told(why: Why, words: Words, files: str, author: str) -> str:
    match why:
        case Why.TOO_BIG:
            text = words.say("Too big for this email: %(files)s. Please ask %(author)s.", files=files, author=author)
        case Why.UNREADABLE:
            text = words.say(
                "We could not open this, so it is not here: %(files)s. Please ask %(author)s.",
                files=files,
                author=author,
            )
        case Why.PROGRAM:
            text = words.say(
                "Programs can do harm, so we took this out: %(files)s. Please ask %(author)s.",
                files=files,
                author=author,
            )
    return text


def named(files: Sequence[LeftOut], words: Words) -> str:
    """lake.mov (17 MB), party.mov (12 MB) and 2 more"""
    shown = [f"{plain_text(each.name)} ({shown_size(each.size, words)})" for each in files[:_NAMED]]
    more = len(files) - len(shown)
    return words.together([*shown, words.count("%(count)s more", "%(count)s more", more)] if more else shown)


def only_too_big(files: Iterable[LeftOut]) -> list[LeftOut]:
    return [each for each in files if each.why is Why.TOO_BIG]


def shown_size(size: int, words: Words) -> str:
    """17 MB, as people say it."""
    if size >= 10**6:
        return words.say("%(count)s MB", count=round(size / 10**6))
    return words.say("%(count)s kB", count=max(1, round(size / 1000)))
