"""How much may come and go between two servers, and from one author (spec/federation.md §2.10).

Nothing is lost over a limit: it waits where it is, with whoever would send it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

PER_HOUR, PER_DAY = 120, 1_000
"""Posts over a link."""
WANTED_PER_HOUR = 600
"""Posts that the other side has asked for, and retractions, which must not wait. They do not count for the day."""
ROSTERS_PER_DAY = 5
"""That nobody has asked for."""
ROTATIONS_PER_DAY = 5
POSTS_OF_AUTHOR = 20
"""Of one author into one space, in a day; as many private mails."""
HANDSHAKES_PER_DAY = 50
LIMITS = f"{PER_HOUR}/h {PER_DAY}/d"
"""As cards say it."""

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_TOLERANCE = timedelta(minutes=10)
"""So much shorter are the periods of who receives: mails are under way for a while."""
_RATE = re.compile(r"\b(\d{1,6})/([hd])\b")


@dataclass(frozen=True, slots=True)
class Tally:
    """So many since the first of them. When its period is over, the next one begins."""

    since: datetime | None = None
    count: int = 0


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went over a link in one direction."""

    hour: Tally = Tally()
    day: Tally = Tally()
    wanted: Tally = Tally()
    rosters: Tally = Tally()


@dataclass(frozen=True, slots=True)
class Allowance:
    """What both sides of a link have agreed to."""

    per_hour: int = PER_HOUR
    per_day: int = PER_DAY


AGREED, NOTHING_YET = Allowance(), Traffic()


def allowance_of(card: str) -> Allowance:
    """The smaller of what the card of the other side says, and of our own."""
    limits = next((line for line in card.splitlines() if line.startswith("limits:")), "")
    said = {unit: max(1, int(number)) for number, unit in _RATE.findall(limits)}
    return Allowance(min(PER_HOUR, said.get("h", PER_HOUR)), min(PER_DAY, said.get("d", PER_DAY)))


def post_waits_until(
    traffic: Traffic, allowance: Allowance, now: datetime, *, wanted: bool, receives: bool = False
) -> datetime | None:
    """None: the link has room for one more."""
    if wanted:
        return _full_until(traffic.wanted, WANTED_PER_HOUR, _period(HOUR, receives), now)
    hour = _full_until(traffic.hour, allowance.per_hour, _period(HOUR, receives), now)
    day = _full_until(traffic.day, allowance.per_day, _period(DAY, receives), now)
    return max((each for each in (hour, day) if each), default=None)


def with_post(traffic: Traffic, now: datetime, *, wanted: bool, receives: bool = False) -> Traffic:
    """It came, or went."""
    if wanted:
        return replace(traffic, wanted=_one_more(traffic.wanted, _period(HOUR, receives), now))
    hour = _one_more(traffic.hour, _period(HOUR, receives), now)
    day = _one_more(traffic.day, _period(DAY, receives), now)
    return replace(traffic, hour=hour, day=day)


def roster_waits(traffic: Traffic, now: datetime, *, receives: bool = False) -> bool:
    return _full_until(traffic.rosters, ROSTERS_PER_DAY, _period(DAY, receives), now) is not None


def with_roster(traffic: Traffic, now: datetime, *, receives: bool = False) -> Traffic:
    return replace(traffic, rosters=_one_more(traffic.rosters, _period(DAY, receives), now))


def _period(length: timedelta, receives: bool) -> timedelta:
    return length - _TOLERANCE if receives else length


def _full_until(tally: Tally, most: int, period: timedelta, now: datetime) -> datetime | None:
    if tally.since is None or tally.count < most or now >= tally.since + period:
        return None
    return tally.since + period


def _one_more(tally: Tally, period: timedelta, now: datetime) -> Tally:
    if tally.since is None or now >= tally.since + period:
        return Tally(now, 1)
    return replace(tally, count=tally.count + 1)
