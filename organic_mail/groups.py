"""What waits for one group of mail servers, and what is known of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from handlers.reply import Reply
from organic_mail.pacing import SLOW_INTERVAL, Pace
from organic_mail.routes import Route
from organic_mail.senders import Ready

MOST_WAITING = 40
"""Copies of one group that wait in memory; the others wait in the queue."""
WAITING_PER_CONNECTION = 8
"""Copies that may wait for each connection before another one is opened."""
FIRST_GUESS, SHORTEST_GUESS = 0.1, 0.02
"""Seconds that a copy takes."""


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    ready: Ready
    route: Route
    since: float


@dataclass(slots=True, eq=False)
class Group:
    """The hosts below one registered name. Moments are of the event loop's clock."""

    name: str
    pace: Pace = field(default_factory=Pace)
    waiting: deque[Waiting] = field(default_factory=deque)
    lanes: int = 0
    _copy_seconds: float = FIRST_GUESS
    _next_turn: float = 0.0

    @property
    def full(self) -> bool:
        return len(self.waiting) >= MOST_WAITING

    @property
    def wants_lane(self) -> bool:
        return len(self.waiting) > WAITING_PER_CONNECTION * self.lanes and self.lanes < self.pace.connections

    def is_busy(self, now: float) -> bool:
        return bool(self.waiting or self.lanes or self.pace.slow or self.pace.pause(now))

    def turn(self, now: float) -> float:
        """In how many seconds a copy may come again that finds no room now; each one has a turn of its own."""
        each = max(SHORTEST_GUESS, self._copy_seconds / self.pace.connections)
        self._next_turn = max(self._next_turn, now + each * MOST_WAITING / 2) + each
        return self._next_turn - now

    def took(self, seconds: float) -> None:
        """So long a copy was under way."""
        self._copy_seconds += (seconds - self._copy_seconds) / 8

    def heard(self, reply: Reply, recipient: str, now: float) -> None:
        self.pace.heard(reply, recipient, now)
        if self.pace.slow:
            self._copy_seconds = max(self._copy_seconds, SLOW_INTERVAL)

    def take_all_for(self, domain: str) -> list[Waiting]:
        """What waits for one domain."""
        taken = [waiting for waiting in self.waiting if waiting.route.domain == domain]
        self.waiting = deque(waiting for waiting in self.waiting if waiting.route.domain != domain)
        return taken
