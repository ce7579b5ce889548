"""GIF as a row of blocks: what it is, and the same picture, moving or not, without all that it says about itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from handlers.picture import Look, UnreadablePicture, names_a_program

_HEADER = 13  # bytes, with the description of the screen
_EXTENSION, _IMAGE, _END = 0x21, 0x2C, 0x3B
_CONTROL, _APPLICATION, _COMMENT, _PLAIN_TEXT = 0xF9, 0xFF, 0xFE, 0x01
_APPLICATIONS = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")  # how often it plays, and its colour profile


class _Block(NamedTuple):
    kind: int
    label: int  # of an extension
    start: int
    end: int


def look_at_gif(data: bytes) -> Look:
    """Raises UnreadablePicture when its beginning is not whole."""
    images = sum(block.kind == _IMAGE for block in _blocks(data))
    width, height = (int.from_bytes(data[at : at + 2], "little") for at in (6, 8))
    return Look(width, height, animated=images > 1)


def bare_gif(data: bytes) -> bytes:
    """The same picture, byte for byte where it needs nothing. Raises UnreadablePicture."""
    kept = [data[block.start : block.end] for block in _blocks(data) if _stays(data, block)]
    return b"".join((data[: _first_block(data)], *kept))


def _stays(data: bytes, block: _Block) -> bool:
    if block.kind != _EXTENSION or block.label in (_CONTROL, _PLAIN_TEXT):
        return True
    if block.label == _COMMENT:  # in one piece, and its length before it
        return names_a_program(data[block.start + 3 : block.end - 1])
    return block.label == _APPLICATION and data.startswith(_APPLICATIONS, block.start + 3)


def _first_block(data: bytes) -> int:
    if len(data) < _HEADER:
        raise UnreadablePicture
    return _HEADER + _colours(data[10])


def _colours(flags: int) -> int:
    """Bytes of the table of colours that flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _blocks(data: bytes) -> Iterator[_Block]:
    """To the end of the picture; the last one may be cut off. What is no block ends it."""
    at = _first_block(data)
    while at + 1 < len(data) or data[at : at + 1] == b";":
        kind, label = data[at], 0
        if kind == _EXTENSION:
            label = data[at + 1]
            end = _behind_pieces(data, at + 2)
        elif kind == _IMAGE and at + 9 < len(data):
            end = _behind_pieces(data, at + 11 + _colours(data[at + 9]))
        elif kind == _END:
            end = at + 1
        else:
            return
        yield _Block(kind, label, at, min(end, len(data)))
        if kind == _END:
            return
        at = end


def _behind_pieces(data: bytes, at: int) -> int:
    """Each piece begins with its length; one without length is the last."""
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1
