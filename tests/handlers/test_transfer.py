"""Edits reach the decoded text, and no other byte of the encoded one changes."""

from __future__ import annotations

import base64
import quopri
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.transfer import Edit, decoded, spliced

lines = st.lists(st.text(alphabet="ab =é<.\t", max_size=90), max_size=8).map("\r\n".join)


def edited(whole: bytes, edits: list[Edit]) -> bytes:
    for edit in reversed(edits):
        whole = whole[: edit.start] + edit.new + whole[edit.end :]
    return whole


@st.composite
def text_and_edits(draw: st.DrawFn) -> tuple[bytes, list[Edit]]:
    """A text, addresses to be replaced in it, and a paragraph put in somewhere behind them."""
    text = draw(lines).encode("utf-8")
    places = [place for place in range(len(text) + 1) if text[place - 1 : place + 1] != b"\r\n"]
    borders = sorted(draw(st.sets(st.sampled_from(places), max_size=6)))
    edits = []
    for start, end in zip(borders[::2], borders[1::2], strict=False):
        edits.append(Edit(start, end, draw(st.sampled_from([b"a@b.example", b"x" * 100 + b"@long.example"]))))
    place = draw(st.sampled_from([place for place in places if not edits or place >= edits[-1].end]))
    return text, [*edits, Edit(place, place, b"\r\nRead by =\xc3\xa9veryone. " + b"long " * 30 + b"\r\n")]


def quoted_printable(text: bytes) -> bytes:
    encoded = quopri.encodestring(text.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    assert quopri.decodestring(encoded).replace(b"\r\n", b"\n") == text.replace(b"\r\n", b"\n")
    return encoded


@given(text_and_edits())
def test_quoted_printable(case: tuple[bytes, list[Edit]]) -> None:
    text, edits = case
    data = quoted_printable(text)
    assert decoded(data, "quoted-printable") == text
    after = spliced(data, "quoted-printable", edits)
    assert quopri.decodestring(after) == edited(text, edits)
    assert decoded(after, "quoted-printable") == edited(text, edits)
    assert all(len(line) <= 76 for line in after.split(b"\r\n"))
    assert b"\n" not in after.replace(b"\r\n", b"")
    assert after.isascii()


@given(text_and_edits(), st.sampled_from([60, 64, 72, 76]), st.booleans())
def test_base64(case: tuple[bytes, list[Edit]], width: int, ends: bool) -> None:
    text, edits = case
    encoded = base64.b64encode(text)
    data = b"\r\n".join(encoded[at : at + width] for at in range(0, len(encoded), width)) + (b"\r\n" if ends else b"")
    assert decoded(data, "base64") == text
    after = spliced(data, "base64", edits)
    assert base64.b64decode(after) == edited(text, edits)
    assert all(len(line) <= 76 for line in after.split(b"\r\n"))
    assert after.endswith(b"\r\n") == (ends or after == b"")
    kept = edits[0].start // 3 * 4 // width * (width + 2)
    assert after[:kept] == data[:kept]


@given(text_and_edits(), st.sampled_from(["7bit", "8bit"]))
def test_identity(case: tuple[bytes, list[Edit]], encoding: str) -> None:
    text, edits = case
    assert decoded(text, encoding) == text
    assert spliced(text, encoding, edits) == edited(text, edits)


@given(st.binary(max_size=300))
def test_garbage_is_decoded_as_the_standard_library_does(data: bytes) -> None:
    """Or not at all. Single bytes of a line break, and bytes that only look like hexadecimal, do not occur in mail."""
    data = re.sub(rb"[\r\n]", b"\r\n", data)
    clean = re.sub(rb"=(?![0-9A-Fa-f]{2}|[ \t]*(?:\r\n|\Z))", b"", data)
    trimmed = re.sub(rb"[ \t]+(?=\r\n|\Z)", b"", clean)
    assert decoded(clean, "quoted-printable") == quopri.decodestring(trimmed)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b"\r\nBye.\r\n"),
        (b"Hello", b"Hello\r\nBye.\r\n"),
        (b"Hello=", b"Hello\r\nBye.\r\n="),
        (b"Hello=\r\n", b"Hello\r\nBye.\r\n=\r\n"),
        (b"Hello =\r\n", b"Hello =\r\n\r\nBye.\r\n=\r\n"),
        (b"Hello=20", b"Hello=20\r\nBye.\r\n"),
        (b"Hello  \r\n", b"Hello  \r\n\r\nBye.\r\n"),
        (b"Hello=0D=0A", b"Hello=0D=0A\r\nBye.\r\n"),
        (b"H=E9=\r\n=E9", b"H=E9=\r\n=E9\r\nBye.\r\n"),
    ],
)
def test_quoted_printable_goes_on_wherever_it_ended(before: bytes, after: bytes) -> None:
    text = decoded(before, "quoted-printable")
    assert text is not None
    edit = Edit(len(text), len(text), b"\r\nBye.\r\n")
    assert spliced(before, "quoted-printable", [edit]) == after
    assert quopri.decodestring(re.sub(rb"[ \t]+(?=\r\n)", b"", after)) == text + edit.new


def test_an_address_that_was_cut_by_a_soft_break_is_replaced_whole() -> None:
    data = b"On Monday, Anna <anna@ho=\r\nme.example> wrote:\r\n"
    text = b"On Monday, Anna <anna@home.example> wrote:\r\n"
    assert decoded(data, "quoted-printable") == text
    start = text.index(b"anna@")
    edit = Edit(start, start + len(b"anna@home.example"), b"anna.lindqvist@oak.example")
    assert spliced(data, "quoted-printable", [edit]) == b"On Monday, Anna <anna.lindqvist@oak.example> wrote:\r\n"


def test_a_line_that_grows_too_long_gets_soft_breaks() -> None:
    data = b"On Monday, 23 November 2026, our Anna <a@b.example> wrote to all of us here:\r\n"
    edit = Edit(data.index(b"a@b"), data.index(b"> wrote"), b"anna.lindqvist@oak.example")
    assert spliced(data, "quoted-printable", [edit]) == (
        b"On Monday, 23 November 2026, our Anna <=\r\nanna.lindqvist@oak.example> wrote to all of us here:\r\n"
    )


def test_a_plain_line_does_not_grow_over_998_octets() -> None:
    data = b"x" * 960 + b" Anna <a@b.example> wrote:\r\n"
    edit = Edit(data.index(b"a@b"), data.index(b"> wrote"), b"anna.lindqvist@oak.example")
    after = spliced(data, "8bit", [edit])
    assert after == b"x" * 960 + b" Anna\r\n<anna.lindqvist@oak.example> wrote:\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"SGVsbG8",
        b"SGVsbG8hA",
        b"SGVs bG8h",
        b"SGVsbG8h\r\nHello from the list\r\n",
        b"SGVs*G8h",
        b"SGU=bG8=",
        b"=",
        b"=====",
    ],
)
def test_what_only_calls_itself_base64_is_left_alone(data: bytes) -> None:
    assert decoded(data, "base64") is None


@pytest.mark.parametrize("encoding", ["binary", "x-uuencode", "utf-8", ""])
def test_other_encodings_are_left_alone(encoding: str) -> None:
    assert decoded(b"Hello", encoding) is None
