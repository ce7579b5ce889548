"""Eight bits made seven: every part decodes to the very octets it had."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.message import parse
from handlers.mime import decoded, parts
from handlers.seven_bit import seven_bit

HEAD = b"From: anna@example.org\r\nSubject: Sunday\r\n"


def octets(raw: bytes) -> list[bytes]:
    message = parse(raw)
    return [decoded(message, part) for part in parts(message) if not part.is_multipart]


def multipart(*parts: bytes) -> bytes:
    body = b"".join(b"--x\r\n" + part + b"\r\n" for part in parts)
    head = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    return HEAD + head + body + b"--x--\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        HEAD
        + b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + b"Gr\xc3\xbc\xc3\x9fe \r\n\r\n",
        HEAD + b"\r\nno MIME at all: \xe4\xf6\xfc\r\n",
        HEAD + b"Content-Type: application/pdf\r\ncontent-transfer-encoding:\r\n 8bit\r\n\r\n\x80\xff" + b"\r\nx" * 200,
        multipart(
            b"Content-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\xa4 = b=3D\r\n.dot",
            b"Content-Type: text/html; charset=latin-1\r\n\r\n<p>\xe4" + b"long line " * 50,
            b"Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\x89PNG\x01\xff",
            b"\r\npart without a header \xc3\xa4",
            b"Content-Type: text/plain\r\n\r\nplain ascii",
        ),
    ],
    ids=["text", "no-mime", "octets", "multipart"],
)
def test_all_octets_are_kept(raw: bytes) -> None:
    changed = seven_bit(parse(raw))
    assert changed.isascii()
    assert octets(changed) == octets(raw)
    assert b"8bit" not in changed
    assert max(len(line) for line in changed.split(b"\r\n")) <= 998
    assert b"\n" not in changed.replace(b"\r\n", b"")
    assert b"MIME-Version: 1.0\r\n" in changed


def test_a_message_of_seven_bits_stays_as_it_is() -> None:
    raw = HEAD + b"Content-Type: text/plain\r\n\r\nhello\r\n"
    assert seven_bit(parse(raw)) == raw


@pytest.mark.parametrize(
    "kind", [b"multipart/signed; boundary=y", b"multipart/encrypted; boundary=y", b"message/rfc822"]
)
def test_what_is_signed_or_a_message_of_its_own_keeps_its_bytes(kind: bytes) -> None:
    inner = b"Content-Type: " + kind + b"\r\n\r\n--y\r\nContent-Type: text/plain\r\n\r\n\xc3\xa4\r\n--y--"
    raw = multipart(inner)
    assert inner in seven_bit(parse(raw))


@given(st.binary(max_size=300).filter(lambda octets: b"\r" not in octets and b"\n" not in octets))
def test_any_line_survives(line: bytes) -> None:
    for kind in (b"text/plain", b"application/x"):
        raw = HEAD + b"Content-Type: " + kind + b"\r\n\r\n" + line + b"\r\nnext \t\r\n"
        if b"\0" in raw:
            return
        assert octets(seven_bit(parse(raw))) == octets(raw)
