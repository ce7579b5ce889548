"""What people write to the list itself, in every language that we know: locale/LANGUAGE.words.toml (people.md §3.7).

All languages are read at once, so that nobody's language has to be known. Capitals, accents, apostrophes and
punctuation do not count: phrases are compared by their `folded` form.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

_ENDING = ".words.toml"
_LEAST_MARK = 10  # Unicode's combining class of accents and vowel points; below are parts of letters (Indic, kana)
_BARE = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})
_APOSTROPHES = frozenset("'’‘ʼ`´")
_ASCII_WORD = re.compile(r"[a-z0-9]+")
_FIRST_UNSPACED = "\u3040"  # from here on words stand without blanks between them: kana, Chinese signs, Hangul
_FEWEST_LETTERS = 6  # of a word in which one slip is forgiven


class Part(StrEnum):
    """Where phrases are read; each is a part of every file."""

    ANYWHERE = "anywhere"
    IN_ANSWERS = "in_answers"  # to a post or a letter
    TO_US = "to_us"  # where a program reads and nobody else: letters, notices, the address for help
    TO_A_QUESTION = "to_a_question"
    TO_ONE_MEMBER = "to_one_member"
    TO_OWN_POST = "to_own_post"  # in answer to what she wrote herself


@dataclass(frozen=True, slots=True)
class Phrases:
    """All languages together. Every phrase is folded; the longest has `longest_polite` words."""

    meanings: Mapping[str, tuple[Part, str]]  # phrase → where it is read, and the name of what it means
    begins: frozenset[str]  # first words of phrases, and of what is polite
    polite: frozenset[str]
    polite_begins: frozenset[str]  # their first words
    polite_ends: frozenset[str]
    longest_polite: int
    unspaced_polite: tuple[str, ...]  # of languages without blanks, longest first
    ends: frozenset[str]
    not_slips: frozenset[str]
    slippable: Mapping[str, frozenset[str]]  # letter → long single words that begin or end with it

    def without_polite(self, key: str) -> str:
        """A folded line without greetings and thanks at its ends."""
        words = key.split()
        while words and (words[0] in self.polite_begins or words[-1] in self.polite_ends):
            most = min(self.longest_polite, len(words))
            front = next((n for n in range(most, 0, -1) if " ".join(words[:n]) in self.polite), 0)
            back = next((n for n in range(most, 0, -1) if " ".join(words[-n:]) in self.polite), 0)
            if not front and not back:
                break
            words = words[front:] if front else words[:-back]
        return self._without_unspaced(" ".join(words))

    def meant_by_slip(self, word: str) -> tuple[Part, str] | None:
        """What a word with one slip of the finger in it means, where that is one thing alone."""
        if len(word) < _FEWEST_LETTERS or not word.isalpha() or word in self.not_slips:
            return None
        none = frozenset[str]()
        similar = self.slippable.get(word[0], none) | self.slippable.get(word[-1], none)  # no slip changes both ends
        near = {self.meanings[known] for known in similar if is_one_slip(word, known)}
        return min(near) if len({name for _, name in near}) == 1 else None

    def _without_unspaced(self, key: str) -> str:
        if not key or key[-1] < _FIRST_UNSPACED:
            return key
        for polite in self.unspaced_polite:
            if key not in self.meanings and len(key) > len(polite):
                key = key.removesuffix(polite).removeprefix(polite).strip()
        return key


def folded(text: str) -> str:
    """The words of `text` as they are compared: no capitals, accents, apostrophes, punctuation or pictures."""
    if text.isascii():
        return " ".join(_ASCII_WORD.findall(text.lower().replace("'", "").replace("`", "")))
    letters: list[str] = []
    for letter in unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold()).translate(_BARE):
        category = unicodedata.category(letter)
        if category[0] in "LN" or (category[0] == "M" and 0 <= unicodedata.combining(letter) < _LEAST_MARK):
            letters.append("" if "\ufe00" <= letter <= "\ufe0f" else letter)  # variation selectors colour pictures
        elif category[0] != "M" and category != "Cf" and letter not in _APOSTROPHES:
            letters.append(" ")
    return " ".join(unicodedata.normalize("NFC", "".join(letters)).split())


def is_one_slip(typed: str, meant: str) -> bool:
    """Is one letter missing, too many, another, or are two that stand together swapped?"""
    if abs(len(typed) - len(meant)) > 1 or typed == meant:
        return False
    shorter = min(len(typed), len(meant))
    front = next((place for place in range(shorter) if typed[place] != meant[place]), shorter)
    back = next((n for n in range(shorter - front) if typed[-1 - n] != meant[-1 - n]), shorter - front)
    left, right = typed[front : len(typed) - back], meant[front : len(meant) - back]
    return max(len(left), len(right)) == 1 or (len(left) == 2 and left == right[::-1])


def languages() -> tuple[str, ...]:
    """Those that have a file."""
    folder = resources.files("handlers").joinpath("locale")
    return tuple(sorted(each.name.removesuffix(_ENDING) for each in folder.iterdir() if each.name.endswith(_ENDING)))


def file_of(language: str) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """What is written in the file of one language: part → name → phrases."""
    source = resources.files("handlers").joinpath("locale", f"{language}{_ENDING}").read_text(encoding="utf-8")
    found: dict[str, Any] = tomllib.loads(source)
    return found


@cache
def usual_phrase(name: str, language: str) -> str:
    """How we say it ourselves: the first phrase of a table, in English where we have no table of her language."""
    main = language.lower().partition("-")[0]
    files = [file_of(each) for each in (main, "en") if each in languages()]
    return next(file[part][name][0] for file in files for part in Part if name in file.get(part, {}))


@cache
def phrases() -> Phrases:
    """Read once, when the first phrase is looked for."""
    files = [file_of(language) for language in languages()]
    meanings = {
        folded(phrase): (part, name)
        for file in files
        for part in Part
        for name, said in file.get(part, {}).items()
        for phrase in said
    }
    polite = frozenset(_around(files, "polite"))
    slippable: defaultdict[str, set[str]] = defaultdict(set)
    for phrase in meanings:
        if phrase.isalpha() and len(phrase) >= _FEWEST_LETTERS and phrase < _FIRST_UNSPACED:
            slippable[phrase[0]].add(phrase)
            slippable[phrase[-1]].add(phrase)
    return Phrases(
        meanings,
        frozenset(phrase.split()[0] for phrase in (*meanings, *polite)),
        polite,
        frozenset(phrase.split()[0] for phrase in polite),
        frozenset(phrase.split()[-1] for phrase in polite),
        max(len(phrase.split()) for phrase in polite),
        tuple(sorted((each for each in polite if each >= _FIRST_UNSPACED), key=len, reverse=True)),
        frozenset(_around(files, "end")),
        frozenset(_around(files, "not_slips")),
        {letter: frozenset(words) for letter, words in slippable.items()},
    )


def _around(files: Sequence[Mapping[str, Mapping[str, Sequence[str]]]], name: str) -> Iterator[str]:
    return (folded(phrase) for file in files for phrase in file["around"].get(name, ()))
