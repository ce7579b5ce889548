"""Our own words to people: paragraphs that mail and pages show, each in its way.

How to write a notice:

1. templates/notices/KIND.txt has its structure, in English. Paragraphs are parted by blank lines; the first one is
   the Subject. A paragraph of one word is shown large: it is the word to answer with.
2. All words stand in calls of three functions, the same that the letter uses (handlers/letter_words.py):
   `{{ say("Is %(other)s also you?") }}` is one whole sentence, or some that belong together. Its fields are filled
   from the values of the notice: names and other text are kept apart from ours where one of the two runs from right
   to left, numbers and days are written as the reader's language does, and a tuple becomes "Anna, Tom and Rose".
   `{{ count("%(count)s file was too big.", "%(count)s files were too big.", number) }}` is a sentence about so many.
   `{{ word("answer", "yes") }}` is one word; "answer" is for what people write back, and plain_words has to know it.
3. `{% if %}` chooses between whole sentences, never within one. Names are not inflected, and nobody has a sex.
4. handlers/notice_examples.py gets an example of every shape: for `organic-mail notice preview`, for the tests that
   count words, and for translators, who see each sentence as it was filled there.
5. `python -m tests.words` brings locale/*.po up to date. A language whose catalogue lacks one sentence of a notice
   shows all of that notice in English. A new language is one more file there, and nothing else.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from babel.numbers import format_decimal
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context

from handlers.catalogue import OUR_LANGUAGE, NotTranslated, catalogue
from handlers.letter_words import Words, words_of

Value = str | int | bool | date | tuple[str, ...]

_LONGEST_VALUE = 200
_BLANK_LINES = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class Text:
    """`language`: the one that we have these words in."""

    language: str
    direction: str  # "ltr" or "rtl"
    heading: str
    paragraphs: tuple[str, ...]


def text_of(name: str, language: str, values: Mapping[str, Value]) -> Text:
    """The words of one template; every text in `values` may come from a stranger, and becomes one short line."""
    clean = {key: one_line(value) if type(value) is str else value for key, value in values.items()}
    try:
        return _rendered(name, words_of(language), clean)
    except NotTranslated:
        return _rendered(name, words_of(OUR_LANGUAGE), clean)


def one_line(text: str) -> str:
    """No line breaks, no control characters, and not too much of it."""
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return plain if len(plain) <= _LONGEST_VALUE else plain[: _LONGEST_VALUE - 1] + "…"


@cache
def templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("handlers"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"say": _say, "count": _count, "word": _word}
    environment.filters["marked"] = _marked
    return environment


def _rendered(name: str, words: Words, values: Mapping[str, Value]) -> Text:
    subject = {"subject": words.say("(no subject)")} if values.get("subject") == "" else {}
    template = templates().get_template(f"{name}.txt")
    heading, *paragraphs = _BLANK_LINES.split(template.render({**values, **subject, _WORDS: words}).strip())
    return Text(words.language, words.direction, _joined(heading), tuple(map(_joined, paragraphs)))


def _joined(paragraph: str) -> str:
    return " ".join(paragraph.split())


_WORDS = "words of the reader"  # no template can name it


class _Fields:
    """The values of a template, as a sentence in these words shows them."""

    def __init__(self, values: Mapping[str, Value], words: Words) -> None:
        self._values = values
        self._words = words

    def __getitem__(self, name: str) -> str:
        value, words = self._values[name], self._words
        if isinstance(value, tuple):
            return words.together(value)
        if isinstance(value, date):
            return words.full_day(value)
        if isinstance(value, int):
            return format_decimal(value, locale=words.locale)
        return words.own(value)


@pass_context
def _say(context: Context, english: str) -> str:
    words: Words = context[_WORDS]
    return catalogue(words.language, strict=True).gettext(english) % _Fields(context.get_all(), words)


@pass_context
def _count(context: Context, english: str, english_many: str, count: int) -> str:
    words: Words = context[_WORDS]
    sentence = catalogue(words.language, strict=True).ngettext(english, english_many, count)
    return sentence % _Fields({**context.get_all(), "count": count}, words)


@pass_context
def _word(context: Context, kind: str, english: str) -> str:
    words: Words = context[_WORDS]
    return catalogue(words.language, strict=True).pgettext(kind, english)


def _marked(paragraph: str) -> str:
    """As HTML, escaped: text of another direction stands in an element of its own (spec/people.md §3.7)."""
    kept_apart = html.escape(paragraph).replace("\N{FIRST STRONG ISOLATE}", "<bdi>")
    return kept_apart.replace("\N{POP DIRECTIONAL ISOLATE}", "</bdi>")
