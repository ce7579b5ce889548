"""Whatever was taken becomes a copy that verifies, keeps its parts and breaks no line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.body import edited_body
from handlers.message import MalformedMessage, parse
from handlers.mime import decoded, parts
from tests.copying import FACTS, copy_of, with_crlf
from tests.growth import grows_linearly

DATA = Path(__file__).parents[2].parent / "shared" / "data"
MAILS = [
    path.read_bytes()
    for path in sorted([*DATA.glob("mime-*/*"), *DATA.glob("replies-*/*")])
    if path.name not in ("cases.json", "SOURCE.txt") and path.is_file() and path.stat().st_size < 20_000
]
PIECES = [
    *(
        b"Content-Type: ",
        b"text/html",
        b"multipart/mixed; boundary=",
        b'"b"',
        b"--b\n",
        b"--b--\n",
        b"\n\n",
        b"\n",
        b" ",
    ),
    *(
        b"Content-Transfer-Encoding: base64\n",
        b"Content-Transfer-Encoding: quoted-printable\n",
        b"charset=utf-16",
        b"=",
    ),
    *(
        b"=?utf-8?q?=0A?=",
        b"</body>",
        b"<!--",
        b"On Monday, Anna <anna@home.example> wrote:\n> ",
        b"\t",
        b"\xff",
        b"=\n",
    ),
    *(
        b"From: <anna@home.example>\n",
        b"Subject: x\n",
        b"Message-ID: <x@y> (z)\n",
        b"In-Reply-To: <a@b>\n",
        b"a" * 1200,
    ),
]

mails = st.sampled_from(MAILS)


@st.composite
def spoiled_mail(draw: st.DrawFn) -> bytes:
    """A real mail with pieces taken out, doubled and put in."""
    raw = draw(mails)
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 200)))
        new = draw(st.one_of(st.sampled_from(PIECES), st.just(raw[start:end] * 2), st.binary(max_size=20)))
        raw = raw[:start] + new + raw[end:]
    return raw


def made_of(pieces: list[bytes]) -> bytes:
    return b"From: anna@home.example\n" + b"".join(pieces)


any_mail = st.one_of(
    spoiled_mail(),
    st.lists(st.sampled_from(PIECES), max_size=40).map(made_of),
    st.binary(max_size=400),
)


def check(raw: bytes) -> None:
    # dkimpy strips vertical tabs and form feeds from field bodies, which RFC 6376 §3.4.2 does not.
    raw = with_crlf(re.sub(rb"[\0\x0b\x0c]", b"", raw))
    try:
        before = parts(parse(raw))
        copy = copy_of(raw)
    except MalformedMessage:
        return
    again = parse(copy)
    names = [field.name for field in again.fields]
    assert len(names) == len(set(names))
    assert copy.endswith(b"\r\n")
    assert copy.count(b"\n") == copy.count(b"\r\n") == copy.count(b"\r")
    after = parts(again)
    assert [(part.content_type, part.encoding, part.depth) for part in after] == [
        (part.content_type, part.encoding, part.depth) for part in before
    ]
    for was, now in zip(before, after, strict=True):
        if was.is_multipart or was.content_type in ("text/plain", "text/html"):
            continue
        kept = raw[was.start : was.body_end] if was.depth else raw[was.body_start : was.body_end]
        assert kept == (copy[now.start : now.body_end] if now.depth else copy[now.body_start : now.body_end])
    for was, now in zip(before, after, strict=True):
        if was.content_type in ("text/plain", "text/html"):
            old, new = decoded(parse(raw), was), decoded(again, now)
            assert new == old or b"family-leave@oak.example" in new.replace(b"\0", b"") or b"anna.lindqvist@" in new
    longest = max(len(line) for line in raw.split(b"\r\n"))
    assert max(len(line) for line in copy.split(b"\r\n")) <= max(998, longest)


@given(any_mail)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_mail_that_is_taken_becomes_a_copy(raw: bytes) -> None:
    check(raw)


def test_every_mail_of_the_corpus_becomes_a_copy() -> None:
    assert len(MAILS) > 200
    for raw in MAILS:
        check(raw)


@pytest.mark.parametrize(
    "piece",
    [
        b"=\r\n",
        b"= ",
        b" ",
        b"=41",
        b"QUJD\r\n",
        b"<",
        b"<p>",
        b"<!--",
        b"> ",
        b"anna@home.example ",
        b"<a href='mailto:anna@home.example'>",
        b"From: anna@home.example,\r\n",
        b"</body",
        b"-----BEGIN PGP\r\n",
        b"\r\n",
    ],
)
@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
@pytest.mark.parametrize("encoding", ["8bit", "quoted-printable", "base64"])
def test_hard_bodies_take_linear_time(piece: bytes, kind: str, encoding: str) -> None:
    head = f"Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()

    def edit(size: int) -> None:
        message = parse(head + piece * (size // len(piece)))
        edited_body(message, line="Read.", language="en", aliases=FACTS.aliases)

    assert grows_linearly(edit, 20_000)
