"""Edits of a part's decoded bytes, carried into its encoded bytes; all other bytes stay as they are (RFC 2045 §6)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST_LINE = 998  # without CRLF (RFC 5322 §2.1.1)
_LONGEST_ENCODED_LINE = 76  # RFC 2045 §6.7 rule 5, §6.8
_IDENTITY = frozenset({"7bit", "8bit"})
_NOT_BASE64 = b" \t\r\n="
# A soft line break, an encoded octet, or blanks at the end of a line, which do not count (RFC 2045 §6.7 rules 3 and 5)
_QUOTED_PRINTABLE = re.compile(rb"=[ \t]*(?:\r?\n|\Z)|=[0-9A-Fa-f]{2}|(?<![ \t])[ \t]+(?=\r?\n|\Z)")


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Put `new` in the place of the decoded bytes from `start` to `end`."""

    start: int
    end: int
    new: bytes


def decoded(data: bytes, encoding: str) -> bytes | None:
    """What `data` says, or None when it cannot be edited: another encoding, or base64 that is not sound."""
    if encoding in _IDENTITY:
        return data
    if encoding == "quoted-printable":
        return b"".join(piece.text for piece in _pieces(data))
    return _sound_base64(data) if encoding == "base64" else None


def spliced(data: bytes, encoding: str, edits: Sequence[Edit]) -> bytes:
    """`data` with the edits made; they are in order, do not overlap, and count in what `decoded` returned."""
    if encoding == "quoted-printable":
        return _spliced_quoted_printable(data, edits)
    if encoding == "base64":
        return _spliced_base64(data, edits)
    return _spliced_identity(data, edits)


def _sound_base64(data: bytes) -> bytes | None:
    """RFC 2045 §6.8 to the letter; much that only calls itself base64 can be read as such, and would be spoiled."""
    words = data.split()
    if len(words) != sum(1 for line in data.split(b"\n") if not line.isspace() and line):
        return None
    try:
        return binascii.a2b_base64(b"".join(words), strict_mode=True) if words else b""
    except binascii.Error:
        return None


def _replaced(data: bytes, edits: Sequence[Edit]) -> bytes:
    out = bytearray()
    at = 0
    for edit in edits:
        out += data[at : edit.start] + edit.new
        at = edit.end
    return bytes(out + data[at:])


def _spliced_identity(data: bytes, edits: Sequence[Edit]) -> bytes:
    out = bytearray()
    at = 0
    for edit in edits:
        out += data[at : edit.start]
        begin = len(out)
        out += edit.new
        at = edit.end
        _wrap_before(out, begin, _rest_of_line(data, at))
    return bytes(out + data[at:])


def _wrap_before(out: bytearray, begin: int, rest: int) -> None:
    """Break the line at the blank before `begin` when the edit made it too long for mail."""
    line_start = out.rfind(b"\n", 0, begin) + 1
    blank = out.rfind(b" ", line_start + 1, begin)
    if b"\n" not in out[begin:] and len(out) - line_start + rest > LONGEST_LINE and blank != -1:
        out[blank : blank + 1] = b"\r\n"


def _rest_of_line(data: bytes, at: int) -> int:
    """How many octets follow in the line."""
    line_end = data.find(b"\n", at)
    return len(data[at : line_end if line_end != -1 else len(data)].rstrip(b"\r"))


@dataclass(frozen=True, slots=True)
class _Piece:
    """`data[start:end]` stands for `text`, octet for octet when it is `literal`."""

    start: int
    end: int
    text: bytes
    literal: bool


def _pieces(data: bytes) -> Iterator[_Piece]:
    at = 0
    for found in _QUOTED_PRINTABLE.finditer(data):
        start, end = found.span()
        if start > at:
            yield _Piece(at, start, data[at:start], literal=True)
        octet = data[start + 1 : end]
        is_octet = data[start : start + 1] == b"=" and len(octet) == 2 and octet.isalnum()
        yield _Piece(start, end, bytes.fromhex(octet.decode("ascii")) if is_octet else b"", literal=False)
        at = end
    if at < len(data):
        yield _Piece(at, len(data), data[at:], literal=True)


def _spliced_quoted_printable(data: bytes, edits: Sequence[Edit]) -> bytes:
    begins, ends = _places(data, edits)
    out = bytearray()
    at = 0
    for edit in edits:
        if edit.start == edit.end:
            place = ends[edit.start]
            out += data[at:place]
            if out.endswith((b" ", b"\t")):
                out += b"=\r\n"  # the blank was not the last of its line, and must not become it
            out += binascii.b2a_qp(edit.new, istext=True)
            at = place
        else:
            out += data[at : begins[edit.start]]
            at = ends[edit.end]
            _add_wrapped(out, edit.new, _rest_of_line(data, at))
    return bytes(out + data[at:])


def _add_wrapped(out: bytearray, word: bytes, rest: int) -> None:
    """Add `word`, which needs no encoding, between soft line breaks where the line would grow too long."""
    width = _LONGEST_ENCODED_LINE - 1  # one is kept for the "=" of a soft break
    column = len(out) - (out.rfind(b"\n") + 1)
    if column and column + len(word) + rest > _LONGEST_ENCODED_LINE:
        out += b"=\r\n"
        column = 0
    out += b"=\r\n".join(word[start : start + width] for start in range(0, len(word), width))
    if rest and (column + len(word)) % width + rest > _LONGEST_ENCODED_LINE:
        out += b"=\r\n"


def _places(data: bytes, edits: Sequence[Edit]) -> tuple[dict[int, int], dict[int, int]]:
    """Where in `data` the decoded octet at an edit's border begins, and where the one before the border ends."""
    borders = sorted({border for edit in edits for border in (edit.start, edit.end)})
    begins: dict[int, int] = {}
    ends = {0: 0}
    first = 0  # of the borders that are still ahead
    at = 0
    for piece in _pieces(data):
        if first == len(borders):
            break
        after = at + len(piece.text)
        place = first
        while place < len(borders) and borders[place] <= after:
            border = borders[place]
            if at <= border < after:
                begins[border] = piece.start + (border - at if piece.literal else 0)
            if at < border <= after:
                ends[border] = piece.start + border - at if piece.literal else piece.end
            if border < after:
                first = place + 1
            place += 1
        at = after
    return begins, ends


def _spliced_base64(data: bytes, edits: Sequence[Edit]) -> bytes:
    whole = _sound_base64(data) or b""
    kept, kept_octets = _lines_before(data, edits[0].start)
    edited = _replaced(whole[kept_octets:], [_moved(edit, kept_octets) for edit in edits])
    first_line, _, others = data.partition(b"\n")
    width = len(first_line.rstrip(b" \t\r")) if others.strip() else _LONGEST_ENCODED_LINE
    if width % 4 or not 4 <= width <= _LONGEST_ENCODED_LINE:
        width = _LONGEST_ENCODED_LINE
    encoded = base64.b64encode(edited)
    lines = [encoded[start : start + width] for start in range(0, len(encoded), width)]
    return data[:kept] + b"\r\n".join(lines) + (b"\r\n" if data.endswith(b"\n") else b"")


def _lines_before(data: bytes, octet: int) -> tuple[int, int]:
    """How much of `data` can stay: whole lines that stand for whole triples of octets before `octet`."""
    kept = kept_octets = characters = at = 0
    while (newline := data.find(b"\n", at)) != -1:
        line = data[at : newline + 1]
        characters += len(line.translate(None, _NOT_BASE64))
        if b"=" in line or characters // 4 * 3 > octet:
            break
        if characters % 4 == 0:
            kept, kept_octets = newline + 1, characters // 4 * 3
        at = newline + 1
    return kept, kept_octets


def _moved(edit: Edit, octets: int) -> Edit:
    return Edit(edit.start - octets, edit.end - octets, edit.new)
