"""The words of a letter's frame in its reader's language: gettext catalogues, and dates by Babel (spec/people.md §3.7).

Every call of `say`, `count` and `word` has its English words written out, for tests compare them with the catalogues.
"""

from __future__ import annotations

import gettext
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.lists import format_list

from handlers.catalogue import OUR_LANGUAGE, catalogue, spoken

_NIGHT, _MORNING, _AFTERNOON, _EVENING = range(4)
_A_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Words:
    """One language: its catalogue, and how it writes dates."""

    language: str
    locale: Locale
    catalogue: gettext.NullTranslations

    @property
    def direction(self) -> str:
        return self.locale.text_direction

    def say(self, english: str, **values: object) -> str:
        """A whole sentence, with its named fields filled in."""
        return self.catalogue.gettext(english) % values

    def count(self, english: str, english_many: str, count: int, **values: object) -> str:
        """A sentence about so many; the field `count` is one of its values."""
        return self.catalogue.ngettext(english, english_many, count) % {"count": count, **values}

    def word(self, context: str, english: str) -> str:
        """A button, or another word that means something only where it stands."""
        return self.catalogue.pgettext(context, english)

    def together(self, names: Sequence[str]) -> str:
        """ "Anna, Tom and Rose" """
        return format_list([self.own(name) for name in names], locale=self.locale)

    def own(self, text: str) -> str:
        """Somebody's words inside a sentence of ours, kept apart where one of the two runs from right to left."""
        if self.direction == "ltr" and not any(unicodedata.bidirectional(each) in ("R", "AL") for each in text):
            return text
        return f"\u2068{text}\u2069"

    def weekday(self, day: date) -> str:
        return format_date(day, "EEEE", locale=self.locale)

    def full_day(self, day: date) -> str:
        """Weekday and date: "Sunday, 6 December 2026"."""
        return format_date(day, "full", locale=self.locale)

    def day_and_month(self, day: date) -> str:
        text: str = format_skeleton("MMMMd", day, locale=self.locale)
        return text

    def when(self, moment: datetime, today: date) -> str:
        """Local time as one speaks of it: "yesterday afternoon"; from a week ago on the date."""
        day, part = moment.date(), _part_of_day(moment.hour)
        if day == today:
            return _today(self, part)
        if day == today - timedelta(days=1):
            return _yesterday(self, part)
        if today - _A_WEEK < day < today:
            return _on_weekday(self, part, self.weekday(day))
        return self.full_day(day)

    def greeting(self, hour: int, name: str) -> str:
        match _part_of_day(hour):
            case 0 | 1:
                return self.say("Good morning %(name)s.", name=name)
            case 2:
                return self.say("Good afternoon %(name)s.", name=name)
            case _:
                return self.say("Good evening %(name)s.", name=name)


@cache
def words_of(language: str) -> Words:
    """For a BCP 47 tag; where we have no words in it, English."""
    ours = spoken(language)
    return Words(ours, _locale(language if language.lower().partition("-")[0] == ours else ours), catalogue(ours))


def part_of_day(hour: int) -> int:
    """By which greetings differ: letters of one part have the same one."""
    return max(_part_of_day(hour), _MORNING)


def _part_of_day(hour: int) -> int:
    return _NIGHT if hour < 5 else _MORNING if hour < 12 else _AFTERNOON if hour < 17 else _EVENING


def _today(words: Words, part: int) -> str:
    return (
        words.say("last night"),
        words.say("this morning"),
        words.say("this afternoon"),
        words.say("this evening"),
    )[part]


def _yesterday(words: Words, part: int) -> str:
    return (
        words.say("early yesterday"),
        words.say("yesterday morning"),
        words.say("yesterday afternoon"),
        words.say("yesterday evening"),
    )[part]


def _on_weekday(words: Words, part: int, weekday: str) -> str:
    return (
        words.say("early on %(weekday)s", weekday=weekday),
        words.say("on %(weekday)s morning", weekday=weekday),
        words.say("on %(weekday)s afternoon", weekday=weekday),
        words.say("on %(weekday)s evening", weekday=weekday),
    )[part]


def _locale(language: str) -> Locale:
    """Plain English is spoken as most of the world writes its dates: day, then month."""
    try:
        return Locale.parse("en-GB" if language.lower() == OUR_LANGUAGE else language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en_GB")
