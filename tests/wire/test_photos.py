"""Photos through the real daemon: upright, without their place, everything else as it was."""

from __future__ import annotations

import email
import io
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any

import dkim
import pytest
from PIL import Image

from tests import pictures
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.daemons import Daemon, daemon, until

__all__ = ["empty_home", "om"]


@pytest.fixture
def family(om: Operator) -> Operator:
    om("list", "create", "family")
    for member in ("Anna Lindqvist <anna@home.example>", "Olu Okafor <olu@home.example>"):
        assert om("member", "add", "family", member, "--confirmed", "--quiet").code == 0
    return om


def copies_of(running: Daemon, wanted: int = 2) -> dict[str, bytes]:
    """The copies of posts by their recipient, without the two lines of the Maildir."""

    def there() -> list[tuple[str, bytes]] | None:
        posts = [(to, raw) for to, raw in running.copies() if b"\r\nList-Id:" in raw]
        return posts if len(posts) >= wanted else None

    found: list[tuple[str, bytes]] = until(there)
    return {to: raw.split(b"\r\n", 2)[2] for to, raw in found}


def leaves(raw: bytes) -> list[Message[str, str]]:
    return [part for part in email.message_from_bytes(raw).walk() if not part.is_multipart()]


def content(part: Message[str, str]) -> bytes:
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return data


def verifies(om: Operator, raw: bytes) -> bool:
    texts = {record["name"]: record["value"].encode() for record in om("dns", "show", "--json").json}

    def published(name: bytes, timeout: int = 5) -> Any:
        return texts.get(name.decode().rstrip("."))

    return bool(dkim.verify(raw, dnsfunc=published))


def test_a_phones_photos(family: Operator) -> None:
    notes = b"%PDF-1.4 the programme"
    sent = pictures.post_with(
        (pictures.phone_jpeg(6, (2400, 1600)), "image/jpeg", "IMG_1.JPG"),
        (pictures.phone_heic(8), "image/heic", "IMG_2.HEIC"),
        (notes, "application/pdf", "programme.pdf"),
    )
    with daemon(family.home) as running:
        assert running.send(sent) == 250
        copies = copies_of(running)
        assert running.end() == 0
    for raw in copies.values():
        assert verifies(family, raw)
        text, jpeg, heic, document = leaves(raw)
        assert "Look!" in content(text).decode()
        for part, name in ((jpeg, "IMG_1.JPG"), (heic, "IMG_2.jpg")):
            assert (part.get_content_type(), part.get_filename()) == ("image/jpeg", name)
            assert part.get_content_disposition() == "inline"
            assert pictures.is_upright(content(part))
            assert not pictures.telling(content(part))
            with Image.open(io.BytesIO(content(part))) as image:
                assert image.format == "JPEG"
                assert not image.getexif()
                assert max(image.size) <= 2048
        assert content(document) == notes
    (thread,) = family("thread", "ls", "family", "--json").json
    (post,) = family("thread", "show", str(thread["id"]), "--json").json["posts"]
    names = [(each["name"], each["type"]) for each in post["attachments"]]
    assert names == [("IMG_1.JPG", "image/jpeg"), ("IMG_2.HEIC", "image/heic"), ("programme.pdf", "application/pdf")]
    assert family("post", "show", str(post["id"]), "--raw").raw == sent
