"""Durable intake: posts that are committed before 250, beside what aiosmtpd takes when it does nothing with them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.bench.measure import blast, show, wait_for
from tests.bench.server import AUTHOR, LIST, cpu_seconds, letter, make_home, serving
from tests.ports import free_port

CONNECTIONS = 20
POSTS = 500
ROUNDS = 5  # by turns, so that what else this machine does falls on both
READERS = 50
NOTHING = """
import asyncio, sys
from aiosmtpd.smtp import SMTP

class Nothing:
    async def handle_DATA(self, server, session, envelope):
        return "250 OK"

async def serve():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Nothing()), "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()

asyncio.run(serve())
"""


def measure(folder: Path) -> None:
    home = make_home(folder / "intake", members=READERS)
    with _nothing() as (nothing, port), serving(home, free_port(), "--only", "receive") as daemon:
        _rate(nothing, port, 0)
        _rate(daemon.pid, daemon.port, 0)
        rounds = range(1, 1 + ROUNDS)
        results = [(*_rate(nothing, port, at), *_rate(daemon.pid, daemon.port, at)) for at in rounds]
    bare, bare_cpu, ours, our_cpu = (median(column) for column in zip(*results, strict=True))
    show("durable intake over aiosmtpd doing nothing", ratio=ours / bare, first=0.3, goal=0.6)
    show("durable intake", posts_per_second=ours, readers_of_each=READERS, doing_nothing_per_second=bare)
    show("CPU of a post", milliseconds=our_cpu * 1000, doing_nothing_milliseconds=bare_cpu * 1000)


def _rate(pid: int, port: int, at: int) -> tuple[float, float]:
    """Posts per second that a server takes, and its CPU seconds for each."""
    before = cpu_seconds(pid)
    rate = blast(port, POSTS, CONNECTIONS, lambda number: letter(at * POSTS + number, 4000), AUTHOR, LIST)
    return rate, (cpu_seconds(pid) - before) / POSTS


@contextmanager
def _nothing() -> Iterator[tuple[int, int]]:
    """The process and the port of an aiosmtpd that does nothing."""
    port = free_port()
    running = subprocess.Popen([sys.executable, "-c", NOTHING, str(port)])
    try:
        wait_for(port)
        yield running.pid, port
    finally:
        running.terminate()
        running.wait()
