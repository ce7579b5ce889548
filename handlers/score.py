"""When an address counts as dead: failures add up over days, fade, and are void when too much failed at once.

The numbers are those of spec/mail.md §3.5. Days are UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from handlers.retry import Fault

PAUSE_AT = 3.0
FADES = 0.1  # on each day without a failure
PROBE_AFTER = (timedelta(days=7), timedelta(days=21), timedelta(days=60))
"""Since the pause."""
KEPT = timedelta(days=90)
"""After this no failure is left of which a score could speak."""

_WEIGHTS = {Fault.ADDRESS_HARD: 1.0, Fault.SOFT: 0.25}
_PROSE = 0.5
_FEWEST = 5
_OF_ALL, _OF_GROUP = 0.2, 0.5


@dataclass(frozen=True, slots=True)
class Count:
    """One failure, and what it counts by itself."""

    day: date
    weight: float


def weight(fault: Fault, *, prose: bool = False) -> float:
    """What a failure counts; 0 when it does not speak about the address. prose: it was told in no fields."""
    return _WEIGHTS.get(fault, 0.0) * (_PROSE if prose else 1.0)


def score(counts: Iterable[Count], today: date) -> float:
    """Of each day the worst counts, and a day without any takes a tenth away; today is not over yet."""
    worst: dict[date, float] = {}
    for count in counts:
        worst[count.day] = max(count.weight, worst.get(count.day, 0.0))
    total, last = 0.0, None
    for day in sorted(day for day in worst if day <= today):
        total = _faded(total, last, day) + worst[day]
        last = day
    return round(_faded(total, last, today), 2)


def is_dead(total: float) -> bool:
    """Shall nothing more be sent there? It takes three days at least, as no day counts more than 1."""
    return total >= PAUSE_AT


def tells_nothing(reached_for: Sequence[str], failed: Sequence[str]) -> bool:
    """Did so much of one fan-out come back that the reason cannot be the addresses?

    Both hold the domain of each recipient. A domain stands for the servers behind it.
    """
    if _is_much(len(failed), len(reached_for), _OF_ALL):
        return True
    of_domain = Counter(reached_for)
    return any(_is_much(lost, of_domain[domain], _OF_GROUP) for domain, lost in Counter(failed).items())


def next_probe(probes: int) -> timedelta | None:
    """How long after the pause the next one goes out when so many have; None: no more."""
    return PROBE_AFTER[probes] if probes < len(PROBE_AFTER) else None


def run_of(post_id: int | None, sent_on: date) -> str:
    """What fan-out a mail belongs to: its post; for letters of ours, all of a day."""
    return f"letters:{sent_on}" if post_id is None else f"post:{post_id}"


def _faded(total: float, last: date | None, day: date) -> float:
    if last is None:
        return total
    quiet_days = max((day - last).days - 1, 0)
    return max(total - FADES * quiet_days, 0.0)


def _is_much(failed: int, of: int, share: float) -> bool:
    return failed >= _FEWEST and failed > share * of
