"""Our own words, from templates/LANGUAGE/NAME.txt: paragraphs that letters and pages show, each in its way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

Value = str | int | bool

_OUR_LANGUAGE = "en"
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur", "yi"})
_LONGEST_VALUE = 200
_BLANK_LINES = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class Text:
    """`language`: the one that we have these words in."""

    language: str
    heading: str
    paragraphs: tuple[str, ...]

    @property
    def direction(self) -> str:
        return "rtl" if self.language.partition("-")[0] in _RIGHT_TO_LEFT else "ltr"


def text_of(name: str, language: str, values: Mapping[str, Value]) -> Text:
    """The words of one template; every text in `values` may come from a stranger, and becomes one short line."""
    clean = {key: one_line(value) if isinstance(value, str) else value for key, value in values.items()}
    template = templates().select_template([f"{each}/{name}.txt" for each in _languages(language)])
    heading, *paragraphs = _BLANK_LINES.split(template.render(clean).strip())
    spoken = str(template.name).partition("/")[0]
    return Text(spoken, _joined(heading), tuple(map(_joined, paragraphs)))


def one_line(text: str) -> str:
    """No line breaks, no control characters, and not too much of it."""
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return plain if len(plain) <= _LONGEST_VALUE else plain[: _LONGEST_VALUE - 1] + "…"


@cache
def templates() -> Environment:
    return Environment(
        loader=PackageLoader("handlers"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _joined(paragraph: str) -> str:
    return " ".join(paragraph.split())


def _languages(language: str) -> tuple[str, ...]:
    """From the most particular (RFC 4647 §3.4) to the one that we always have."""
    wanted = language.lower()
    return wanted, wanted.partition("-")[0], _OUR_LANGUAGE
