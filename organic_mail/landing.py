"""From the thread that commits back to the event loop: one call for all that was committed together."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class Landing:
    """Waits for futures of another thread as asyncio.wrap_future does.

    That wakes the loop for each of them, and each time the two threads fight for the interpreter: with twenty clients
    a tenth of what a post costs. Here those that are done while the loop has not looked yet are told by one call.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done: deque[asyncio.Future[None]] = deque()
        self._called = False

    async def of(self, work: Future[T]) -> T:
        """The result of the work, or what it raised. The work goes on when nobody waits any more."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._called = loop, False
        landed = loop.create_future()

        def done(_: Future[T]) -> None:
            self._done.append(landed)  # before the look at _called: whoever clears that sees this
            if not self._called and not loop.is_closed():
                self._called = True
                loop.call_soon_threadsafe(self._land)

        work.add_done_callback(done)
        await landed
        return work.result()

    def _land(self) -> None:
        self._called = False
        while self._done:
            landed = self._done.popleft()
            if not landed.done():
                landed.set_result(None)
