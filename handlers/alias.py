"""The address in our domain under which others see a member: readable, her own for ever, telling nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count

from handlers.latin import in_latin
from handlers.route import reserved_name
from handlers.token import normal_token

LONGEST_ALIAS = 40
_NAMELESS = "member"
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|<[^<>]*>")
_APOSTROPHES = re.compile("['’ʼ`´]")
_NOT_ALIAS = re.compile(r"[^a-z0-9]+")
_LETTERS = re.compile(r"[a-z]+")


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
    readable = _NOT_ALIAS.sub(".", in_latin(_APOSTROPHES.sub("", person)).lower()).strip(".")
    letters = sum(each.isalpha() for each in person)
    return readable if 2 * sum(each.isalpha() for each in readable) >= letters else ""


def _first_word(address: str) -> str:
    found = _LETTERS.search(address.partition("@")[0].lower())
    return found[0] if found else ""
