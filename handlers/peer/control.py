"""The block of `name:value` lines that machines read in a mail which people can read too (spec/federation.md §2.1)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_BEGIN = "-----BEGIN ORGANIC CONTROL-----"
_END = "-----END ORGANIC CONTROL-----"
_NAME = re.compile(r"[a-z][a-z0-9.-]{0,39}")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # Cc, Zl, Zp, Cs
_LONGEST_BLOCK = 256 * 1024  # characters: a roster of 150 servers has a fifth of it
_MOST_FIELDS = 2000

Fields = tuple[tuple[str, str], ...]


class Unreadable(Exception):
    """It is no block of this protocol; `args[0]` says why, for the operator's log."""


@dataclass(frozen=True, slots=True)
class Control:
    """One block. Names may come several times; their order counts, because signatures cover it."""

    fields: Fields

    @property
    def type(self) -> str:
        return self.first("type")

    def first(self, name: str) -> str:
        """Its first value. Raises Unreadable where the block has none."""
        value = self.get(name)
        if value is None:
            raise Unreadable(f"{name} is missing")
        return value

    def get(self, name: str) -> str | None:
        for each, value in self.fields:
            if each == name:
                return value
        return None

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(value for each, value in self.fields if each == name)

    def without(self, *names: str) -> Control:
        """What a signature covers: everything but itself."""
        return Control(tuple(field for field in self.fields if field[0] not in names))


def canonical(fields: Iterable[tuple[str, str]]) -> bytes:
    """The bytes that digests and signatures cover: UTF-8 in NFC, a line each, ended by LF, no blank at its end.

    Raises Unreadable for a name or value that has no canonical form.
    """
    lines = []
    for name, value in fields:
        plain = unicodedata.normalize("NFC", value).rstrip(" ")
        if _NAME.fullmatch(name) is None:
            raise Unreadable(f"{name[:40]!r} is no name")
        if _CONTROL.search(plain):
            raise Unreadable(f"{name} holds a control character")
        lines.append(f"{name}:{plain}\n")
    return "".join(lines).encode()


def write_block(control: Control) -> str:
    """The block as it stands in a mail, with lines that end in LF."""
    return f"{_BEGIN}\n{canonical(control.fields).decode()}{_END}\n"


def read_canonical(text: str) -> Control:
    """The fields that `canonical` wrote. Raises Unreadable."""
    return _read_lines(text.removesuffix("\n").split("\n"))


def read_block(text: str) -> Control:
    """The one block in a mail's text. Raises Unreadable where there is none, or two, or one that is not canonical."""
    if len(text) > _LONGEST_BLOCK:
        raise Unreadable("the text is too long")
    lines = [line.rstrip("\r ") for line in text.split("\n")]
    if lines.count(_BEGIN) != 1 or lines.count(_END) != 1:
        raise Unreadable("there is not exactly one control block")
    inside = lines[lines.index(_BEGIN) + 1 : lines.index(_END)]
    if not inside or len(inside) > _MOST_FIELDS:
        raise Unreadable("the control block has no fields, or too many")
    return _read_lines(inside)


def _read_lines(lines: Sequence[str]) -> Control:
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise Unreadable("a line of the control block has no name")
        fields.append((name, unicodedata.normalize("NFC", value)))
    canonical(fields)
    return Control(tuple(fields))
