"""Which conversation of a letter an answer belongs to, by numbers or by what it quotes (spec/people.md §2.3).

Nothing is refused and nobody is asked: what belongs to no conversation surely is an answer to the letter as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from handlers.written import labelled_lines_of, written_text_of
from handlers.written_known import Original
from handlers.written_line import Line, words_of
from handlers.written_sheet import Label

_NUMBERED = re.compile(
    r"\s*(?P<mark>#|№|no\.?\s|nr\.?\s|número\s|n[°º]\s?)?\s*(?P<number>\d{1,2})(?P<point>[.):]?)"
    r"(?:\s+(?P<rest>\S.*)|$)",
    re.IGNORECASE,
)
# With a point behind the number, for "On 2 December we leave" is none.
_ABOUT = re.compile(
    r"\s*(?:on|to|re|about|for|zu|till|om|sur|pour|au|sobre|a la|al|para|לגבי|בעניין|بخصوص|عن)\s+"
    r"(?:no\.?\s*|nr\.?\s*|#)?(?P<number>\d{1,2})\s*[:)]\s*(?P<rest>\S.*)",
    re.IGNORECASE,
)
_HEADING = re.compile(r"\s*(\d{1,2})\.\s+(\S.*)")
_ADDRESSES = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\S*@\S*|\b(?:https?|mailto|cid):\S*")
_FEWEST_WORDS, _FEWEST_LETTERS = 4, 24

# After a bare number these make a quantity or a time of day: "3 people from us", "2 o'clock".
_COUNTED = frozenset({
    "people", "persons", "person", "adults", "children", "kids", "of", "o'clock", "o’clock", "oclock", "pm", "am",
    "years", "year", "months", "weeks", "days", "day", "hours", "hour", "minutes", "times", "more", "or", "and", "to",
    "euro", "euros", "kg", "km", "percent", "x",
    "personen", "leute", "erwachsene", "kinder", "uhr", "jahre", "monate", "wochen", "tage", "stunden", "minuten",
    "mal", "oder", "und", "bis", "von",
    "personnes", "adultes", "enfants", "heures", "heure", "ans", "mois", "semaines", "jours", "fois", "ou", "et",
    "d'entre", "personas", "adultos", "niños", "horas", "años", "meses", "semanas", "días", "veces", "o", "y", "de",
    "personer", "vuxna", "barn", "år", "månader", "veckor", "dagar", "timmar", "gånger", "eller", "och", "till", "av",
    "st", "אנשים", "ילדים", "שנים", "ימים", "שעות", "פעמים", "أشخاص", "أطفال", "سنوات", "أيام", "ساعات", "مرات",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class NumberedTitle:
    number: int
    title: str


@dataclass(frozen=True, slots=True)
class Placed:
    """What was written about one conversation; number 0: about the letter."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class LetterAsRead:
    """A letter as its reader has it before her. ends: how the line begins that closes a conversation."""

    titles: tuple[NumberedTitle, ...]
    shown: str  # all its words
    ends: tuple[str, ...]


def placed_answers(raw: bytes, letter: LetterAsRead) -> list[Placed]:
    """The answers that one mail holds, in its order. Empty when nothing in it is its author's own."""
    titles, shown = letter.titles, letter.shown
    lines = labelled_lines_of(raw, original=shown or None)
    runs = _runs(lines, _Places(letter))
    by_place = _by_place(runs)
    if by_place is not None:
        return by_place
    if any(run.in_quote for run in runs):
        text = "\n\n".join(run.text for run in runs if run.text)
    else:
        text = written_text_of(raw, original=shown or None).strip()
    if not text:
        return []
    numbered = _by_number(text, {each.number for each in titles})
    if numbered:
        return numbered
    quoted = {number for run in runs for number in run.quoted if number}
    if len(quoted) == 1:
        return [Placed(quoted.pop(), text)]
    if len(titles) == 1:
        return [Placed(titles[0].number, text)]
    return [Placed(0, text)]


@dataclass(frozen=True, slots=True)
class _Run:
    """Lines of hers that follow each other. above: the conversation that is quoted right above, 0 for none."""

    text: str
    above: int
    quoted: frozenset[int]  # conversations that are quoted between the run before and this one; 0: the rest of it
    in_quote: bool = False  # her program has made it a part of what it quotes


class _Places:
    """Where in the letter a quoted line stands."""

    def __init__(self, letter: LetterAsRead) -> None:
        self._titles = {each.number: words_of(each.title) for each in letter.titles}
        self._of_line: dict[str, set[int]] = {}
        self._sent = Original(letter.shown)
        number = 0
        for line in letter.shown.splitlines():
            number = self.heading(line, number)
            form = _form(line)
            if form:
                self._of_line.setdefault(form, set()).add(number)
            if line.strip().startswith(letter.ends):
                number = 0

    def heading(self, line: str, before: int) -> int:
        """The conversation that begins with this line, else the one before."""
        found = _HEADING.fullmatch(line)
        if found is None:
            return before
        number, words = int(found[1]), words_of(found[2])
        return number if number in self._titles and words == self._titles[number] else before

    def is_hers(self, line: str) -> bool:
        """Does nothing of a line that is marked as quoted stand in the letter? Then she wrote it in between."""
        words = words_of(_ADDRESSES.sub(" ", line))
        pieces = [words[at : at + 3] for at in range(max(1, len(words) - 2))]
        return bool(words) and not any(self._sent.has_phrase(piece) for piece in pieces)

    def of(self, line: str, before: int) -> int | None:
        """None: the line tells nothing."""
        number = self.heading(line, -1)
        if number != -1:
            return number
        places = self._of_line.get(_form(line), set())
        return next(iter(places)) if len(places) == 1 else None


def _form(line: str) -> str:
    """ "" for a line that could stand anywhere."""
    words = words_of(line)
    joined = " ".join(words)
    return joined if len(words) >= _FEWEST_WORDS or len(joined) >= _FEWEST_LETTERS else ""


def _runs(lines: Sequence[tuple[Line, Label]], places: _Places) -> list[_Run]:
    runs: list[_Run] = []
    above, quoted, text, in_quote = 0, set[int](), list[str](), False

    def end() -> None:
        nonlocal text, in_quote
        runs.append(_Run("\n".join(text).strip(), above, frozenset(quoted), in_quote))
        text, in_quote = [], False

    for line, label in lines:
        if label is Label.WRITTEN:
            text.append(line.shown)
            continue
        if label is Label.QUOTED and places.is_hers(line.text):
            text.append(line.text)
            in_quote = True
            continue
        if any(each.strip() for each in text):
            end()
            quoted = set()
        text = []
        found = places.of(line.text, above)
        if found is not None:
            above = found
            quoted.add(found)
    end()
    return runs


def _by_place(runs: Sequence[_Run]) -> list[Placed] | None:
    """Answers between the quotes: each belongs to what stands above it. None when they are not written like that.

    One that stands below a quote of several conversations, with nothing quoted below it, was written below the
    letter, not below the last of them.
    """
    written = [run for run in runs if run.text]
    below = [run for run in written if run.above]
    if not below:
        return None
    last = below[0] is written[-1] and not any(run.quoted for run in runs[runs.index(below[0]) + 1 :])
    if last and len(below[0].quoted - {0}) > 1:
        return None
    placed: list[Placed] = []
    for run in written:
        if placed and placed[-1].number == run.above:
            placed[-1] = Placed(run.above, f"{placed[-1].text}\n\n{run.text}")
        else:
            placed.append(Placed(run.above, run.text))
    return placed


def _by_number(text: str, numbers: set[int]) -> list[Placed]:
    """Lines that begin with the number of a conversation, each with what follows; [] unless the text begins so."""
    placed: list[Placed] = []
    for line in text.splitlines():
        number, rest = _numbered(line, numbers)
        if number:
            placed.append(Placed(number, rest))
        elif not placed:
            return []
        else:
            placed[-1] = Placed(placed[-1].number, f"{placed[-1].text}\n{line}".lstrip("\n"))
    return [Placed(each.number, each.text.strip()) for each in placed if each.text.strip()]


def _numbered(line: str, numbers: set[int]) -> tuple[int, str]:
    about = _ABOUT.fullmatch(line)
    if about is not None and int(about["number"]) in numbers:
        return int(about["number"]), about["rest"]
    found = _NUMBERED.fullmatch(line)
    if found is None or int(found["number"]) not in numbers:
        return 0, line
    rest = found["rest"] or ""
    sure = found["mark"] or found["point"]
    word = rest.split(maxsplit=1)[0].casefold().strip(".,;:!?") if rest else ""
    if not sure and word in _COUNTED:
        return 0, line
    return int(found["number"]), rest
