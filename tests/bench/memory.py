"""The daemon's memory, idle and with a post to 100,000 members, and whether many members cost more than few."""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench.measure import show, sink
from tests.bench.server import Daemon, make_home, serving

MANY, FEW = 100_000, 1_000
WATCHED = 20_000
"""Copies of the large post that are watched."""


def measure(folder: Path) -> None:
    many, few = make_home(folder / "many", members=MANY), make_home(folder / "few", members=FEW)
    with sink() as port:
        with serving(few, port) as daemon:
            daemon.send(1, 4000)
            daemon.wait_until_left(0)
            of_few = _cpu_of_copies(daemon, 2, FEW, left=0)
        with serving(many, port) as daemon:
            time.sleep(2)
            idle = daemon.megabytes
            show("megabytes of the idle daemon", megabytes=idle, first=120, goal=90)
            show("seconds to accept a post for 100,000 members", seconds=daemon.send(1, 4000), first=1.0, goal=0.15)
            of_many, peak = 0.0, idle
            for left in range(MANY - WATCHED // 4, MANY - WATCHED - 1, -WATCHED // 4):
                cpu = daemon.cpu_seconds
                daemon.wait_until_left(left)
                of_many = (daemon.cpu_seconds - cpu) / (WATCHED // 4)
                peak = max(peak, daemon.megabytes)
    show("megabytes more with a post to 100,000 members", megabytes=peak - idle, first=40, goal=20)
    show("CPU of a copy at 100,000 members over that at 1,000", ratio=of_many / of_few, first=1.5, goal=1.15)


def _cpu_of_copies(daemon: Daemon, number: int, copies: int, left: int) -> float:
    cpu = daemon.cpu_seconds
    daemon.send(number, 4000)
    daemon.wait_until_left(left)
    return (daemon.cpu_seconds - cpu) / copies
