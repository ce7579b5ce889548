"""Boxes of an ISO base media file: what films and the pictures of phones are packed in."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

_DEEPEST = 6
_MOST = 10_000


class Box(NamedTuple):
    """`data[start:end]`; what is in it begins at `body`."""

    kind: bytes
    start: int
    body: int
    end: int


def boxes(data: bytes, holders: Collection[bytes] = ()) -> Iterator[Box]:
    """In document order; those of the kinds `holders` come before what they hold, the others are not looked into."""
    open_ones = [(0, len(data))]
    seen = 0
    while open_ones and seen < _MOST:
        at, end = open_ones.pop()
        box = _box(data, at, end)
        if box is None:
            continue
        seen += 1
        yield box
        open_ones.append((box.end, end))
        if box.kind in holders and len(open_ones) <= _DEEPEST:
            open_ones.append((box.body, box.end))


def _box(data: bytes, at: int, limit: int) -> Box | None:
    if at + 8 > limit:
        return None
    size, body = int.from_bytes(data[at : at + 4], "big"), at + 8
    if size == 1 and at + 16 <= limit:
        size, body = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
    end = limit if size == 0 else min(at + size, limit)
    return Box(data[at + 4 : at + 8], at, body, end) if end >= body else None
