"""Members' addresses wherever they stand in a text, in whatever spelling a program gives them.

Stricter than what a list's own copies need: there only lines of attribution are changed, here an address that stays is
a leak (spec/federation.md §2.6). One pass over the text, whatever the number of members.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from itertools import islice
from urllib.parse import unquote

from handlers.address import AT_SIGN, LONGEST_DOMAIN, LONGEST_LOCAL, address_key

_DOMAIN = re.compile(r"[^\W_](?:[\w.-]*[^\W_])?")
_LOCAL = re.compile(r"[^\s<>()\[\]\\,;:\"@]*\Z")
_STARTS = re.compile(r"(?<![^\W_])(?=.)")
"""Where in a local part an address may begin: not within a word."""
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_MOST_SIGNS = 10_000
"""Of an address in one text; so many people are quoted nowhere."""
_WRAPPED = re.compile(r"\n[>| \t]*")


class Hidden:
    """`names`: by address key, what stands for the address."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._by_domain: dict[str, dict[str, str]] = {}
        self._most_labels = 0
        for key, name in names.items():
            local, _, domain = key.rpartition("@")
            self._most_labels = max(self._most_labels, domain.count(".") + 1)
            at_domain = self._by_domain.setdefault(domain, {})
            at_domain[local] = name
            at_domain.setdefault(local.partition("+")[0], name)

    def without(self, text: str, *, is_html: bool = False) -> str:
        """The text with `[Name]` for each address."""
        pieces: list[str] = []
        at = 0
        for start, end, name in self._places(text):
            if start >= at:
                pieces += (text[at:start], f"[{escape(name) if is_html else name}]")
                at = end
        return "".join((*pieces, text[at:])) if pieces else text

    def is_in(self, text: str) -> bool:
        """Does an address stand there, perhaps with signs in it that nobody sees, or broken over two lines?"""
        if not self._by_domain:
            return False
        if len(AT_SIGN.findall(text)) > _MOST_SIGNS:
            return True  # nobody looks through so many
        seen = _UNSEEN.sub("", text)
        return any(next(self._places(each), None) for each in (text, unquote(text), seen, _WRAPPED.sub("", seen)))

    def _places(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Start, end and name of each address, in order."""
        for sign in islice(AT_SIGN.finditer(text), _MOST_SIGNS):
            found = _DOMAIN.match(text[sign.end() : sign.end() + LONGEST_DOMAIN])
            local = _LOCAL.search(text[max(0, sign.start() - LONGEST_LOCAL) : sign.start()])
            if found is None or local is None:
                continue
            for domain in _domains(found[0], self._most_labels):
                known = self._by_domain.get(address_key(f"a@{domain}")[2:])
                place = _place(local[0], known) if known else None
                if place:
                    length, name = place
                    yield sign.start() - length, sign.end() + len(domain), name
                    break


def _domains(text: str, most_labels: int) -> Iterator[str]:
    """Its first labels, the most first: the next sentence may follow the address without a blank."""
    labels = text.split(".", most_labels)[:most_labels]
    for count in range(len(labels), 0, -1):
        yield ".".join(labels[:count])


def _place(local: str, known: Mapping[str, str]) -> tuple[int, str] | None:
    """How many of the last characters are the local part of a member, and her name; the longest counts."""
    for start in [found.start() for found in _STARTS.finditer(local)]:
        spelled = address_key(f"{unquote(local[start:])}@a")[:-2]
        name = known.get(spelled) or known.get(spelled.partition("+")[0])
        if name:
            return len(local) - start, name
    return None
