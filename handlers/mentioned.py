"""Which addresses stand in the text of a message: storage knows which of them are members'."""

from __future__ import annotations

import re
from itertools import islice
from urllib.parse import unquote

from handlers.address import AT_SIGN, LONGEST_DOMAIN, LONGEST_LOCAL, address_key
from handlers.message import Message
from handlers.mime import parts, text

MOST_SIGNS = 10_000
"""Of an address that are looked at in one message; so many people are quoted nowhere."""

_LOCAL = re.compile(r"[^\s<>()\[\]\\,;:\"@]*\Z")
_DOMAIN = re.compile(r"[^\W_](?:[\w.-]*[^\W_])?")
_PLAIN_LOCAL = re.compile(r"[\w.+%-]*\Z", re.ASCII)


def mentioned_addresses(message: Message) -> set[str]:
    """Keys of the addresses in its text parts, a few more than there are: `*anna@…` may mean anna@…

    Raises MalformedMessage over the caps of spec/mail.md §2.2.
    """
    found: set[str] = set()
    left = MOST_SIGNS
    for part in parts(message):
        if not part.content_type.startswith("text/"):
            continue
        shown = text(message, part)
        for sign in islice(AT_SIGN.finditer(shown), left):
            left -= 1
            domain = _DOMAIN.match(shown[sign.end() : sign.end() + LONGEST_DOMAIN])
            local = _LOCAL.search(shown[max(0, sign.start() - LONGEST_LOCAL) : sign.start()])
            if domain is not None and local is not None:
                found.update(address_key(f"{spelling}@{domain[0]}") for spelling in _spellings(local[0]))
    return found


def _spellings(local: str) -> set[str]:
    """The local part, and what is left of it when marks of a text stand before it."""
    plain = _PLAIN_LOCAL.search(local)
    shorter = plain[0] if plain else ""
    return {unquote(spelling) for spelling in (local, shorter, shorter.lstrip("._-")) if spelling}
