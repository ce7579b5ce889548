"""Parts exchanged, taken out and made into several, while every other byte stays."""

from __future__ import annotations

import email

from hypothesis import given
from hypothesis import strategies as st

from handlers.message import parse
from handlers.mime import decoded, parts
from handlers.part_splice import NewPart, with_ending, with_parts

BODIES = st.lists(
    st.sampled_from([b"", b"one", b"two\r\nlines", b"\r\n", b"- dash", b"\xc3\xa9"]), min_size=1, max_size=5
)
CHOICES = st.sampled_from(["keep", "take out", "exchange", "several"])


def mixed(bodies: list[bytes], *, closed: bool = True) -> bytes:
    head = b'From: a@b.example\r\nX-Odd:  1\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\npreamble'
    pieces = [b"\r\n--b\r\nX-Number: %d\r\nContent-Type: image/x\r\n\r\n%s" % pair for pair in enumerate(bodies)]
    return b"".join((head, *pieces, b"\r\n--b--\r\nepilogue\r\n" if closed else b"\r\n"))


@given(BODIES, st.lists(CHOICES, min_size=5, max_size=5), st.booleans())
def test_each_part_as_it_should_be(bodies: list[bytes], choices: list[str], closed: bool) -> None:
    message = parse(mixed(bodies, closed=closed))
    all_parts = parts(message)
    made = {"take out": (), "exchange": (NewPart(b"new"),), "several": (NewPart(b"s1"), NewPart(b"s2"))}
    new = {place: made[choice] for place, choice in enumerate(choices[: len(bodies)], 1) if choice != "keep"}
    after = parse(with_parts(message, all_parts, new))
    wanted: list[bytes] = []
    for place in range(1, len(all_parts)):
        wanted += [piece.data for piece in new[place]] if place in new else [decoded(message, all_parts[place])]
    found = [decoded(after, part) for part in parts(after)[1:]]
    if not wanted:
        assert set(found) <= {b""}
        assert found
    else:
        assert [each.rstrip(b"\r\n") for each in found if each.strip()] == [
            each.rstrip(b"\r\n") for each in wanted if each.strip()
        ]
    assert after.raw.startswith(message.raw[: message.raw.index(b"preamble")])
    assert after.raw.endswith(b"epilogue\r\n") or not closed


def test_nothing_to_do_changes_nothing() -> None:
    raw = mixed([b"one", b"two"])
    message = parse(raw)
    assert with_parts(message, parts(message), {}) == raw


def test_a_header_tells_the_new_truth_and_keeps_the_rest() -> None:
    raw = (
        b"From: a@b.example\r\nSubject: =?utf-8?q?B=C3=A4r?=\r\nContent-Type: image/heic; name=a.heic\r\n"
        b"content-md5: abc\r\nContent-Disposition: attachment;\r\n filename=a.heic; size=99\r\nX-Last: 1\r\n\r\nxx\r\n"
    )
    message = parse(raw)
    made = with_parts(message, parts(message), {0: (NewPart(b"new", "image/jpeg", "a.jpg"),)})
    assert made == (
        b"From: a@b.example\r\nSubject: =?utf-8?q?B=C3=A4r?=\r\n"
        b'Content-Type: image/jpeg; name="a.jpg"\r\nContent-Disposition: attachment; filename="a.jpg"\r\n'
        b"X-Last: 1\r\nContent-Transfer-Encoding: base64\r\n\r\nbmV3\r\n"
    )


@given(st.text(min_size=1, max_size=300))
def test_any_name_can_be_written_and_read(name: str) -> None:
    raw = b"From: a@b.example\r\nContent-Type: image/heic\r\nContent-Disposition: attachment; filename=x\r\n\r\nxx\r\n"
    message = parse(raw)
    printable = "".join(letter for letter in name if letter.isprintable())
    made = with_parts(message, parts(message), {0: (NewPart(b"new", "image/jpeg", printable),)})
    assert all(len(line) <= 998 for line in made.split(b"\r\n"))
    part = email.message_from_bytes(made)
    assert part.get_content_type() == "image/jpeg"
    if printable.isalnum() and len(printable) <= 60:
        assert parts(parse(made))[0].filename == printable


def test_endings() -> None:
    assert [with_ending(name, "jpg") for name in ("a.HEIC", "a.b.heic", "a", "", ".heic")] == [
        "a.jpg", "a.b.jpg", "a.jpg", "", ".heic.jpg",
    ]  # fmt: skip
