"""Addresses that a list takes nothing from: one of them, or a pattern in which "*" stands for anything."""

from __future__ import annotations

from collections.abc import Iterable

from handlers.address import AddressProblem, address_key, entered_mailbox

ANYTHING = "*"
_LONGEST = 254  # RFC 5321 §4.5.3.1


def ban_pattern(text: str) -> str:
    """What an operator typed, as it is kept. Raises AddressProblem with the cure."""
    local, at, domain = text.strip().rpartition("@")
    if not at or not local or not domain:
        raise AddressProblem(f'"{text}" is no address; write sven@elm.example, or *@elm.example for all of a domain')
    if not local.strip(ANYTHING) and not domain.strip(f"{ANYTHING}."):
        raise AddressProblem(f'"{text}" is everybody; to stop all mail: organic-mail list set NAME emergency=yes')
    if ANYTHING not in text:
        return address_key(entered_mailbox(text).address)
    if len(text) > _LONGEST:
        raise AddressProblem("no address is longer than 254 characters; write a shorter pattern")
    if any(letter.isspace() or not letter.isprintable() for letter in text.strip()):
        raise AddressProblem(f'"{text}" is no address; write it without blanks')
    return address_key(text.strip())


def is_banned(key: str, patterns: Iterable[str]) -> bool:
    """Does an address, as its key, fit one of the patterns?"""
    return any(fits(key, pattern) for pattern in patterns)


def fits(key: str, pattern: str) -> bool:
    """Is a text what the pattern says?"""
    first, *others = pattern.split(ANYTHING)
    if not others:
        return key == pattern
    last = others.pop()
    if len(key) < len(first) + len(last) or not key.startswith(first) or not key.endswith(last):
        return False
    at, end = len(first), len(key) - len(last)
    for piece in others:
        found = key.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
