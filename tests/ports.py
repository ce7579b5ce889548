"""Ports for real servers, which cannot be told to take any that is free."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from itertools import cycle

BELOW_CLIENTS = range(10_000, 32_000)
"""No client is given one of these (Linux: 32768 to 60999), so it is still free when the server starts."""


def free_port() -> int:
    """One on which nobody listens at any address of IPv4, and which was not given away before.

    Nor will another worker of the same run be given it, while the server that wants it is still starting.
    """
    while True:
        port = next(_ours)
        with socket.socket() as door:
            try:
                door.bind(("", port))
            except OSError:
                continue
            return port


def _ports() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = list(BELOW_CLIENTS[worker :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))])
    random.SystemRandom().shuffle(ports)  # tests seed the other one
    return cycle(ports)


_ours = _ports()
