from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.reply import Reply
from handlers.smtp_data import TOO_LARGE, DataReader


def read(wire: bytes, *sizes: int, max_size: int = 1000) -> tuple[bytes | Reply | None, bytes]:
    """What the reader makes of bytes that come in chunks of these sizes (over and over), and what it leaves."""
    reader = DataReader(max_size)
    at, turn = 0, 0
    while at < len(wire):
        size = sizes[turn % len(sizes)] if sizes else len(wire)
        if reader.feed(wire[at : at + size]):
            return reader.result(), reader.rest + wire[at + size :]
        at += size
        turn += 1
    return None, b""


def stuffed(message: bytes) -> bytes:
    """RFC 5321 §4.5.2, as a client does it."""
    lines = [b"." + line if line.startswith(b".") else line for line in message.split(b"\r\n")]
    return b"\r\n".join(lines) + b".\r\n"


LINES = st.lists(st.text("ab.", max_size=6).map(str.encode), max_size=8)


@given(LINES, st.lists(st.integers(1, 9), min_size=1, max_size=4), st.binary(max_size=6))
def test_any_message_in_any_pieces(lines, sizes, behind):
    message = b"".join(line + b"\r\n" for line in lines)
    assert read(stuffed(message) + behind, *sizes) == (message, behind)


@given(st.text("ab.\r\n\0", max_size=30).map(str.encode), st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_pieces_never_matter(wire, sizes):
    assert read(wire + b"\r\n.\r\n", *sizes) == read(wire + b"\r\n.\r\n")


@given(st.text("a.\r\n\0", max_size=12).map(str.encode))
def test_only_whole_line_ends_are_taken(text):
    result, _ = read(text + b"\r\n.\r\n")
    if isinstance(result, bytes):
        assert result.replace(b"\r\n", b"").translate(None, b"\r\n\0") == result.replace(b"\r\n", b"")
    else:
        assert result is not None
        assert (result.code, result.enhanced) == (550, "5.6.0")


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\r\n\0.\r\n", b"\r\r\n.\r\r\n"]
)
def test_nothing_else_ends_a_message(end):
    assert read(b"Hello" + end + b"MAIL FROM:<spoof@home.example>")[0] is None


def test_the_dot_at_once():
    assert read(b".\r\nQUIT\r\n") == (b"", b"QUIT\r\n")


@pytest.mark.parametrize(("size", "taken"), [(999, True), (1000, True), (1001, False)])
def test_the_largest_message(size, taken):
    message = b"\r\n" + b"x" * (size - 4) + b"\r\n"
    result, _ = read(message + b".\r\n", 100)
    assert (result == message) if taken else (result == TOO_LARGE)


def test_doubled_dots_do_not_count():
    message = b"\r\n" + b".\r\n" * 332
    assert len(message) < 1000
    reader = DataReader(1000)
    assert reader.feed(stuffed(message)[:1010]) is False
    assert reader.feed(stuffed(message)[1010:]) is True
    assert reader.result() == message


def test_what_is_too_large_is_not_kept():
    reader = DataReader(10_000)
    for _ in range(15):
        assert not reader.feed(b"x" * 1000 + b"\r\n")
    assert len(reader._kept) < 10
    assert not reader.hopeless
    assert reader.feed(b".\r\n")
    assert reader.result() == TOO_LARGE


def test_a_flood_is_hopeless():
    reader = DataReader(1000)
    reader.feed(b"x" * 2001)
    assert reader.hopeless


@pytest.mark.parametrize("start", [b"", b"From: a@b.example\r\n\r\n", b"X: y\r\n"])
def test_an_endless_line_is_not_kept(start):
    reader = DataReader(100_000_000)
    reader.feed(start)
    for _ in range(40):
        reader.feed(b"x" * 100_000)
    assert len(reader._kept) < 1_200_000
    reader.feed(b"\r\n.\r\n")
    result = reader.result()
    assert isinstance(result, Reply)
    assert (result.code, result.enhanced) == (550, "5.6.0")


def test_an_endless_header_is_not_kept():
    reader = DataReader(100_000_000)
    for _ in range(40):
        reader.feed(b"X-Field: y\r\n" * 10_000)
    assert len(reader._kept) < 1_200_000


def test_many_long_lines_are_an_ordinary_message():
    message = b"From: a@b.example\r\n\r\n" + (b"x" * 900_000 + b"\r\n") * 3
    assert read(message + b".\r\n", 65_536, max_size=10_000_000)[0] == message
