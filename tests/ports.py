"""Ports for real servers, which cannot be told to take any that is free."""

from __future__ import annotations

import random
import socket

BELOW_CLIENTS = range(10_000, 32_000)
"""No client is given one of these (Linux: 32768 to 60999), so it is still free when the server starts."""


def free_port() -> int:
    while True:
        port = random.SystemRandom().choice(BELOW_CLIENTS)  # tests seed the other one
        with socket.socket() as door:
            try:
                door.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
