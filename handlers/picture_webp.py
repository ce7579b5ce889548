"""WebP as a row of chunks: what it is, and the same picture, moving or not, without all that it says about itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from handlers.picture import Look, UnreadablePicture
from handlers.picture_exif import orientation_of

_HEADER = 12  # bytes
_KEPT = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF", b"ALPH", b"ICCP"})
_HAS_EXIF_OR_XMP = 0x08 | 0x04
_MOVES = 0x02


class _Chunk(NamedTuple):
    name: bytes
    start: int  # of its body
    end: int


def look_at_webp(data: bytes) -> Look:
    """Raises UnreadablePicture when it never says how large it is."""
    found: Look | None = None
    orientation = 1
    for chunk in _chunks(data):
        body = data[chunk.start : chunk.end]
        if chunk.name == b"EXIF":
            orientation = orientation_of(body.removeprefix(b"Exif\0\0"))
        found = found or _size(chunk.name, body)
    if found is None:
        raise UnreadablePicture
    return Look(found.width, found.height, orientation, found.animated)


def bare_webp(data: bytes) -> bytes:
    """The same picture, byte for byte where it needs nothing."""
    pieces: list[bytes] = []
    for chunk in _chunks(data):
        if chunk.name not in _KEPT:
            continue
        body = data[chunk.start : chunk.end]
        if chunk.name == b"VP8X":
            body = bytes([body[0] & ~_HAS_EXIF_OR_XMP]) + body[1:] if body else body
        pieces += (chunk.name, len(body).to_bytes(4, "little"), body, b"\0" * (len(body) % 2))
    content = b"WEBP" + b"".join(pieces)
    return b"RIFF" + len(content).to_bytes(4, "little") + content


def _size(name: bytes, body: bytes) -> Look | None:
    if name == b"VP8X" and len(body) >= 10:
        width, height = (int.from_bytes(body[at : at + 3], "little") + 1 for at in (4, 7))
        return Look(width, height, animated=bool(body[0] & _MOVES))
    if name == b"VP8L" and len(body) >= 5:
        bits = int.from_bytes(body[1:5], "little")
        return Look((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if name == b"VP8 " and len(body) >= 10:
        width, height = (int.from_bytes(body[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        return Look(width, height)
    return None


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Within the length that the file gives itself; the last one may be cut off."""
    limit = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    at = _HEADER
    while at + 8 <= limit:
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        yield _Chunk(data[at : at + 4], at + 8, min(end, limit))
        at = end + end % 2
