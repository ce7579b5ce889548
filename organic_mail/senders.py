"""Sending side by side: kept connections to one next hop, as many as the work asks for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from handlers.reply import Reply
from organic_mail.smtp_client import NextHopRefused, Outgoing
from organic_mail.smtp_wire import ConnectionLost
from storage.queue import Claimed

COPIES_PER_CONNECTION = 1000
IDLE_SECONDS = 60.0
WAITING_PER_CONNECTION = 8
"""Copies that may wait for each connection before another one is opened."""
SLOW_SECONDS = 2.0
"""Nothing waits longer than this behind a next hop's answer to another copy."""
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 600.0
"""Seconds without new claims after the next hop could not be reached; doubled each time."""
FORGIVEN_AFTER = 5.0
"""Seconds of a pause that stay even when somebody may have put it right."""

log = structlog.get_logger()


class Line(Protocol):
    """A way to the next hop: smtp_client.Connection, or the Maildirs."""

    @property
    def usable(self) -> bool: ...
    @property
    def copies(self) -> int: ...
    def takes_octets_of(self, copy: Outgoing) -> bool: ...
    async def send(self, copy: Outgoing, following: Outgoing | None = None) -> Reply: ...
    async def quit(self) -> None: ...


Dial = Callable[[], Awaitable[Line]]
"""Opens a line. Raises ConnectionLost and NextHopRefused."""


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """A copy that can go out."""

    claimed: Claimed
    copy: Outgoing
    seven_bit: bool = False  # as far as it can be made so


@dataclass(slots=True, eq=False)
class _Lane:
    """One connection and what it is busy with."""

    line: Line | None = None
    following: Ready | None = None  # goes next here: its envelope is on the way already
    busy_since: float = 0.0


def trouble(reason: str, enhanced: str = "4.4.2") -> Reply:
    """What we write down when no server said anything: a reply without a code, which is tried again later."""
    return Reply(0, enhanced, reason)


class Senders:
    """`report` is called once for each copy that was put here and went out, or could not. Not for those that `may_send`
    refuses, that are left when we `finish`, or that `recode` gets, to put a copy of 7 bits in their place.

    `may_send` is asked right before a copy goes out: is its lease still ours? From then until `settled` it counts as
    in flight: a crash could send it once more (spec: mail §3.6 G2), so there are never more than `limit` of these.
    Everything runs in one event loop.
    """

    def __init__(
        self,
        dial: Dial,
        *,
        limit: int,
        may_send: Callable[[Claimed], bool],
        report: Callable[[Ready, Reply], None],
        recode: Callable[[Ready], None],
    ) -> None:
        self._dial = dial
        self._limit = limit  # connections, and copies in flight
        self._room = limit  # the same, or how many the next hop let us have at the same time
        self._may_send = may_send
        self._report = report
        self._recode = recode
        self._waiting: deque[Ready] = deque()
        self._lanes: dict[asyncio.Task[None], _Lane] = {}
        self._idle: list[asyncio.Future[None]] = []
        self._in_flight = asyncio.Semaphore(limit)
        self._unsettled: set[int] = set()
        self._failures = 0
        self._failed_at = 0.0
        self._pause_until = 0.0
        self._finishing = False

    @property
    def suspect(self) -> bool:
        """Could the next hop not be reached the last time?"""
        return self._failures > 0

    @property
    def pause(self) -> float:
        """Seconds for which the next hop is better left alone."""
        return max(0.0, self._pause_until - asyncio.get_running_loop().time())

    def forgive(self) -> None:
        """Somebody may have put it right: try soon."""
        self._pause_until = min(self._pause_until, self._failed_at + FORGIVEN_AFTER)

    def put(self, ready: Ready) -> None:
        if self._finishing:
            return
        self._waiting.append(ready)
        if self._idle:
            _wake(self._idle.pop())
        elif len(self._waiting) > WAITING_PER_CONNECTION * len(self._lanes):
            self._grow()

    def settled(self, claimed: Claimed) -> None:
        """What became of it is written down."""
        if claimed.id in self._unsettled:
            self._unsettled.discard(claimed.id)
            self._in_flight.release()

    def tick(self) -> None:
        """Now and then: what waits behind a slow answer goes another way."""
        slow = asyncio.get_running_loop().time() - SLOW_SECONDS
        for lane in self._lanes.values():
            if lane.following is not None and lane.busy_since < slow:
                self._waiting.appendleft(lane.following)
                lane.following = None
        if self._waiting and not self._idle:
            self._grow()

    async def finish(self, seconds: float) -> None:
        """Come to an end: what is under way gets so many seconds, the rest is not begun."""
        self._finishing = True
        self._waiting.clear()
        for lane in self._lanes.values():
            lane.following = None
        while self._idle:
            _wake(self._idle.pop())
        if self._lanes:
            _, late = await asyncio.wait(self._lanes, timeout=seconds)
            for running in late:
                running.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _grow(self) -> None:
        if len(self._lanes) < self._room and not self._finishing:
            lane = _Lane()
            running = asyncio.create_task(self._run(lane))
            self._lanes[running] = lane
            running.add_done_callback(self._ended)

    def _ended(self, running: asyncio.Task[None]) -> None:
        del self._lanes[running]
        if not self._lanes:
            self._room = self._limit
        if not running.cancelled() and (problem := running.exception()) is not None:
            log.error("sending stopped", exc_info=problem)

    async def _run(self, lane: _Lane) -> None:
        """One connection after the other, until there is nothing more to send."""
        try:
            while (ready := await self._next(lane)) is not None:
                try:
                    await self._carry(lane, ready)
                except BaseException as problem:
                    stopped = isinstance(problem, asyncio.CancelledError)
                    reason = "we stopped in the middle" if stopped else f"our own trouble: {problem!r}"
                    self._report(ready, trouble(reason, "4.3.0"))
                    raise
                if lane.line is None:
                    return  # no further connection is to be had now
        finally:
            if lane.line is not None:
                await lane.line.quit()

    async def _next(self, lane: _Lane) -> Ready | None:
        if lane.following is not None:
            ready, lane.following = lane.following, None
            return ready
        loop = asyncio.get_running_loop()
        until = loop.time() + IDLE_SECONDS
        while not self._waiting and not self._finishing and (rest := until - loop.time()) > 0:
            turn = loop.create_future()
            self._idle.append(turn)
            alarm = loop.call_later(rest, _wake, turn)
            try:
                await turn
            finally:
                alarm.cancel()
                if turn in self._idle:
                    self._idle.remove(turn)
        return self._waiting.popleft() if self._waiting else None

    async def _carry(self, lane: _Lane, ready: Ready) -> None:
        try:
            line = await self._connected(lane)
        except (ConnectionLost, NextHopRefused) as problem:
            self._unreachable(ready, str(problem))
            return
        if not ready.seven_bit and not line.takes_octets_of(ready.copy):
            self._recode(ready)
            return
        await self._in_flight.acquire()
        self._unsettled.add(ready.claimed.id)
        if not self._may_send(ready.claimed):
            self.settled(ready.claimed)
            return
        kept = line.copies > 0
        lane.following = self._following(line)
        lane.busy_since = asyncio.get_running_loop().time()
        try:
            reply = await line.send(ready.copy, lane.following.copy if lane.following else None)
        except ConnectionLost as lost:
            if kept and not lost.may_have_arrived and not self._finishing:
                self.settled(ready.claimed)
                self._waiting.appendleft(ready)  # the connection ended while it was kept: that says nothing about her
                return
            reply = trouble(str(lost))
        self._report(ready, reply)

    async def _connected(self, lane: _Lane) -> Line:
        line = lane.line
        if line is not None and line.usable and line.copies < COPIES_PER_CONNECTION:
            return line
        if line is not None:
            lane.line = None
            await line.quit()
        lane.line = await self._dial()
        self._failures = 0
        return lane.line

    def _following(self, line: Line) -> Ready | None:
        """The copy whose envelope can go along: not the last one that idle connections could take at once."""
        if self._idle or not self._waiting or line.copies + 1 >= COPIES_PER_CONNECTION:
            return None
        return self._waiting.popleft()

    def _unreachable(self, ready: Ready, reason: str) -> None:
        """No connection was to be had. The last of several that tried decides that there is none at all."""
        if len(self._lanes) > 1:
            self._room = max(1, sum(lane.line is not None for lane in self._lanes.values()))
            self._waiting.appendleft(ready)
            if self._idle:
                _wake(self._idle.pop())
            return
        now = asyncio.get_running_loop().time()
        if now >= self._pause_until:
            self._failed_at = now
            self._pause_until = now + min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
            self._failures += 1
        left = [ready, *self._waiting]
        self._waiting.clear()
        for waiting in left:
            self._report(waiting, trouble(reason, "4.4.1"))


def _wake(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
