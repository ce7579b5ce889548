"""What every measurement needs: the speed of RSA and of a sink, messages from side to side, a line for a result."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.ports import free_port

SINK = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def rsa_signs() -> float:
    """RSA-2048 signatures a second on one core, by `openssl speed`."""
    command = ["openssl", "speed", "-seconds", "1", "rsa2048"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"rsa 2048 bits\s+\S+\s+\S+\s+([\d.]+)", said)
    if found is None:
        raise SystemExit("error: openssl does not say how fast it signs; install OpenSSL 3")
    return float(found[1])


@contextmanager
def sink() -> Iterator[int]:
    """A next hop that takes everything and keeps nothing: Postfix's smtp-sink, else our own (slower)."""
    port = free_port()
    account = ["-u", "nobody"] if os.getuid() == 0 else []  # it does not want to be root
    own = [sys.executable, "-m", "tests.bench.python_sink", str(port)]
    running = subprocess.Popen([SINK, *account, f"127.0.0.1:{port}", "1000"] if SINK else own)
    try:
        wait_for(port)
        yield port
    finally:
        running.terminate()
        running.wait()


def wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def blast(
    port: int, messages: int, connections: int, content: Callable[[int], bytes], sender: str, recipient: str
) -> float:
    """Messages per second that a server takes on so many connections; `content` in wire form, without the last dot."""

    def run(first: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as wire, wire.makefile("rb") as replies:
            _expect(replies.readline(), b"220")
            wire.sendall(b"HELO bench.example\r\n")
            _expect(replies.readline(), b"250")
            for number in range(first, messages, connections):
                for command, code in ((f"MAIL FROM:<{sender}>", b"250"), (f"RCPT TO:<{recipient}>", b"250")):
                    wire.sendall(f"{command}\r\n".encode())
                    _expect(replies.readline(), code)
                wire.sendall(b"DATA\r\n")
                _expect(replies.readline(), b"354")
                wire.sendall(content(number) + b".\r\n")
                _expect(replies.readline(), b"250")

    begun = time.perf_counter()
    with ThreadPoolExecutor(connections) as threads:
        list(threads.map(run, range(connections)))
    return messages / (time.perf_counter() - begun)


def _expect(reply: bytes, code: bytes) -> None:
    if not reply.startswith(code):
        raise SystemExit(f"error: the server under test said {reply!r}")


def show(what: str, **numbers: float | str) -> None:
    """One result as one line of JSON."""
    rounded = {name: round(number, 3) if isinstance(number, float) else number for name, number in numbers.items()}
    print(json.dumps({"measured": what} | rounded), flush=True)
