"""The address in our domain under which others see a member: readable, her own for ever, telling nothing else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from itertools import count

from handlers.route import reserved_name
from handlers.token import normal_token

LONGEST_ALIAS = 40
_NAMELESS = "member"
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|<[^<>]*>")
_APOSTROPHES = re.compile("['’ʼ`´]")
_NOT_ALIAS = re.compile(r"[^a-z0-9]+")
_LETTERS = re.compile(r"[a-z]+")

_IN_LATIN = {
    # Letters that do not fall apart into a base letter and a mark, and German vowels as Germans write them out
    "ä": "ae", "ö": "oe", "ü": "ue", "å": "a", "æ": "ae", "œ": "oe", "ø": "oe", "ł": "l", "đ": "d", "ð": "d",
    "ß": "ss", "þ": "th", "ħ": "h", "ı": "i", "ŋ": "ng", "ŧ": "t", "ə": "e",
    # Cyrillic
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "yo", "ж": "zh", "з": "z", "и": "i", "й": "y",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "h", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya",
    "є": "ye", "і": "i", "ї": "yi", "ґ": "g", "ў": "u", "ђ": "dj", "ј": "j", "љ": "lj", "њ": "nj", "ћ": "c", "џ": "dz",
    # Greek
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l",
    "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "u", "φ": "f",
    "χ": "ch", "ψ": "ps", "ω": "o",
}  # fmt: skip
_TABLE = str.maketrans(_IN_LATIN)


def alias_for(name: str, address: str, taken: Callable[[str], bool]) -> str:
    """A free local part made from her name ("Anna Lindqvist" → "anna.lindqvist"), else from her address.

    Of the address only its first word is used, so that the alias does not tell the rest. It has at most 40 of
    a-z, 0-9 and dots: without a dash it is never taken for a generated address. The second Anna Lindqvist becomes
    `anna.lindqvist.2`.
    """
    base = _readable(name) or _first_word(address) or _NAMELESS
    for number in count(1):
        ending = f".{number}" if number > 1 else ""
        alias = base[: LONGEST_ALIAS - len(ending)].rstrip(".") + ending
        if reserved_name(alias) is None and normal_token(alias) is None and not taken(alias):
            return alias
    raise AssertionError("there is always a next number")


def _readable(name: str) -> str:
    """Her name in a-z, 0-9 and dots; "" when too little of it can be written so."""
    person = _BRACKETS.sub(" ", name).strip()
    if "@" in person:  # some people's name is their address
        return ""
    written = _APOSTROPHES.sub("", unicodedata.normalize("NFC", person).lower()).translate(_TABLE)
    bare = "".join(each for each in unicodedata.normalize("NFKD", written) if not unicodedata.combining(each))
    readable = _NOT_ALIAS.sub(".", bare.lower().translate(_TABLE)).strip(".")
    letters = sum(each.isalpha() for each in person)
    return readable if 2 * sum(each.isalpha() for each in readable) >= letters else ""


def _first_word(address: str) -> str:
    found = _LETTERS.search(address.partition("@")[0].lower())
    return found[0] if found else ""
