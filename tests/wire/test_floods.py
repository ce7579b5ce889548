"""Floods: endless lines in bounded memory, clients that drip, and many sessions at once (spec/mail.md §5.2)."""

from __future__ import annotations

import selectors
import socket
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import mail
from tests.wire.daemons import PATIENCE, SETTINGS, Daemon, daemon

__all__ = ["empty_home", "om"]

HELLO = b"EHLO client.example\r\nMAIL FROM:<anna@home.example>\r\nRCPT TO:<family@oak.example>\r\nDATA\r\n"
CLIENTS = 50
SENT_BY_EACH = 2 * 2**20  # the memory that one takes does not grow any more after the first of them
GROWTH = 64 * 2**20
DRIPPING = 150
LIMITS = "\n[limits]\nconnections = {connections}\n"


@pytest.fixture
def family(om: Operator) -> Operator:
    om("list", "create", "family")
    assert om("member", "add", "family", "Anna <anna@home.example>", "--confirmed", "--quiet").code == 0
    return om


def serving(family: Operator, connections: int = 300) -> AbstractContextManager[Daemon]:
    return daemon(family.home, "--only", "receive", settings=SETTINGS + LIMITS.format(connections=connections))


def memory(process: int, what: str) -> int:
    """Bytes: VmRSS is what it has now, VmHWM the most that it had since `forget_peak`."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))


def forget_peak(process: int) -> None:
    Path(f"/proc/{process}/clear_refs").write_text("5")


def connected(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    client.setblocking(False)
    return client


def hung_up(client: socket.socket) -> bool:
    try:
        while client.recv(4096):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    return True


def pour(clients: list[socket.socket], chunk: bytes, times: int) -> None:
    """As much at once from all of them as the server takes, until it hangs up or everything is sent."""
    left = dict.fromkeys(clients, times * len(chunk))
    with selectors.DefaultSelector() as ready:
        for client in clients:
            ready.register(client, selectors.EVENT_WRITE)
        while left:
            for key, _ in ready.select(30):
                client = key.fileobj
                try:
                    left[client] -= client.send(chunk)
                    over = left[client] <= 0
                except ConnectionError:
                    over = True
                if over:
                    ready.unregister(client)
                    del left[client]


@pytest.mark.parametrize(
    ("before", "endless"),
    [
        (b"", b"x" * 65536),
        (HELLO, b"x" * 65536),
        (HELLO, b"X-Field: y\r\n" * 5000),
        (HELLO + b"Subject: x\r\n\r\n", b"x" * 65536),
    ],
    ids=["command", "line in the header", "header", "line in the body"],
)
def test_what_does_not_end_takes_no_memory(family: Operator, before: bytes, endless: bytes) -> None:
    with serving(family) as running, ExitStack() as stack:
        assert running.send(mail()) == 250
        before_them = memory(running.process.pid, "VmRSS")
        forget_peak(running.process.pid)
        clients = [stack.enter_context(connected(running.port)) for _ in range(CLIENTS)]
        pour(clients, before or b"\r\n", 1)
        pour(clients, endless, SENT_BY_EACH // len(endless))
        grown = memory(running.process.pid, "VmHWM") - before_them
        assert running.send(mail(message_id="<2@home.example>")) == 250
    assert grown < GROWTH, f"{grown >> 20} MB"


def test_an_honest_client_among_many_that_drip(family: Operator) -> None:
    with serving(family) as running, ExitStack() as stack:
        clients = [stack.enter_context(connected(running.port)) for _ in range(DRIPPING)]
        for client in clients[::2]:
            client.send(HELLO)
        for number in range(5):
            for client in clients:
                client.send(b"E")
            assert running.send(mail(message_id=f"<{number}@home.example>")) == 250
        assert [client for client in clients if hung_up(client)] == []  # nobody had to end before she was heard
