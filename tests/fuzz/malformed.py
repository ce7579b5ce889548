"""Mails as nobody should send them: real ones with pieces cut, doubled and swapped, and bombs."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.fuzz.test_reading import MAILS, PIECES

MEMBER = b"From: Anna <anna@home.example>\r\nMessage-ID: <%d@home.example>\r\n"
DEPTH = 2_000

BOMBS = {
    "20,000 authors": b"From: " + b"a@b.example, " * 20_000 + b"c@d.example\r\n\r\nHello\r\n",
    "5,000 groups": b"From: " + b"g:a@b.example;" * 5_000 + b"\r\n\r\n",
    "20,000 encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 20_000 + b"\r\n\r\n",
    "half a subject of encoded words": b"Subject: " + b"=?utf-8?b?w6Q=?=\r\n " * 400 + b"\r\n\r\n",
    "nested comments": b"From: " + b"(" * 7_000 + b"a@b.example\r\nDate: " + b"(" * 7_000 + b"\r\n\r\n",
    "100,000 parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 100_000,
    "parts within parts": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (number, number) for number in range(DEPTH)
    ),
    "messages within messages": b"Content-Type: message/rfc822\r\n\r\n" * DEPTH,
    "one boundary for all": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * DEPTH,
    "an endless boundary": b"Content-Type: multipart/mixed; boundary=" + b"b" * 10_000 + b"\r\n\r\n",
    "100,000 fields": b"X: y\r\n" * 100_000 + b"\r\n",
    "a megabyte of one field": b"X: " + b"y\r\n " * 250_000 + b"\r\n\r\n",
    "10,000 references": b"References: " + b"<a@b.example> " * 580 + b"\r\n\r\n",
    "parameters in 5,000 pieces": b"Content-Type: text/plain;"
    + b"".join(b" name*%d*=%%41;" % number for number in range(700))
    + b"\r\n\r\n",
    "nested tags": b"Content-Type: text/html\r\n\r\n" + b"<div><blockquote>" * 100_000,
    "unclosed tags": b"Content-Type: text/html\r\n\r\n" + b"<a <!-- <![CDATA[ &#x" * 50_000,
    "quotes in quotes": b"Content-Type: text/plain\r\n\r\n" + b">" * 1_000_000 + b"\r\n",
    "On and wrote": b"Content-Type: text/plain\r\n\r\n" + b"On Monday a@b.example wrote\r\n" * 20_000,
    "base64 of nothing": b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"=" * 1_000_000,
    "a charset that bombs": b"Content-Type: text/plain; charset=zlib_codec\r\n\r\nx\x9cK\xcb\xcf\x07\r\n",
    "a charset that is code": b"Content-Type: text/plain; charset=unicode_escape\r\n\r\n\\N{BULLET}\\x\r\n",
    "another odd charset": b"Content-Type: text/plain; charset=idna\r\n\r\n" + b"xn--" * 20_000 + b"\r\n",
    "a quoted-printable end": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * 500_001,
    "50 signatures": b"DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=x; b=x\r\n" * 50 + b"\r\n",
    "nothing": b"",
    "only a line end": b"\r\n",
    "no header": b"\r\nHello\r\n",
}


def malformed(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """The bombs, then mutated mails; names say how to get one again."""
    for number, (name, bomb) in enumerate(BOMBS.items()):
        yield name, bomb
        yield f"{name}, from a member", MEMBER % number + bomb
    chance = random.Random(seed)
    for number in range(count - 2 * len(BOMBS)):
        yield f"mutation {number} of seed {seed}", mutated(chance, number)


def mutated(chance: random.Random, number: int) -> bytes:
    raw = chance.choice(MAILS)
    if chance.random() < 0.5:  # let it pass for a member's, so that more of the journey sees it
        lines = [line for line in raw.split(b"\r\n") if not line.lower().startswith((b"from:", b"message-id:"))]
        raw = MEMBER % (10_000 + number) + b"\r\n".join(lines)
    for _ in range(chance.randint(1, 6)):
        start = chance.randint(0, len(raw))
        if chance.random() < 0.5:
            start = min(start, 500)  # the header
        end = min(len(raw), start + chance.randint(0, 200))
        new = chance.choice((b"", raw[start:end] * 2, chance.choice(PIECES), chance.randbytes(chance.randint(1, 20))))
        raw = raw[:start] + new + raw[end:]
    return raw
