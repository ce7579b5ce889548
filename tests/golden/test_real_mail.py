"""Real and broken mail of the world, through a copy: the standard library reads the same parts as before.

The line at the end is found by comparing what the standard library decodes, without any code of ours.
"""

from __future__ import annotations

import re
from email.message import Message as LibraryMessage
from pathlib import Path

import pytest

from handlers.message import MalformedMessage, parse
from handlers.mime import parts
from tests.copying import copy_of, read, with_crlf

MAILS = sorted(
    path
    for path in (Path(__file__).parents[2].parent / "shared" / "data").glob("mime-*/*")
    if path.name not in ("cases.json", "SOURCE.txt")
)
ALLOWED = re.compile(
    "dkim-signature|from|to|reply-to|message-id|in-reply-to|date|subject|references|precedence|mime-version"
    "|list-(?:id|post|help|owner|unsubscribe|unsubscribe-post)|content-.*|thread-.*"
)
REFUSED = ("A boundary in the message is longer", "The message has more than one", "The message holds a NUL byte")


def refused(raw: bytes) -> str:
    try:
        parts(parse(raw))
    except MalformedMessage as refusal:
        return refusal.reason
    return ""


def leaves(raw: bytes) -> list[LibraryMessage]:
    found = [part for part in read(raw).walk() if not part.is_multipart()]
    for part in found:
        if "content-transfer-encoding" in part:  # the library does not see through a blank at its end
            part.replace_header("content-transfer-encoding", part["content-transfer-encoding"].strip())
    return found


def without_line(was: bytes, now: bytes) -> bytes:
    """`now` without one run of added bytes, which must hold the line."""
    same = next((at for at, (one, other) in enumerate(zip(was, now, strict=False)) if one != other), len(was))
    added = now[same : same + len(now) - len(was)]
    assert b"family-leave@oak.example." in added.replace(b"\0", b"")
    return now[:same] + now[same + len(added) :]


def test_most_mail_with_a_text_gets_the_line() -> None:
    raws = [raw for raw in (with_crlf(path.read_bytes()) for path in MAILS) if not refused(raw)]
    with_text = [raw for raw in raws if any(leaf.get_content_type() == "text/plain" for leaf in leaves(raw))]
    told = [
        raw
        for raw in with_text
        if any(b"family-leave@" in (leaf.get_payload(decode=True) or b"") for leaf in leaves(copy_of(raw)))
    ]
    assert len(with_text) > 150
    assert len(told) > 0.85 * len(with_text)


@pytest.mark.parametrize("path", MAILS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_copy_says_what_its_author_wrote(path: Path) -> None:
    raw = with_crlf(path.read_bytes())
    refusal = refused(raw)
    if refusal:
        assert refusal.startswith(REFUSED)
        return
    message = parse(raw)
    copy = copy_of(raw, language="sv")
    names = [name.lower() for name in read(copy).keys()]  # noqa: SIM118  a message is no dictionary
    assert len(names) == len(set(names))
    assert all(map(ALLOWED.fullmatch, names))
    body = copy.split(b"\r\n\r\n", 1)[1]
    assert [part.content_type for part in parts(parse(copy))] == [part.content_type for part in parts(message)]
    header = raw[: message.body_start]
    before, after = leaves(header + message.body), leaves(header + body)
    assert [part.get_content_type() for part in after] == [part.get_content_type() for part in before]
    for was, now in zip(before, after, strict=True):
        old, new = was.get_payload(decode=True), now.get_payload(decode=True)
        assert isinstance(old, bytes)
        assert isinstance(new, bytes)
        if was.get_content_type() not in ("text/plain", "text/html"):
            assert now.get_payload() == was.get_payload()
        assert old == new or without_line(old, new) == old
    line_lengths = [len(line) for line in body.split(b"\r\n")]
    assert max(line_lengths) <= max(998, *(len(line) for line in message.body.split(b"\r\n")))
