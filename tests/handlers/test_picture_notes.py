"""Which notes stay in a picture: what names the program that wrote it, and nothing that could tell more."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import pytest

from handlers.picture_gif import bare_gif
from handlers.picture_jpeg import bare_jpeg
from handlers.picture_png import bare_png

DUCKY = b"\xff\xec\x00\x11Ducky\x00\x01\x00\x04\x00\x00\x00\x50\x00\x00"
PROGRAM = b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 80\n"


def png(name: bytes, content: bytes) -> bytes:
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)), (name, content)]
    chunks += [(b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")]
    framed = [
        len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")
        for name, content in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def jpeg(segment: bytes) -> bytes:
    return b"\xff\xd8" + segment + b"\xff\xc0\x00\x0b\x08\x00\x01\x00\x01\x01\x01\x11\x00\xff\xd9"


def comment(text: bytes) -> bytes:
    return jpeg(b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text)


def gif(text: bytes) -> bytes:
    return b"GIF89a\x01\x00\x01\x00\x00\x00\x00\x21\xfe" + bytes([len(text)]) + text + b"\x00;"


@pytest.mark.parametrize(
    ("bare", "picture"),
    [
        (bare_png, png(b"tEXt", b"Software\0Adobe ImageReady")),
        (bare_jpeg, jpeg(DUCKY)),
        (bare_jpeg, comment(PROGRAM)),
        (bare_jpeg, comment(b"File written by Adobe Photoshop 4.0")),
        (bare_gif, gif(b"Created with GIMP")),
    ],
)
def test_the_name_of_a_program_stays(bare: Callable[[bytes], bytes], picture: bytes) -> None:
    assert bare(picture) == picture


@pytest.mark.parametrize(
    ("bare", "picture"),
    [
        (bare_png, png(b"tEXt", b"Comment\0our garden")),
        (bare_png, png(b"tEXt", b"Software\0x\nLocation: 48.1 N")),
        (bare_png, png(b"iTXt", b"Software\0\0\0\0\0x")),
        (bare_png, png(b"eXIf", b"MM\0*\0\0\0\x08\0\0\0\0")),
        (bare_jpeg, comment(b"Anna in our garden")),
        (bare_jpeg, comment(PROGRAM + b"at 48.1 N 11.5 E")),
        (bare_jpeg, jpeg(b"\xff\xec\x00\x0fDucky\x00\x01\x00\x02Anna"[:17])),
        (bare_gif, gif(b"Anna in our garden")),
    ],
)
def test_any_other_note_goes(bare: Callable[[bytes], bytes], picture: bytes) -> None:
    assert len(bare(picture)) < len(picture)
