"""A whole mail on its way to its copies, with the real worker process."""

from __future__ import annotations

import asyncio
import binascii
import email
import io
import os
import random
import struct
from email.message import Message
from pathlib import Path

import pytest
from PIL import Image

from handlers.enclosure import FILES_BUDGET, PHOTOS_BUDGET
from handlers.left_out import LeftOut, Why
from handlers.message import MalformedMessage
from organic_mail import picture_process
from organic_mail.cleaning import Cleaned, cleaned
from organic_mail.picture_process import PictureProcess, WorkerNotStarted
from organic_mail.picture_worker import PICTURE, SAME, UNREADABLE
from tests import pictures
from tests.organic_mail.test_picture_worker import bomb_png
from tests.pictures import post_with, saved, scene, stored

LUCK = random.Random(3)
HALF_HEIC = pictures.phone_heic()[: len(pictures.phone_heic()) // 2]


REAL_MAIL = [
    path
    for path in (Path(__file__).parents[2].parent / "shared" / "data").glob("mime-*/*")
    if path.suffix in {".eml", ".msg", ".raw"}
]


def clean(raw: bytes) -> Cleaned:
    return asyncio.run(cleaned(raw))


def leaves(raw: bytes | None) -> list[Message[str, str]]:
    assert raw is not None
    return [part for part in email.message_from_bytes(raw).walk() if not part.is_multipart()]


def content(part: Message[str, str]) -> bytes:
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return data


def names(raw: bytes | None) -> list[str | None]:
    return [part.get_filename() for part in leaves(raw)[1:]]


def noisy(width: int, height: int, quality: int = 95) -> bytes:
    """A photo that takes many bytes."""
    return saved(Image.frombytes("RGB", (width, height), LUCK.randbytes(width * height * 3)), "JPEG", quality=quality)


def number_of(worker: PictureProcess) -> int:
    assert worker._running is not None
    return worker._running.pid


def about(worker: PictureProcess, file: str) -> str:
    return Path(f"/proc/{number_of(worker)}/{file}").read_text()


def tnef(*files: tuple[str, bytes]) -> bytes:
    """[MS-OXTNEF] §2.1: a stream of attributes, each with its level, kind, length and sum."""

    def attribute(level: int, kind: int, body: bytes) -> bytes:
        return struct.pack("<BII", level, kind, len(body)) + body + struct.pack("<H", sum(body) & 0xFFFF)

    out = struct.pack("<IH", 0x223E9F78, 1)
    out += attribute(1, 0x00089006, struct.pack("<I", 0x10000)) + attribute(1, 0x00069007, struct.pack("<II", 1252, 0))
    for name, body in files:
        out += attribute(2, 0x00069002, bytes(14)) + attribute(2, 0x00018010, name.encode() + b"\0")
        out += attribute(2, 0x0006800F, body)
    return out


class TestUntouched:
    def test_photos_that_need_nothing(self) -> None:
        raw = post_with((saved(scene(), "JPEG"), "image/jpeg", "a.jpg"), (saved(scene(), "GIF"), "image/gif", "b.gif"))
        assert clean(raw) == Cleaned(None)

    def test_what_is_signed(self) -> None:
        photo = pictures.phone_jpeg(6)
        inside = post_with((photo, "image/jpeg", "a.jpg"))
        raw = (
            b'From: a@b.example\r\nContent-Type: multipart/signed; boundary="s"; micalg=pgp-sha256;\r\n'
            b' protocol="application/pgp-signature"\r\n\r\n--s\r\n' + inside + b"\r\n--s\r\n"
            b"Content-Type: application/pgp-signature\r\n\r\nxxxx\r\n--s--\r\n"
        )
        assert clean(raw) == Cleaned(None)

    def test_a_mail_in_the_mail(self) -> None:
        inside = post_with((pictures.phone_jpeg(6), "image/jpeg", "a.jpg"))
        raw = (
            b'From: a@b.example\r\nContent-Type: multipart/mixed; boundary="s"\r\n\r\n--s\r\n\r\nhello\r\n--s\r\n'
            b"Content-Type: message/rfc822\r\n\r\n" + inside + b"\r\n--s--\r\n"
        )
        assert clean(raw) == Cleaned(None)

    def test_every_other_byte(self) -> None:
        """Strange lines, odd headers, a preamble: only the body of the one part changes."""
        before = (
            b"From: a@b.example\r\nSubject:   odd  \r\nMIME-Version: 1.0 (sort of)\r\n"
            b"content-TYPE: multipart/mixed;\r\n\tboundary=x\r\n\r\nI am a preamble\r\n--x\t\r\n"
            b"\r\nhello  \r\n\r\n--x\r\n"
            b"Content-Type:image/jpeg;name=a.jpg\r\nX-Odd: 1\r\nContent-Transfer-Encoding: BASE64\r\n\r\n"
        )
        after = b"\r\n--x\r\nContent-Type: text/x-odd\r\n\r\n\xff\xfe\r\n--x--\r\nI am an epilogue\r\n"
        photo = email.message_from_bytes(post_with((pictures.phone_jpeg(1), "image/jpeg", "a.jpg"))).get_payload(1)
        encoded = photo.get_payload().replace("\r\n", "\n").replace("\n", "\r\n").encode()  # type: ignore[union-attr]
        raw = before + encoded + after
        made = clean(raw).raw
        assert made is not None
        assert made.startswith(before)
        assert made.endswith(after)
        assert len(made) < len(raw) - 300


class TestPictures:
    def test_whatever_its_name_says(self) -> None:
        heic = pictures.phone_heic(6)
        raw = post_with(
            (heic, "image/jpeg", "IMG_1.jpg"),
            (heic, "application/octet-stream", "Lake.HEIC"),
            (pictures.phone_jpeg(3), "image/heic", "IMG_3.HEIC"),
            (heic, "image/heif", "Straße ☀.heif"),
            (pictures.telling_png(6), "image/png", "drawing.png"),
            (pictures.telling_png(6), "image/jpeg", "odd.jpg"),
            (saved(stored(6, mode="RGBA"), "TIFF", exif=pictures.exif(6)), "image/tiff", "scan.tiff"),
            (saved(scene(), "GIF"), "image/heic", "was.heic"),
        )
        made = clean(raw)
        wanted = [
            ("image/jpeg", "IMG_1.jpg"), ("image/jpeg", "Lake.jpg"), ("image/jpeg", "IMG_3.jpg"),
            ("image/jpeg", "Straße ☀.jpg"), ("image/png", "drawing.png"), ("image/jpeg", "odd.jpg"),
            ("image/png", "scan.png"), ("image/gif", "was.gif"),
        ]  # fmt: skip
        assert [(part.get_content_type(), part.get_filename()) for part in leaves(made.raw)[1:]] == wanted
        for part in leaves(made.raw)[1:]:
            assert pictures.is_upright(content(part))
            assert not pictures.telling(content(part))

    def test_a_photo_shown_within_the_text_is_still_found(self) -> None:
        raw = post_with((pictures.phone_heic(), "image/heic", "a.heic"))
        raw = raw.replace(b"Content-Type: image/heic", OWN_FIELDS + b"Content-Type: image/heic")
        part = leaves(clean(raw).raw)[1]
        assert (part["Content-ID"], part["X-Attachment-Id"]) == ("<lake@phone>", "7")

    def test_a_mail_that_is_a_photo(self) -> None:
        photo = email.message_from_bytes(post_with((pictures.phone_heic(6), "image/heic", "a.heic"))).get_payload(1)
        raw = (b"From: a@b.example\nSubject: Look\nMIME-Version: 1.0\n" + bytes(photo)).replace(b"\n", b"\r\n")  # type: ignore[arg-type]
        made = clean(raw).raw
        assert made is not None
        (part,) = leaves(made)
        assert (part["Subject"], part["From"], part.get_content_type()) == ("Look", "a@b.example", "image/jpeg")
        assert pictures.is_upright(content(part))
        assert made.endswith(b"\r\n")

    @pytest.mark.parametrize("encoding", ["quoted-printable", "8bit"])
    def test_other_transfer_encodings(self, encoding: str) -> None:
        photo = pictures.phone_jpeg(6, (60, 40))
        if encoding == "8bit":  # which cannot carry a photo, and some programs do so all the same
            photo = photo.replace(b"\r", b"\x0b").replace(b"\n", b"\x0b").replace(b"\0", b"\x01")
            body = photo
        else:
            body = binascii.b2a_qp(photo, istext=False).replace(b"=\n", b"=\r\n")
        raw = (
            b"From: a@b.example\r\nContent-Type: image/jpeg\r\nContent-Transfer-Encoding: "
            + encoding.encode()
            + b"\r\n\r\n"
        )
        made = clean(raw + body + b"\r\n")
        assert b"SERIAL-4711" not in (made.raw or b"")
        if encoding == "quoted-printable":
            (part,) = leaves(made.raw)
            assert part["Content-Transfer-Encoding"] == "base64"
            assert pictures.is_upright(content(part))

    def test_together_they_fit(self) -> None:
        photo = noisy(2000, 1500, 85)
        small = saved(scene(1800, 1200), "JPEG")  # larger than the others become, but not by its bytes
        raw = post_with(*[(photo, "image/jpeg", f"{n}.jpg") for n in range(5)], (small, "image/jpeg", "small.jpg"))
        assert 5 * len(photo) > PHOTOS_BUDGET
        made = clean(raw)
        sizes = [len(content(part)) for part in leaves(made.raw)[1:]]
        assert sum(sizes) <= PHOTOS_BUDGET
        assert sizes[-1] == len(small)
        assert made.left_out == ()
        with Image.open(io.BytesIO(content(leaves(made.raw)[1]))) as image:
            assert image.size == (1600, 1200)


class TestLeftOut:
    def test_a_bomb_costs_nothing_but_itself(self) -> None:
        photo = pictures.phone_jpeg(6)
        raw = post_with(
            (photo, "image/jpeg", "1.jpg"), (bomb_png(), "image/png", "bomb.png"), (photo, "image/jpeg", "2.jpg")
        )
        made = clean(raw)
        assert names(made.raw) == ["1.jpg", "2.jpg"]
        assert [(each.name, each.why) for each in made.left_out] == [("bomb.png", Why.UNREADABLE)]
        assert all(pictures.is_upright(content(part)) for part in leaves(made.raw)[1:])

    def test_what_kills_the_worker_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A picture that takes all memory, and one that computes for ever; what comes behind them goes out."""
        program = picture_process._PROGRAM.replace("run()", HOSTILE + "picture_worker.CPU_SECONDS = 2\nrun()")
        monkeypatch.setattr(picture_process, "_PROGRAM", program)
        photo = pictures.phone_jpeg(6)
        raw = post_with(
            (saved(scene(11, 7), "PNG"), "image/png", "memory.png"),
            (saved(scene(11, 8), "PNG"), "image/png", "time.png"),
            (photo, "image/jpeg", "1.jpg"),
        )  # fmt: skip
        made = clean(raw)
        assert names(made.raw) == ["1.jpg"]
        assert [each.name for each in made.left_out] == ["memory.png", "time.png"]

    def test_a_worker_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        program = picture_process._PROGRAM.replace("run()", HOSTILE + "run()")
        monkeypatch.setattr(picture_process, "_PROGRAM", program)
        monkeypatch.setattr(picture_process, "PATIENCE", 0.2)
        made = clean(post_with((saved(scene(11, 8), "PNG"), "image/png", "time.png")))
        assert [each.name for each in made.left_out] == ["time.png"]

    def test_what_nobody_can_open(self) -> None:
        raw = post_with(
            (HALF_HEIC, "image/heic", "half.heic"), (b"\xff\x0a" + bytes(90), "image/jxl", "new.jxl"),
            (b"no picture, no notes", "image/x-strange", "strange.img"),
            (b"strange Exif\0\0GPS", "image/x-strange", "telling.img"),
        )  # fmt: skip
        made = clean(raw)
        assert names(made.raw) == ["strange.img"]
        assert [each.name for each in made.left_out] == ["half.heic", "new.jxl", "telling.img"]

    def test_the_only_part(self) -> None:
        """An empty text stands for it, so that the reader can be told there."""
        alone = email.message_from_bytes(post_with((HALF_HEIC, "image/heic", "a.heic"))).get_payload(1)
        raw = (b"From: a@b.example\nSubject: Look\nMIME-Version: 1.0\n" + bytes(alone)).replace(b"\n", b"\r\n")  # type: ignore[arg-type]
        made = clean(raw)
        (part,) = leaves(made.raw)
        assert (part.get_content_type(), content(part), part.get_filename()) == ("text/plain", b"", None)
        holder = b'From: a@b.example\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\n'
        inner = bytes(alone).replace(b"\n", b"\r\n")  # type: ignore[arg-type]
        (part,) = leaves(clean(holder + inner + b"\r\n--x--\r\n").raw)
        assert (part.get_content_type(), content(part)) == ("text/plain", b"")

    def test_where_there_is_no_text_to_tell_it_in(self) -> None:
        raw = post_with((HALF_HEIC, "image/heic", "a.heic"), (pictures.phone_jpeg(6), "image/jpeg", "b.jpg"))
        raw = raw.replace(b"Content-Disposition: inline", b"Content-Disposition: attachment")
        start = raw.index(b"--=_between\r\n")
        textless = raw[:start] + raw[raw.index(b"--=_between\r\n", start + 1) :]
        place, photo = leaves(clean(textless).raw)
        assert (place.get_content_type(), place.get_content_disposition(), content(place)) == ("text/plain", None, b"")
        assert photo.get_filename() == "b.jpg"

    def test_a_film_beyond_the_budget(self) -> None:
        big, small = pictures.film(90, FILES_BUDGET), pictures.film(9, 1000)
        raw = post_with((big, "video/quicktime", "IMG_1.mov"), (small, "video/quicktime", "IMG_2.mov"))
        made = clean(raw)
        assert names(made.raw) == ["IMG_2.mov"]
        assert made.left_out == (LeftOut("IMG_1.mov", len(big), Why.TOO_BIG),)

    def test_documents_together(self) -> None:
        sizes = {"a.pdf": 4_000_000, "b.pdf": 5_000_000, "c.txt": 3_000_000, "d.zip": 2_000_000}
        files = [(b"%" + LUCK.randbytes(size - 1), "application/octet-stream", name) for name, size in sizes.items()]
        made = clean(post_with(*files))
        assert names(made.raw) == ["a.pdf", "c.txt", "d.zip"]

    def test_a_great_moving_picture_counts_as_a_file(self) -> None:
        frames = [Image.frombytes("L", (1600, 1200), LUCK.randbytes(1600 * 1200)) for _ in range(6)]
        data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
        assert len(data) > FILES_BUDGET
        made = clean(post_with((data, "image/gif", "snow.gif"), (pictures.phone_jpeg(), "image/jpeg", "a.jpg")))
        assert made.left_out == (LeftOut("snow.gif", len(data), Why.TOO_BIG),)


class TestPrograms:
    @pytest.mark.parametrize(
        ("data", "kind", "name"),
        [
            (b"MZ\x90\0" + bytes(60), "application/pdf", "recipe.pdf"),
            (b"\x7fELF" + bytes(60), "application/octet-stream", ""),
            (b"@echo off", "text/plain", "Photos from the lake.jpg.BAT"),
            (b"@echo off", "application/octet-stream", "lake.cmd. "),
            (b"PK\3\4", "application/zip", "games.jar"),
            (pictures.phone_jpeg(), "image/jpeg", "lake.scr"),
        ],
    )
    def test_they_stay_behind(self, data: bytes, kind: str, name: str) -> None:
        made = clean(post_with((data, kind, name), (b"%PDF", "application/pdf", "menu.pdf")))
        assert names(made.raw) == ["menu.pdf"]
        assert made.left_out == (LeftOut(name.rstrip() or kind, len(data), Why.PROGRAM),)

    @pytest.mark.parametrize("name", ["exe", "to my exe-friend.txt", "menu.exe.pdf", "Notes.docx", "songs.zip"])
    def test_what_only_sounds_like_one(self, name: str) -> None:
        assert clean(post_with((b"MZ of Monday, page 3", "application/octet-stream", name))).raw is None


class TestFilms:
    def test_it_tells_no_place(self) -> None:
        data = pictures.film(90)
        made = clean(post_with((data, "video/quicktime", "IMG_1.mov")))
        after = content(leaves(made.raw)[1])
        assert b"+59.33" in data
        assert not [mark for mark in (b"+59.33", b"SERIAL-4711", b"location", b"\xa9xyz") if mark in after]
        assert len(after) == len(data)
        assert after.endswith(b"\x55" * 1000)

    def test_of_a_living_photo_only_the_photo_goes_out(self) -> None:
        raw = post_with(
            (pictures.phone_heic(), "image/heic", "IMG_1.HEIC"), (pictures.film(2.9), "video/quicktime", "IMG_1.MOV"),
            (pictures.phone_heic(), "image/heic", "IMG_2.HEIC"), (pictures.film(4.5), "video/quicktime", "IMG_2.MOV"),
            (pictures.film(2.9), "video/quicktime", "IMG_3.MOV"),
        )  # fmt: skip
        made = clean(raw)
        assert names(made.raw) == ["IMG_1.jpg", "IMG_2.jpg", "IMG_2.MOV", "IMG_3.MOV"]
        assert made.left_out == ()


class TestTnef:
    def test_it_becomes_what_is_in_it(self) -> None:
        letter = b"%PDF-1.4 a letter"
        packed = tnef(("C:\\Docs\\letter.pdf", letter), ("IMG.JPG", pictures.phone_jpeg(6)))
        made = clean(post_with((packed, "application/ms-tnef", "winmail.dat"), (b"x", "application/x-y", "last.bin")))
        text, first, second, last = leaves(made.raw)
        assert (first.get_content_type(), first.get_filename(), content(first)) == (
            "application/pdf",
            "letter.pdf",
            letter,
        )
        assert (second.get_content_type(), second.get_filename()) == ("image/jpeg", "IMG.JPG")
        assert pictures.is_upright(content(second))
        assert not pictures.telling(content(second))
        assert content(last) == b"x"
        assert "Look!" in content(text).decode()

    def test_a_mail_that_is_nothing_else(self) -> None:
        alone = email.message_from_bytes(
            post_with((tnef(("a.txt", b"one"), ("b.txt", b"two")), "application/ms-tnef", "winmail.dat"))
        )
        raw = (b"From: a@b.example\nMIME-Version: 1.0\n" + bytes(alone.get_payload(1))).replace(b"\n", b"\r\n")  # type: ignore[arg-type]
        made = clean(raw).raw
        assert [content(part) for part in leaves(made)] == [b"one", b"two"]
        assert email.message_from_bytes(made or b"").get_content_disposition() is None

    @pytest.mark.parametrize("data", [tnef(("a.txt", b"one"))[:40], b"\x78\x9f\x3e\x22" + b"\xff" * 90, b"nothing"])
    def test_it_stays_where_it_cannot_be_opened(self, data: bytes) -> None:
        assert clean(post_with((data, "application/ms-tnef", "winmail.dat"))) == Cleaned(None)


class TestProcess:
    def test_it_is_limited_and_gone_afterwards(self) -> None:
        async def look() -> tuple[str, str, int]:
            async with PictureProcess() as worker:
                status, _ = await worker.ask(PICTURE, pictures.phone_jpeg(6), longest=2048, quality=82)
                assert status != UNREADABLE
                return about(worker, "limits"), about(worker, "environ"), number_of(worker)

        limits, environment, number = asyncio.run(look())
        values = {line[:25].strip(): line[26:].split()[0] for line in limits.splitlines()[1:]}
        assert (values["Max open files"], values["Max cpu time"]) == ("0", "60")
        assert (values["Max address space"], values["Max file size"]) == (str(2**30), "0")
        assert "HOME" not in environment
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)

    def test_a_photo_that_needs_nothing_does_not_load_the_library(self) -> None:
        async def look() -> str:
            async with PictureProcess() as worker:
                status, _ = await worker.ask(PICTURE, saved(scene(), "JPEG"), longest=2048, quality=82)
                assert status == SAME
                return about(worker, "maps")

        assert "_imaging" not in asyncio.run(look())

    def test_who_kills_three_is_not_asked_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        dying = "import sys; print('ready', flush=True); sys.stdin.buffer.read(1)"
        monkeypatch.setattr(picture_process, "_PROGRAM", dying)
        started: list[int] = []

        async def ask_often() -> list[bytes]:
            async with PictureProcess() as worker:
                plain = worker._started

                async def counted() -> asyncio.subprocess.Process:
                    started.append(1)
                    return await plain()

                monkeypatch.setattr(worker, "_started", counted)
                return [(await worker.ask(PICTURE, b"x"))[0] for _ in range(6)]

        assert set(asyncio.run(ask_often())) == {UNREADABLE}
        assert len(started) == 3

    def test_where_it_cannot_start_the_mail_waits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(picture_process, "_PROGRAM", "raise SystemExit(3)")
        with pytest.raises(WorkerNotStarted):
            clean(post_with((pictures.phone_jpeg(), "image/jpeg", "a.jpg")))


OWN_FIELDS = b"Content-ID: <lake@phone>\r\nX-Attachment-Id: 7\r\n"
HOSTILE = """
from organic_mail import picture_worker
plain = picture_worker._look
def hostile(data, kind):
    look = plain(data, kind)
    if look is not None and (look.width, look.height) == (11, 7):
        return bytes(2 ** 31)
    while look is not None and (look.width, look.height) == (11, 8):
        pass
    return look
picture_worker._look = hostile
"""


def test_little_pictures_of_real_mail_need_nothing() -> None:
    """They name the program that made them, and that is all they tell."""
    assert len(REAL_MAIL) > 50
    for path in REAL_MAIL:
        try:
            assert clean(path.read_bytes()).raw is None, path.name
        except MalformedMessage:
            continue
