"""Durable intake: posts that are committed before 250, beside what aiosmtpd takes when it does nothing with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.bench.measure import blast, free_port, show, wait_for
from tests.bench.server import AUTHOR, LIST, letter, make_home, serving

CONNECTIONS = 20
POSTS = 1000
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
    bare = _bare()
    with serving(make_home(folder / "intake", members=READERS), free_port(), "--only", "receive") as daemon:
        _posts_per_second(daemon.port, 10_000, 100)
        ours = _posts_per_second(daemon.port, 20_000, POSTS)
    show("durable intake over aiosmtpd doing nothing", ratio=ours / bare, first=0.3, goal=0.6)
    show("durable intake", posts_per_second=ours, readers_of_each=READERS, doing_nothing_per_second=bare)


def _posts_per_second(port: int, first: int, posts: int) -> float:
    return blast(port, posts, CONNECTIONS, lambda number: letter(first + number, 4000), AUTHOR, LIST)


def _bare() -> float:
    port = free_port()
    running = subprocess.Popen([sys.executable, "-c", NOTHING, str(port)])
    try:
        wait_for(port)
        _posts_per_second(port, 0, 100)
        return _posts_per_second(port, 0, POSTS)
    finally:
        running.terminate()
        running.wait()
