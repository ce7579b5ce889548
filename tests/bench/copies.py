"""How fast personal, signed copies leave: 4 kB to 1,000 members (W1), 1.37 MB to 200 (W3), beside RSA and the sink."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from tests.bench.measure import blast, rsa_signs, show, sink
from tests.bench.python_sink import timed_sink
from tests.bench.server import LIST, Daemon, letter, make_home, serving
from tests.ports import free_port

SMALL, LARGE = 4_000, 1_370_000
CONNECTIONS = 5


def measure(folder: Path) -> None:
    thousand, two_hundred = make_home(folder / "w1", members=1000), make_home(folder / "w3", members=200)
    with sink() as port:
        with serving(thousand, port) as daemon:
            _small_copies(daemon)
        with serving(two_hundred, port) as daemon:
            _large_copies(daemon, port)
    port = free_port()
    with timed_sink(port) as arrivals, serving(thousand, port) as daemon:
        _latency(daemon, arrivals)


def _small_copies(daemon: Daemon) -> None:
    _deliver(daemon, 1, SMALL)  # what only the first post pays
    signs = rsa_signs()
    results = [_deliver(daemon, number, SMALL) for number in (2, 3, 4)]
    seconds, cpu = (median(column) for column in zip(*results, strict=True))
    show("W1 copies per second over RSA signatures per second", ratio=1000 / seconds / signs, first=0.25, goal=1.0)
    show("W1 CPU of a copy over CPU of an RSA signature", ratio=cpu / 1000 * signs, first=4, goal=1.6)
    show("W1", copies_per_second=1000 / seconds, cpu_milliseconds_per_copy=cpu, rsa_signatures_per_second=signs)


def _large_copies(daemon: Daemon, port: int) -> None:
    _deliver(daemon, 1, LARGE)
    body = letter(0, LARGE)
    ceiling = blast(port, 200, CONNECTIONS, lambda _: body, "a@oak.example", LIST)
    seconds, _ = _deliver(daemon, 2, LARGE)
    show("W3 copies per second over what the sink takes", ratio=200 / seconds / ceiling, first=0.4, goal=0.8)
    show("W3", copies_per_second=200 / seconds, sink_takes_per_second=ceiling)


def _deliver(daemon: Daemon, number: int, size: int) -> tuple[float, float]:
    """Seconds and CPU seconds from the moment a post is accepted until its last copy is settled."""
    cpu = daemon.cpu_seconds
    daemon.send(number, size)
    begun = time.perf_counter()
    daemon.wait_until_left(0)
    return time.perf_counter() - begun, daemon.cpu_seconds - cpu


def _latency(daemon: Daemon, arrivals: list[float]) -> None:
    for number in (10, 11):
        arrivals.clear()
        daemon.send(number, SMALL)
        accepted = time.perf_counter()
        daemon.wait_until_left(0)
    first, last = arrivals[0] - accepted, arrivals[-1] - accepted
    show("seconds from the answer 250 until the first copy is out", seconds=first, first=0.1, goal=0.02)
    show("seconds from the answer 250 until the 1,000th copy is out", seconds=last, first=1.5, goal=0.4)
