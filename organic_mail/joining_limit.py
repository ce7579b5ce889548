"""How many may ask to join from one network: a flood of requests would become one of letters (spec/mail.md §2.5)."""

from __future__ import annotations

import ipaddress
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence

from handlers.decide import Decision
from handlers.outcome import AskToJoin
from handlers.results import is_within
from organic_mail.smtp_guard import network_of

MOST_JOININGS = 5
SECONDS = 3600.0


class JoiningLimit:
    """Counted in memory: a restart forgets an hour at most, and what is asked in all is counted in the database.

    `relays`: networks of MTAs of our own in front, for whose clients we cannot speak. `ticks`: seconds that never go
    back.
    """

    def __init__(self, relays: Collection[str], ticks: Callable[[], float] = time.monotonic) -> None:
        self._relays = [ipaddress.ip_network(relay) for relay in relays]
        self._ticks = ticks
        self._asked: dict[str, deque[float]] = {}

    def allows(self, client: str, decisions: Sequence[Decision]) -> bool:
        """May these be carried out? Counts them when so."""
        asking = sum(isinstance(action, AskToJoin) for one in decisions for action in one.outcome.actions)
        if not asking:
            return True
        network = network_of(client)
        if not network or is_within(client, self._relays):
            return True
        now = self._ticks()
        self._forget(now - SECONDS)
        asked = self._asked.setdefault(network, deque())
        if len(asked) + asking > MOST_JOININGS:
            return False
        asked.extend([now] * asking)
        return True

    def _forget(self, before: float) -> None:
        for network, asked in list(self._asked.items()):
            while asked and asked[0] <= before:
                asked.popleft()
            if not asked:
                del self._asked[network]
