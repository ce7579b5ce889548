"""A next hop that takes everything, keeps nothing, and knows when each message came."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

_EHLO = b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n"


class Session(asyncio.Protocol):
    def __init__(self, arrivals: list[float]) -> None:
        self._arrivals = arrivals
        self._buffer = b""
        self._in_message = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data
        replies = []
        while True:
            head, end, rest = buffer.partition(b"\r\n.\r\n" if self._in_message else b"\r\n")
            if not end:
                break
            buffer = rest
            if self._in_message:
                self._arrivals.append(time.perf_counter())
            verb = b"END" if self._in_message else head[:4].upper()
            self._in_message = verb == b"DATA"
            replies.append(
                {b"EHLO": _EHLO, b"DATA": b"354 Go on\r\n", b"QUIT": b"221 Bye\r\n"}.get(verb, b"250 Ok\r\n")
            )
        self._buffer = buffer
        self._transport.write(b"".join(replies))


async def serve(port: int, arrivals: list[float]) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(lambda: Session(arrivals), "127.0.0.1", port, backlog=1000)


@contextmanager
def timed_sink(port: int) -> Iterator[list[float]]:
    """Serve in a thread; what is yielded grows with each message: when it came, by time.perf_counter()."""
    arrivals: list[float] = []
    loop = asyncio.new_event_loop()
    loop.run_until_complete(serve(port, arrivals))
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield arrivals
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _forever(port: int) -> None:
    async with await serve(port, []) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_forever(int(sys.argv[1])))
