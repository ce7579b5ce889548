"""Connections to the mail servers of routes: opened in the right order, kept for a while, shared where that is safe."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from handlers.reply import Reply
from organic_mail.routes import Route
from organic_mail.smtp_client import Connection, NextHopRefused
from organic_mail.smtp_wire import ConnectionLost
from organic_mail.tls_out import Connect, Levels, NotSafe, Safety, safe_line

COPIES_PER_CONNECTION = 20
IDLE_SECONDS = 30.0
MOST_TRIES = 6
"""Addresses that are dialled for one copy."""


class Unreachable(Exception):
    """No host of a route took our connection. `refusals`: what those said that answered."""

    def __init__(self, reason: str, refusals: list[Reply]) -> None:
        super().__init__(reason)
        self.refusals = refusals


@dataclass(slots=True, eq=False)
class Kept:
    """A connection, where it leads and how safe it is."""

    connection: Connection
    hosts: frozenset[str]
    safety: Safety
    idle_since: float = 0.0

    @property
    def copies(self) -> int:
        return self.connection.copies

    def serves(self, route: Route) -> bool:
        """May a copy for `route` go over it? A verified host of another policy's set is not enough (RFC 8461 §5)."""
        usable = self.connection.usable and self.copies < COPIES_PER_CONNECTION
        return usable and self.hosts == route.names and self.safety >= route.least


class Lines:
    """`connect` dials one next hop; `levels` remembers what was safe. Lives in one event loop."""

    def __init__(self, connect: Connect, levels: Levels, *, port: int) -> None:
        self._connect = connect
        self._levels = levels
        self._port = port
        self._idle: list[Kept] = []  # the longest idle first
        self._leaving: set[asyncio.Task[None]] = set()

    async def to(self, route: Route, line: Kept | None) -> Kept:
        """`line` itself if it serves the route, else an idle one, else a new one. Raises Unreachable and NotSafe."""
        if line is not None and line.serves(route):
            return line
        if line is not None:
            self.keep(line)
        found = next((idle for idle in reversed(self._idle) if idle.serves(route)), None)
        if found is not None:
            self._idle.remove(found)
        made = found or await self._new(route)
        self._learn(route, made)
        return made

    def _learn(self, route: Route, line: Kept) -> None:
        if line.safety > route.known:
            self._levels.keep(route.domain, line.safety)

    async def _new(self, route: Route) -> Kept:
        refusals: list[Reply] = []
        last: Exception | None = None
        addresses = [(host.name, address) for host in route.hosts for address in host.addresses]
        for host, address in addresses[:MOST_TRIES]:
            try:
                connection, safety = await safe_line(
                    host, address, self._port, least=route.least, first=route.first, connect=self._connect
                )
            except NotSafe as problem:
                last = problem
                continue
            except (ConnectionLost, NextHopRefused) as problem:
                if isinstance(problem, NextHopRefused):
                    refusals.append(problem.reply)
                last = last if isinstance(last, NotSafe) else problem
                continue
            return Kept(connection, route.names, safety)
        if isinstance(last, NotSafe):
            raise NotSafe(_why_not_safe(route, last))
        raise Unreachable(str(last), refusals)

    def keep(self, line: Kept) -> None:
        """It is not needed now."""
        if line.connection.usable and line.copies < COPIES_PER_CONNECTION:
            line.idle_since = asyncio.get_running_loop().time()
            self._idle.append(line)
        else:
            self.drop(line)

    def make_room(self, most_idle: int) -> None:
        """Others need connections: let go of those that were idle longest."""
        while len(self._idle) > most_idle:
            self.drop(self._idle.pop(0))

    def tidy(self) -> None:
        until = asyncio.get_running_loop().time() - IDLE_SECONDS
        while self._idle and (self._idle[0].idle_since < until or not self._idle[0].connection.usable):
            self.drop(self._idle.pop(0))

    async def close(self) -> None:
        self.make_room(0)
        await asyncio.gather(*self._leaving)

    def drop(self, line: Kept) -> None:
        """Take leave; in the middle of a copy, hang up."""
        leaving = asyncio.create_task(line.connection.quit())
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)


def _why_not_safe(route: Route, problem: NotSafe) -> str:
    if route.least is Safety.VERIFIED:
        return f"{route.domain} demands safe encryption (MTA-STS): {problem}"
    return f"{problem}, but did before; if its owner says that this is right, remove HOME/tls/{route.domain}.json"
