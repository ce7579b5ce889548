"""How soon honest mail comes in among slow clients (spec/mail.md §5.2 R6), on a machine that does nothing else."""

from __future__ import annotations

import smtplib
import time
from contextlib import suppress

from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import mail
from tests.wire.daemons import PATIENCE, daemon
from tests.wire.test_floods import family
from tests.wire.test_slow_clients import BETWEEN, besieged, settings

__all__ = ["empty_home", "family", "om", "settings"]

HONEST = 50
GREETED = 1.0  # seconds
DELIVERED = 5.0


def honest(port: int, raw: bytes) -> tuple[float, float]:
    """Seconds until it was greeted, and until its mail was taken, at the first attempt that nobody ended."""
    began = time.monotonic()
    while True:
        with (
            suppress(smtplib.SMTPResponseException, smtplib.SMTPServerDisconnected, ConnectionError),
            smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as client,
        ):
            greeted = time.monotonic() - began
            client.sendmail("anna@home.example", ["family@oak.example"], raw)
            return greeted, time.monotonic() - began


def test_honest_mail_comes_in_at_once(family: Operator, settings: str) -> None:
    with daemon(family.home, "--only", "receive", settings=settings) as running, besieged(running.port):
        took = []
        for number in range(HONEST):
            time.sleep(BETWEEN)  # honest people come one after the other, while the others besiege us
            took.append(honest(running.port, mail(message_id=f"<{number}@home.example>")))
    assert max(greeted for greeted, _ in took) < GREETED
    assert max(delivered for _, delivered in took) < DELIVERED
