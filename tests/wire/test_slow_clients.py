"""More slow clients than there are places: honest mail still comes in at once (spec/mail.md §5.2 R6)."""

from __future__ import annotations

import asyncio
import smtplib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

import pytest

from tests.wire.certificates import self_made
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import mail
from tests.wire.daemons import SETTINGS, Daemon, daemon
from tests.wire.test_floods import HELLO, family

__all__ = ["empty_home", "family", "om"]

DRIPPING = 500  # half of them between commands, half in their mail
NO_TLS = 100  # and so many that begin TLS and say nothing more
HONEST = 7
MOST_ATTEMPTS = 60  # on a machine with time for all of them one or two will do; where nobody gives way, no number will
BETWEEN = 0.3  # seconds: so that they come at any moment of the second in which the others drip


async def drip(port: int, before: bytes) -> None:
    """A byte a second; on another connection when it was sent away."""
    while True:
        with suppress(ConnectionError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(before)
                while not writer.transport.is_closing():
                    writer.write(b"E")
                    await asyncio.sleep(1)
            finally:
                writer.transport.abort()


async def all_of_them(port: int) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(DRIPPING):
            group.create_task(drip(port, HELLO if number % 2 else b""))
        for _ in range(NO_TLS):
            group.create_task(drip(port, b"EHLO client.example\r\nSTARTTLS\r\n"))


@contextmanager
def besieged(port: int) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    siege = loop.create_task(all_of_them(port))

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(siege)
        loop.close()

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(siege.cancel)
        thread.join()


@pytest.fixture
def settings(family: Operator) -> str:
    self_made(family.home)
    certificate = f'tls_certificate = "{family.home}/certificate.pem"\ntls_key = "{family.home}/key.pem"\n'
    return SETTINGS.replace("[smtp]\n", f"[smtp]\n{certificate}")


def attempts(running: Daemon, raw: bytes) -> int:
    """How often a mail was tried until it was taken: who is sent away in the crowd comes again, as servers do.

    How soon that is depends on the machine; the long tests measure it on one that does nothing else.
    """
    for number in range(1, MOST_ATTEMPTS + 1):
        with suppress(smtplib.SMTPResponseException, smtplib.SMTPServerDisconnected, ConnectionError):
            assert running.send(raw) == 250
            return number
    return MOST_ATTEMPTS + 1


def test_honest_mail_comes_in(family: Operator, settings: str) -> None:
    """Were nobody else sent away for it, no place would become free within its patience."""
    with daemon(family.home, "--only", "receive", settings=settings) as running, besieged(running.port):
        for number in range(HONEST):
            time.sleep(BETWEEN)  # honest people come one after the other, while the others besiege us
            assert attempts(running, mail(message_id=f"<{number}@home.example>")) <= MOST_ATTEMPTS
        assert running.process.poll() is None
        assert "Traceback" not in running.log
