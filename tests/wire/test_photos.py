"""Photos through the real daemon: upright, without their place, everything else as it was."""

from __future__ import annotations

import email
import io
import signal
import subprocess
import sys
from email.message import Message
from pathlib import Path
from typing import Any

import dkim
import pytest
from PIL import Image

from tests import pictures
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.daemons import PATIENCE, ROOT, Daemon, daemon, until

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
        assert "_imaging" not in read(Path(f"/proc/{running.process.pid}/maps"))  # what opens pictures is not in here
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


def letters_to(running: Daemon, person: str) -> list[Message[str, str]]:
    """What we wrote to her ourselves."""
    own = [raw for to, raw in running.copies() if to.startswith(person) and b"\r\nList-Id:" not in raw]
    return [email.message_from_bytes(raw.split(b"\r\n", 2)[2]) for raw in own]


def test_what_is_too_big_stays_behind_and_all_are_told(family: Operator) -> None:
    family("member", "set", "olu@home.example", "language=de")
    film = pictures.film(90, 12 * 10**6)
    sent = pictures.post_with(
        (film, "video/quicktime", "IMG_2231.mov"), (pictures.phone_jpeg(6), "image/jpeg", "a.jpg")
    )
    with daemon(family.home) as running:
        assert running.send(sent) == 250
        copies = copies_of(running)
        (letter,) = until(lambda: letters_to(running, "anna"))
        assert letters_to(running, "olu") == []
    texts = {to.partition("@")[0]: content(leaves(raw)[0]).decode() for to, raw in copies.items()}
    assert "Too big for this email: IMG_2231.mov (12 MB). Please ask Anna Lindqvist." in texts["anna"]
    assert "Zu gross fuer diese E-Mail: IMG_2231.mov (12 MB). Bitte frag Anna Lindqvist danach." in texts["olu"]
    for raw in copies.values():
        assert [part.get_filename() for part in leaves(raw)[1:]] == ["a.jpg"]
        assert verifies(family, raw)
    assert (letter["Subject"], letter["In-Reply-To"]) == ("One file was too big to send", "<lake@home.example>")
    words = " ".join(content(leaves(letter.as_bytes())[0]).decode().split())
    assert (
        'Your email "Back from the lake" went to everyone. One file did not go with it: IMG_2231.mov (12 MB).' in words
    )
    assert "The most we can send in one email is 10 MB. A shorter video will work." in words
    (line,) = [event["text"] for event in family("log", "--json").json if event["kind"] == "shortened"]
    assert "IMG_2231.mov" in line


def test_a_program_is_taken_out_and_its_readers_told_by_whom(family: Operator) -> None:
    sent = pictures.post_with((b"MZ" + bytes(900), "application/octet-stream", "game.exe"))
    with daemon(family.home) as running:
        assert running.send(sent) == 250
        copies = copies_of(running)
    for raw in copies.values():
        (part,) = leaves(raw)
        assert "Look!" in content(part).decode()
        assert verifies(family, raw)
    told = content(leaves(copies["anna@home.example"])[0]).decode()
    assert "Programs can do harm, so we took this out: game.exe (1 kB). Please ask Anna Lindqvist." in told
    (line,) = [event["text"] for event in family("log", "--json").json if event["kind"] == "shortened"]
    assert "game.exe" in line
    assert "it is a program" in line
    assert family("post", "show", "1", "--raw").raw == sent


def test_a_photo_alone_that_nobody_can_open(family: Operator) -> None:
    """Its place does not go out, and its readers are told in its place."""
    whole = pictures.phone_heic(6)
    alone = pictures.post_with((whole[: len(whole) // 2], "image/heic", "IMG_7.HEIC")).split(b"--=_between\r\n")[2]
    header = pictures.post_with().split(b"Content-Type:")[0]
    with daemon(family.home) as running:
        assert running.send(header + alone.split(b"\r\n--=_between--")[0] + b"\r\n") == 250
        copies = copies_of(running)
    for raw in copies.values():
        (part,) = leaves(raw)
        assert part.get_content_type() == "text/plain"
        said = "We could not open this, so it is not here: IMG_7.HEIC (1 kB). Please ask Anna Lindqvist."
        assert said in content(part).decode()
        assert verifies(family, raw)


@pytest.mark.parametrize("step", ["asked", "made", "kept"])
def test_killed_while_photos_are_made_ready(family: Operator, step: str) -> None:
    """The post is still there, goes out to each once, and all copies have the same photo."""
    with daemon(family.home, "--only", "receive") as running:
        assert running.send(pictures.post_with((pictures.phone_heic(6), "image/heic", "IMG_1.HEIC"))) == 250
    died = subprocess.run(
        [sys.executable, "-m", "tests.wire.crashing_photos", family.home, step], cwd=ROOT, timeout=PATIENCE, check=False
    )
    assert died.returncode == -signal.SIGKILL
    with daemon(family.home) as running:
        copies = copies_of(running)
        assert running.end() == 0
        assert len(running.copies()) == 2
    photos = {content(leaves(raw)[1]) for raw in copies.values()}
    assert len(photos) == 1
    assert all(pictures.is_upright(photo) and not pictures.telling(photo) for photo in photos)


def test_where_no_worker_starts_the_post_waits(family: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own trouble is nobody's loss; nor does it hold others up."""
    photo = pictures.post_with((pictures.phone_jpeg(6), "image/jpeg", "a.jpg"))
    plain = pictures.post_with(text="No photo.\n").replace(b"<lake@", b"<plain@")
    with daemon(family.home, starter=[sys.executable, "-m", "tests.wire.without_worker"]) as running:
        assert (running.send(photo), running.send(plain)) == (250, 250)
        copies = copies_of(running)
        assert all(b"No photo." in raw for raw in copies.values())
        rows = until(lambda: [row for row in family("queue", "ls", "--json").json if row["state"] == "deferred"])
    assert {row["recipient"] for row in rows} == {"anna@home.example", "olu@home.example"}
    assert "the worker that opens pictures does not start" in rows[0]["last_reply"]
    family("queue", "retry", "--all")
    with daemon(family.home) as running:
        copies = until(lambda: [raw for _, raw in running.copies() if b"a.jpg" in raw])
    assert all(pictures.is_upright(content(leaves(raw.split(b"\r\n", 2)[2])[1])) for raw in copies)


def test_the_end_does_not_wait_for_a_photo(family: Operator) -> None:
    """SIGTERM while a worker computes: over at once, nobody is left behind, and the post goes out later."""
    home = family.home
    with daemon(home, starter=[sys.executable, "-m", "tests.wire.without_worker", "slow"]) as running:
        assert running.send(pictures.post_with((pictures.phone_jpeg(6), "image/jpeg", "a.jpg"))) == 250
        (worker,) = until(lambda: children(running.process.pid, "picture_worker"))
        assert running.end() == 0
    assert not Path(f"/proc/{worker}").exists()
    with daemon(home) as running:
        copies = copies_of(running)
    assert all(pictures.is_upright(content(leaves(raw)[1])) for raw in copies.values())


def children(parent: int, name: str) -> list[int]:
    numbers = [int(each) for task in Path(f"/proc/{parent}/task").iterdir() for each in read(task / "children").split()]
    return [number for number in numbers if name in read(Path(f"/proc/{number}/cmdline"))]


def read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # it has ended meanwhile
        return ""
