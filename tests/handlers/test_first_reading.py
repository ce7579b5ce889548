"""What the first reading looks at."""

from __future__ import annotations

import pytest

from handlers import first_reading
from handlers.first_reading import SAMPLE, read_through
from handlers.message import MalformedMessage

REPORT = (
    b"From: daemon@elm.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
    b"--b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; elm.example\r\n\r\n"
    b"Final-Recipient: rfc822; rose@elm.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
)


@pytest.mark.parametrize(("raw", "reader"), [(SAMPLE, "html_lines"), (SAMPLE, "author_of"), (REPORT, "failures")])
def test_everything_that_is_read_of_a_message(raw: bytes, reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RecursionError

    read_through(raw)
    monkeypatch.setattr(first_reading, reader, fail)
    with pytest.raises(RecursionError):
        read_through(raw)


def test_many_authors_are_for_the_policy() -> None:
    read_through(b"From: a@b.example\r\nSubject: x\r\n\r\n")
    read_through(b"Subject: nobody wrote this\r\n\r\n")


def test_what_is_over_the_caps() -> None:
    with pytest.raises(MalformedMessage):
        read_through(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 300)
