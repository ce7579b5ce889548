"""Numbers of mails as ranges, `1-5,7`: which have arrived, which are missing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from handlers.peer.control import Unreadable
from handlers.peer.value import read_number

MOST_RANGES = 64
"""In a mail (spec/federation.md §2.9)."""

Ranges = tuple[tuple[int, int], ...]
"""First and last of each, in order, none touching the next."""


def holds(ranges: Ranges, number: int) -> bool:
    place = bisect_right(ranges, number, key=lambda each: each[0])
    return place > 0 and number <= ranges[place - 1][1]


def joined(*several: Ranges) -> Ranges:
    """All that stand in any of them."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(pair for ranges in several for pair in ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


def with_number(ranges: Ranges, number: int) -> Ranges:
    if ranges and ranges[-1][1] == number - 1:  # so it mostly is
        return (*ranges[:-1], (ranges[-1][0], number))
    return joined(ranges, ((number, number),))


def of_numbers(numbers: Iterable[int]) -> Ranges:
    return joined(tuple((number, number) for number in numbers))


def without_gap(ranges: Ranges) -> int:
    """Up to which number all are there, counted from 1."""
    return ranges[0][1] if ranges and ranges[0][0] <= 1 else 0


def highest(ranges: Ranges) -> int:
    return ranges[-1][1] if ranges else 0


def gaps(ranges: Ranges, upto: int) -> Ranges:
    """What is missing from 1 to `upto`."""
    missing: list[tuple[int, int]] = []
    at = 1
    for first, last in ranges:
        if first > upto:
            break
        if first > at:
            missing.append((at, first - 1))
        at = max(at, last + 1)
    if at <= upto:
        missing.append((at, upto))
    return tuple(missing)


def less(ranges: Ranges, others: Ranges) -> Ranges:
    """What of `ranges` stands not in `others`."""
    if not ranges or not others:
        return ranges
    missing = gaps(others, highest(ranges))
    return tuple(
        (max(first, low), min(last, high))
        for first, last in ranges
        for low, high in missing
        if max(first, low) <= min(last, high)
    )


def written_ranges(ranges: Ranges) -> str:
    """At most the first 64, which are what is needed first."""
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges[:MOST_RANGES])


def read_ranges(text: str) -> Ranges:
    """Raises Unreadable for what is not in order, or is too much."""
    pieces = text.split(",") if text else []
    if len(pieces) > MOST_RANGES:
        raise Unreadable("there are too many ranges")
    found: list[tuple[int, int]] = []
    for piece in pieces:
        low, dash, high = piece.partition("-")
        first = read_number(low)
        last = read_number(high) if dash else first
        if not max(1, found[-1][1] + 1 if found else 1) <= first <= last:
            raise Unreadable("the ranges are not in order")
        found.append((first, last))
    return joined(tuple(found))
