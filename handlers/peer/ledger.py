"""How two servers find out that one of them lacks a post: a count and a digest for each day (spec/federation.md §2.9).

It catches what numbers cannot: posts that somebody withholds, that were given up, that a backup has lost. Of each post
the latest form counts alone, so a post that was edited before it came is no difference.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from handlers.peer.audience import is_in
from handlers.peer.control import Unreadable
from handlers.peer.roster import Roster
from handlers.peer.seal import PostKey
from handlers.peer.store import RelayStore, Seen
from handlers.peer.value import read_digest, read_list_id, read_number

DAYS = 7
MOST_DAYS = 5 * DAYS
"""About which one mail may ask."""
_SETTLES = timedelta(hours=2)
"""After its end a day is compared: what was written in its last minutes is on its way."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a server has of one day of a space."""

    space: str
    day: date
    count: int
    digest: str


def ledgers(store: RelayStore, own: str, peer: str, now: datetime) -> list[Ledger]:
    """Of the days that are over, in all spaces that the two share; days without a post are left out."""
    found: list[Ledger] = []
    for space in shared_spaces(store, own, peer, now):
        for day in _closed_days(now):
            posts = entitled(store, space, day, peer)
            if posts:
                found.append(Ledger(space, day, len(posts), keys_digest(post.key for post in posts)))
    return found


def entitled(store: RelayStore, space: str, day: date, peer: str) -> list[Seen]:
    """Latest forms of that day which the peer may have, in any order."""
    since: dict[int, datetime | None] = {}
    posts: list[Seen] = []
    for post in store.latest(space, day):
        if post.roster not in since:
            roster = store.roster(space, post.roster)
            since[post.roster] = _member_since(roster, peer) if roster else None
        joined = since[post.roster]
        if joined and joined <= post.date:
            posts.append(post)
    return posts


def shared_spaces(store: RelayStore, own: str, peer: str, now: datetime) -> list[str]:
    """Where both are active now."""
    return [space for space in store.spaces() if is_in(store, space, own, now) and is_in(store, space, peer, now)]


def keys_digest(keys: Iterable[PostKey]) -> str:
    """Base64, of the keys, a line each, sorted as lines."""
    lines = sorted(f"{key.origin}|{key.post}|{key.rev}\n" for key in keys)
    return base64.b64encode(hashlib.sha256("".join(lines).encode()).digest()).decode()


def written_ledger(ledger: Ledger) -> str:
    return f"{ledger.space}|{ledger.day.isoformat()}|{ledger.count}|{ledger.digest}"


def read_ledger(text: str) -> Ledger:
    """Raises Unreadable."""
    parts = text.split("|")
    if len(parts) != 4:
        raise Unreadable("a ledger has four values")
    space, day, count, digest = parts
    read_digest(digest)
    return Ledger(*read_day(f"{space}|{day}"), read_number(count), digest)


def read_day(text: str) -> tuple[str, date]:
    """`<space>|2026-11-22`. Raises Unreadable."""
    space, _, day = text.partition("|")
    try:
        return read_list_id(space), date.fromisoformat(day)
    except ValueError:
        raise Unreadable(f"{day[:20]!r} is no day") from None


def is_closed(day: date, now: datetime) -> bool:
    """Is it over long enough, and not too long, to be compared?"""
    return day in _closed_days(now)


def _closed_days(now: datetime) -> tuple[date, ...]:
    return _days_before((now.astimezone(UTC) - _SETTLES).date())


@lru_cache(maxsize=8)
def _days_before(day: date) -> tuple[date, ...]:
    return tuple(day - timedelta(days=back) for back in range(1, DAYS + 1))


def _member_since(roster: Roster, domain: str) -> datetime | None:
    """None where it is not in the roster at all."""
    dates = [
        entry.since if isinstance(entry.since, datetime) else datetime.min.replace(tzinfo=UTC)
        for entry in roster.lists_of(domain)
    ]
    return min(dates, default=None)
