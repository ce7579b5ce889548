"""The list of members as a member reads it, below the words of a notice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from handlers.letter_words import words_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One member. address: for private mail, "" where there is none."""

    name: str
    address: str
    line: str


@dataclass(frozen=True, slots=True)
class Yes:
    """Somebody came by the yes of a member."""

    name: str
    voucher: str
    day: date


def directory_page(entries: Sequence[Entry], yeses: Sequence[Yes], language: str) -> str:
    """Plain lines: one paragraph for each member, and below them who said yes to whom."""
    words = words_of(language)
    paragraphs = ["\n".join(filter(None, (each.name, each.address, each.line))) for each in entries]
    said = [
        words.say(
            "%(voucher)s said yes to %(name)s, %(day)s.",
            voucher=words.own(each.voucher),
            name=words.own(each.name),
            day=words.full_day(each.day),
        )
        for each in yeses
    ]
    return "\n\n".join([*paragraphs, "\n".join(said)]).strip()
