"""Failure reports: real ones by the hundred, and ordinary mail that must raise no alarm."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from handlers.dsn import Failure, failures
from handlers.message import MalformedMessage, parse

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def _read(path: Path) -> tuple[Failure, ...]:
    raw = re.sub(rb"\r?\n", b"\r\n", path.read_bytes())
    try:
        return failures(parse(raw))
    except MalformedMessage:
        return ()


def _folded(addresses: list[str]) -> set[str]:
    return {address.lower() for address in addresses}


@pytest.mark.parametrize(("folder", "floor"), [("bounces-flufl", 0.97), ("bounces-sisimai", 0.95)])
def test_names_the_failing_addresses_of_real_reports(folder: str, floor: float) -> None:
    cases = json.loads((DATA / folder / "cases.json").read_text())
    wanted = named = told_right = 0
    for name, expected in cases.items():
        found = {failure.address.lower(): failure.permanent for failure in _read(DATA / folder / name)}
        for kind, permanent in (("temporary", False), ("permanent", True)):
            for address in _folded(expected[kind]):
                wanted += 1
                named += address in found
                told_right += found.get(address) is permanent
    assert named / wanted >= floor
    assert told_right / named >= 0.97


def test_ordinary_mail_raises_no_alarm() -> None:
    quiet = 0
    for path in sorted(DATA.glob("mime-*/*")):
        if path.name in ("cases.json", "SOURCE.txt") or b"delivery-status" in path.read_bytes():
            continue
        found = _read(path)
        assert not found or re.search(rb"(?im)^subject:.*deliver", path.read_bytes()), path.name
        quiet += not found
    assert quiet > 150


REPORT = b"""From: Mail Delivery System <MAILER-DAEMON@mx.example>\r
To: b-1@oak.example\r
Subject: Undelivered Mail Returned to Sender\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary=x\r
\r
--x\r
Content-Type: text/plain\r
\r
Sorry.\r
--x\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.example\r
\r
%s\r
--x--\r
"""


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (
            b"Final-Recipient: rfc822; rose@x.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
            b"Diagnostic-Code: smtp; 550 5.1.1 no such\r\n person",
            [Failure("rose@x.example", True, "5.1.1", "550 5.1.1 no such person")],
        ),
        (
            b"Final-Recipient: rfc822; rose@x.example\r\nAction: delayed\r\nStatus: 4.4.1",
            [Failure("rose@x.example", False, "4.4.1", "")],
        ),
        (b"Final-Recipient: rfc822; rose@x.example\r\nAction: delivered\r\nStatus: 2.0.0", []),
        (
            b"Original-Recipient: rfc822;rose@x.example\r\nFinal-Recipient: rfc822; r17@inside\r\nAction: failed\r\n"
            b"Status: 4.4.1\r\nDiagnostic-Code: smtp; Connection timed out",
            [Failure("rose@x.example", False, "4.4.1", "Connection timed out")],
        ),
        (
            b"Final-Recipient: rfc822; rose@x.example\r\nAction: failed\r\nStatus: 4.4.7\r\n"
            b"Diagnostic-Code: smtp; 450 4.7.1 go away",
            [Failure("rose@x.example", True, "4.4.7", "450 4.7.1 go away")],
        ),
        (b"Action: failed", []),
        (b"", []),
    ],
)
def test_reads_a_report_by_its_fields(group: bytes, expected: list[Failure]) -> None:
    assert list(failures(parse(REPORT % group))) == expected


def test_a_conversation_about_a_bounce_is_no_report() -> None:
    raw = (
        b"From: Anna <anna@x.example>\r\nSubject: Re: my new address\r\n\r\n"
        b"My mail to rose@y.example came back with 550 5.1.1 user unknown. Does anybody know why?\r\n"
    )
    assert failures(parse(raw)) == ()
