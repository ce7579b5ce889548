"""No mail hides in another one (spec/mail.md §5.2 R9): every pair of line ends around a dot, in and out."""

from __future__ import annotations

from itertools import product

import pytest

from organic_mail.smtp_wire import wire_form
from tests.wire.test_intake_smtp import HELLO, Intake, Talk, intake, port

__all__ = ["intake", "port"]

ENDS = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\0", b"\x85", b"\xc2\x85", b"\n\r", b"\0\r\n")
PAIRS = [pair for pair in product(ENDS, ENDS) if pair != (b"\r\n", b"\r\n")]
HIDDEN = b"MAIL FROM:<boss@oak.example>\r\nRCPT TO:<family@oak.example>\r\nDATA\r\nSubject: hidden\r\n\r\nHidden\r\n"
ENVELOPE = b"MAIL FROM:<anna@home.example>\r\nRCPT TO:<family@oak.example>\r\nDATA\r\n"


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_coming_in(before: bytes, after: bytes, port: int, intake: Intake) -> None:
    """One message with everything in it, or none."""
    content = b"Subject: open\r\n\r\nOpen" + before + b"." + after + HIDDEN
    with Talk(port) as client:
        client.say(HELLO + ENVELOPE + content + b".\r\nNOOP\r\nQUIT\r\n")
        codes = client.codes(8)
    bad = any(byte in (before + b"." + after).replace(b"\r\n", b"") for byte in b"\r\n\0")
    # What came right behind such a mail may be a part of it, so it is not obeyed.
    assert codes[5:] == ([b"550", b"421", b""] if bad else [b"250", b"250", b"221"])
    assert intake.taken == ([] if bad else [content.replace(b"\r\n.", b"\r\n")])


def test_who_waits_for_the_answer_may_go_on(port: int, intake: Intake) -> None:
    with Talk(port) as client:
        client.say(HELLO + ENVELOPE + b"Subject: broken\n\r\n.\r\n")
        assert client.codes(6)[-1] == b"550"
        client.say(ENVELOPE + b"Subject: whole\r\n\r\n.\r\n")
        assert client.codes(4)[-1] == b"250"
    assert intake.taken == [b"Subject: whole\r\n\r\n"]


def ends_for_somebody(wire: bytes) -> int:
    """At how many places a careless receiver could see the end of a message."""
    loose = wire.replace(b"\0", b"").replace(b"\r", b"\n").replace(b"\xc2\x85", b"\n").replace(b"\x85", b"\n")
    while b"\n\n" in loose:
        loose = loose.replace(b"\n\n", b"\n")
    return loose.count(b"\n.\n")


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_going_out(before: bytes, after: bytes) -> None:
    """It leaves with one end for everybody, or not at all."""
    content = b"Subject: open\r\n\r\nOpen" + before + b"." + after + HIDDEN
    try:
        wire = wire_form(content)
    except ValueError:
        return
    assert wire.count(b"\r\n") == wire.count(b"\n") == wire.count(b"\r")
    assert b"\r\n.\r\n" not in b"\r\n" + wire
    if b"\x85" not in before + after:  # in UTF-8 and other charsets it is part of a letter
        assert not ends_for_somebody(wire)


def test_a_dot_alone_is_doubled() -> None:
    assert wire_form(b"A\r\n.\r\n..\r\n") == b"A\r\n..\r\n...\r\n"
