"""PNG as a row of chunks: what it is, and the same picture without all that it says about itself."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from handlers.picture import Look, UnreadablePicture
from handlers.picture_exif import orientation_of

_SIGNATURE = 8  # bytes
_ABOUT_COLOURS = frozenset(
    b"tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI bKGD hIST pHYs sPLT".split()  # and about the size of a point
)
_MOVING = frozenset({b"acTL", b"fcTL", b"fdAT"})
_PROGRAM = re.compile(rb"Software\0[\x20-\x7e]{1,79}")


class _Chunk(NamedTuple):
    name: bytes
    start: int
    end: int


def look_at_png(data: bytes) -> Look:
    """Raises UnreadablePicture when it does not begin as it must."""
    if data[12:16] != b"IHDR" or len(data) < 24:
        raise UnreadablePicture
    orientation, animated = 1, False
    for chunk in _chunks(data):
        if chunk.name == b"eXIf":
            orientation = orientation_of(data[chunk.start + 8 : chunk.end - 4])
        animated = animated or chunk.name == b"acTL"
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    return Look(width, height, orientation, animated)


def bare_png(data: bytes) -> bytes:
    """The same picture, byte for byte where it needs nothing.

    Raises UnreadablePicture where a chunk is damaged before the points begin: it may have swallowed others.
    """
    kept = [data[:_SIGNATURE]]
    for chunk in _chunks(data):
        if _stays(chunk.name) or _names_a_program(data, chunk):
            if chunk.name not in (b"IDAT", b"fdAT") and not _is_sound(data, chunk):
                raise UnreadablePicture
            kept.append(data[chunk.start : chunk.end])
    return b"".join(kept)


def _is_sound(data: bytes, chunk: _Chunk) -> bool:
    return zlib.crc32(data[chunk.start + 4 : chunk.end - 4]) == int.from_bytes(data[chunk.end - 4 : chunk.end], "big")


def _stays(name: bytes) -> bool:
    """Capitals mark what a decoder cannot do without."""
    return name[:1].isupper() or name in _ABOUT_COLOURS or name in _MOVING


def _names_a_program(data: bytes, chunk: _Chunk) -> bool:
    return chunk.name == b"tEXt" and _PROGRAM.fullmatch(data, chunk.start + 8, chunk.end - 4) is not None


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """To the end of the picture; the last one may be cut off."""
    at = _SIGNATURE
    while at + 8 <= len(data):
        name = data[at + 4 : at + 8]
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        yield _Chunk(name, at, min(end, len(data)))
        if name == b"IEND":
            return
        at = end
