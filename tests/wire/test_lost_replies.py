"""The answer to a whole message gets lost on the way (RFC 1047; spec/mail.md §5.2 R13)."""

from __future__ import annotations

import smtplib
import socket

from tests.wire.checker import message_id_of, waiting
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import mail
from tests.wire.daemons import PATIENCE, until
from tests.wire.lives import lives
from tests.wire.sink import CLOSE, Transaction

__all__ = ["empty_home", "om"]

POSTS = 5


def test_ours_to_a_sender(om: Operator) -> None:
    """She sends again what was taken; nobody gets it twice."""
    with lives(om) as oak:
        oak.start()
        for number in range(POSTS):
            raw = mail(message_id=f"<{number}@home.example>")
            oak.sent.append(f"<{number}@home.example>")
            with smtplib.SMTP("127.0.0.1", oak.port, timeout=PATIENCE) as client:
                client.ehlo()
                client.mail("anna@home.example")
                client.rcpt("family@oak.example")
                client.docmd("DATA")
                client.send(raw + b".\r\n")
                assert client.sock is not None
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # gone at once
                client.close()
            oak.unanswered.append(f"<{number}@home.example>")
        oak.send_some()
        oak.process.terminate()
        oak.process.join(PATIENCE)
        oak.finish()


def test_the_next_hops_to_us(om: Operator) -> None:
    """It comes once more, and never a third time."""
    heard: list[tuple[str, str]] = []

    def answer(step: str, transaction: Transaction) -> str | None:
        if step != "END":
            return None
        heard.append((message_id_of(transaction.content), transaction.recipient))
        return CLOSE if heard.count(heard[-1]) == 1 and len(heard) % 3 == 0 else None

    with lives(om) as oak:
        oak.sink.answer = answer
        oak.start()
        assert not oak.send_some()
        until(lambda: len(heard) >= 3)
        until(lambda: om("queue", "retry", "--all") and not waiting(om.home / "community.db"))
        oak.process.terminate()
        oak.process.join(PATIENCE)
        counts = [heard.count((message_id, to)) for message_id in oak.sent for to in oak.recipients]
    assert set(counts) == {1, 2}
