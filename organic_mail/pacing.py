"""How fast one group of mail servers may be written to (spec/mail.md §1.2 S2, §3.4).

A group is all hosts below one registered name: large receivers count what we send by that, whatever the domain of the
recipient. Moments and intervals are seconds of a clock that nobody sets back.
"""

from __future__ import annotations

from handlers.reply import Reply
from handlers.retry import Fault, classify

MOST_CONNECTIONS = 2
GOOD_UNTIL_MORE = 10
"""Copies in a row that are taken before a second connection is opened."""
SLOW_INTERVAL = 1.0
GOOD_UNTIL_FAST = 100
"""Copies in a row that are taken one by one before the interval is given up."""
FIRST_PAUSE, LONGEST_PAUSE = 600.0, 3600.0
REFUSED_UNTIL_PAUSE = 3
"""Different recipients in a row whose copies were refused because of us."""

_TOO_FAST = "4.7.28"


class Pace:
    """What a group has said so far, and what follows from it."""

    def __init__(self) -> None:
        self.connections = 1  # slow start: that many at a time
        self.why = ""  # what made us slow
        self._interval = 0.0
        self._next_at = 0.0
        self._pause_until = 0.0
        self._last_pause = 0.0
        self._good = 0
        self._refused: set[str] = set()

    @property
    def slow(self) -> bool:
        return self._interval > 0

    def pause(self, now: float) -> float:
        """Seconds for which nothing goes out."""
        return max(0.0, self._pause_until - now)

    def turn(self, now: float) -> float:
        """Take the next turn to send: in how many seconds it is."""
        at = max(now, self._next_at)
        self._next_at = at + self._interval
        return at - now

    def heard(self, reply: Reply, recipient: str, now: float) -> None:
        """Learn from an answer: to a copy, or to our coming at all (then `recipient` is "")."""
        if reply.code // 100 == 2:
            self._went_well()
        elif reply.code == 421 or reply.enhanced.startswith("4.7."):
            self._slow_down(reply)
            if reply.enhanced == _TOO_FAST:
                self._stop(now)
        elif reply.code // 100 == 5 and classify(reply).fault is Fault.OURS:
            self._refused.add(recipient)
            if len(self._refused) >= REFUSED_UNTIL_PAUSE:
                self._slow_down(reply)
                self._stop(now)
        else:
            self._refused.clear()

    def _went_well(self) -> None:
        self._good += 1
        self._refused.clear()
        if self.slow:
            if self._good >= GOOD_UNTIL_FAST:
                self._interval = self._last_pause = 0.0
                self._good = 0
        elif self._good >= GOOD_UNTIL_MORE:
            self.connections = MOST_CONNECTIONS

    def _slow_down(self, reply: Reply) -> None:
        self.why = f"{reply.code} {reply.enhanced} {reply.text}"
        self.connections = max(1, self.connections // 2)
        self._interval = SLOW_INTERVAL
        self._good = 0

    def _stop(self, now: float) -> None:
        if self.pause(now):
            return  # the other connection heard it too
        self._last_pause = min(2 * self._last_pause, LONGEST_PAUSE) or FIRST_PAUSE
        self._pause_until = now + self._last_pause
        self._refused.clear()
