"""What a report tells of the mail of ours that it is about."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.incoming import Envelope
from handlers.message import MalformedMessage, parse
from handlers.returned import returned

DATA = Path(__file__).parents[2].parent / "shared" / "data"
REPORT = b"""\
From: MAILER-DAEMON@provider.example
To: box@provider.example
Subject: Undelivered Mail Returned to Sender
In-Reply-To: <parent@x>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

Your mail did not arrive.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.provider.example

Final-Recipient: rfc822; rose@home.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such person

--b
Content-Type: message/rfc822

References: <m.k1-abc@oak.example> <older@home.example>
Message-ID: <1@home.example>
From: "Anna (Family)" <box@provider.example>

Hello.
--b--
""".replace(b"\n", b"\r\n")
DAEMON = Envelope("", ())


def test_a_report_names_the_mail_and_who_did_not_get_it() -> None:
    found = returned(DAEMON, parse(REPORT))
    assert found is not None
    assert found.ids[:2] == ("<1@home.example>", "<parent@x>")
    assert set(found.ids) >= {"<1@home.example>", "<parent@x>", "<m.k1-abc@oak.example>", "<older@home.example>"}
    assert found.addresses == ("rose@home.example",)


def test_a_complaint_is_a_report_too() -> None:
    raw = REPORT.replace(b"report-type=delivery-status", b"report-type=feedback-report").replace(
        b"message/delivery-status", b"message/feedback-report"
    )
    found = returned(Envelope("complaints@provider.example", ()), parse(raw))
    assert found is not None
    assert found.ids[0] == "<1@home.example>"


def test_a_report_without_parts() -> None:
    raw = (
        b"From: MAILER-DAEMON@provider.example\r\nSubject: failure notice\r\n\r\n"
        b"<rose@home.example>: no such person\r\n"
        b"--- Below this line is a copy of the message.\r\n\r\nMessage-Id: <1@home.example>\r\n"
        b"References: <m.k1-abc@oak.example>\r\n\r\nHello.\r\n"
    )
    found = returned(DAEMON, parse(raw))
    assert found is not None
    assert found.ids[0] == "<1@home.example>"
    assert "<m.k1-abc@oak.example>" in found.ids
    assert found.addresses == ("rose@home.example",)
    assert returned(Envelope("anna@home.example", ()), parse(raw)) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"From: Anna <anna@home.example>\r\nSubject: Lunch\r\nIn-Reply-To: <1@home.example>\r\n\r\nYes.\r\n",
        b"From: Anna <anna@home.example>\r\nSubject: Away\r\nAuto-Submitted: auto-replied\r\n\r\nI am away.\r\n",
    ],
)
@pytest.mark.parametrize("sender", ["anna@home.example", ""])
def test_what_people_and_their_programs_write_is_none(raw: bytes, sender: str) -> None:
    assert returned(Envelope(sender, ()), parse(raw)) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_borne(tail: bytes) -> None:
    try:
        message = parse(REPORT[:260] + tail)
    except MalformedMessage:
        return
    returned(DAEMON, message)


@pytest.mark.parametrize("file", sorted((DATA / "bounces-sisimai").glob("*.eml"))[::7], ids=lambda file: file.name)
def test_real_reports_are_borne(file: Path) -> None:
    try:
        message = parse(file.read_bytes())
    except MalformedMessage:
        return
    returned(DAEMON, message)
