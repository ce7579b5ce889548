"""How one roster follows another: numbered, chained, signed by the steward, and nobody joins without notice.

spec/federation.md §2.2. There is a single writer, no vote and no merging.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from handlers.peer.roster import Entry, Roster, is_signed_by

_CLOCK_TOLERANCE = timedelta(hours=24)


class Standing(StrEnum):
    """What a roster is to somebody who knows another."""

    SAME = "same"
    OLDER = "older"
    NEXT = "next"
    AHEAD = "ahead"  # something that comes before it is missing: ask for the chain
    FORK = "fork"  # two rosters with one serial, both signed: no new posts, and alarm
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Following:
    standing: Standing
    why: str = ""


def follows(known: Roster, new: Roster, *, now: datetime, rotated: Mapping[str, tuple[bytes, ...]]) -> Following:
    """What `new` is to a server that goes by `known`.

    `rotated`: by domain, the keys that servers have changed to by their own signature since.
    """
    if new.space != known.space:
        return Following(Standing.REFUSED, "it is about another space")
    if new.serial == known.serial:
        return _twin(known, new, rotated)
    if new.serial < known.serial:
        return Following(Standing.OLDER)
    if new.serial > known.serial + 1:
        return Following(Standing.AHEAD, f"roster {known.serial + 1} is missing")
    if not _rightly_signed(known, new, rotated):
        return Following(Standing.REFUSED, "neither the steward nor, in time, the successor signed it")
    if new.prev != known.digest:
        return Following(Standing.FORK, f"it does not follow the roster {known.serial} that we know")
    if new.issued > now + _CLOCK_TOLERANCE:
        return Following(Standing.REFUSED, "it was issued in the future")
    if new.issued < known.issued:
        return Following(Standing.REFUSED, "it was issued before the roster that it follows")
    if new.rules != known.rules:
        return Following(Standing.REFUSED, "it changes the rules that the list owners agreed to")
    for entry in new.entries:
        following = _entry_follows(known, new, entry, rotated)
        if following is not None:
            return following
    return Following(Standing.NEXT)


def _twin(known: Roster, new: Roster, rotated: Mapping[str, tuple[bytes, ...]]) -> Following:
    if new.digest == known.digest:
        return Following(Standing.SAME)
    signers = {known.steward, known.successor, new.steward} - {""}
    if any(is_signed_by(new, key) for domain in signers for key in _keys(known, domain, rotated)):
        return Following(Standing.FORK, f"there are two different rosters {known.serial}")
    return Following(Standing.REFUSED, "it is not signed by the steward")


def _rightly_signed(known: Roster, new: Roster, rotated: Mapping[str, tuple[bytes, ...]]) -> bool:
    if any(is_signed_by(new, key) for key in _keys(known, known.steward, rotated)):
        return True
    in_time = new.issued >= known.expires and new.steward == known.successor
    return in_time and any(is_signed_by(new, key) for key in _keys(known, known.successor, rotated))


def _keys(known: Roster, domain: str, rotated: Mapping[str, tuple[bytes, ...]]) -> tuple[bytes, ...]:
    entry = known.server(domain)
    return (*((entry.key,) if entry else ()), *rotated.get(domain, ()))


def _entry_follows(
    known: Roster, new: Roster, entry: Entry, rotated: Mapping[str, tuple[bytes, ...]]
) -> Following | None:
    """None where nothing speaks against it."""
    before = next((old for old in known.entries if (old.domain, old.list_id) == (entry.domain, entry.list_id)), None)
    if known.server(entry.domain) and entry.key not in _keys(known, entry.domain, rotated):
        return Following(Standing.AHEAD, f"{entry.domain} has not told us of its new key yet")
    if before is None:
        earliest = new.issued + timedelta(hours=known.rules.notice)
        if isinstance(entry.since, int) or entry.since < earliest:
            return Following(Standing.REFUSED, f"{entry.domain} joins sooner than the notice of the space allows")
    elif isinstance(entry.since, int):
        if not before.counts(new.issued):
            return Following(Standing.REFUSED, f"{entry.domain} is active before the day that was announced")
    elif isinstance(before.since, int) or entry.since < before.since:
        return Following(Standing.REFUSED, f"{entry.domain} joins on another day than was announced")
    return None
