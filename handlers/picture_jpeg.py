"""JPEG as a row of segments: what it is, and the same picture without all that it says about itself.

Nothing is decoded. Kept is what a decoder needs and the colour profile; gone are EXIF, XMP, IPTC, comments, makers'
notes, thumbnails, and whatever stands behind the end of the picture (second pictures, films, other files).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from handlers.picture import TELLTALE, Look, UnreadablePicture, names_a_program
from handlers.picture_exif import only_orientation, orientation_of

_START_OF_SCAN, _END = 0xDA, 0xD9
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_APPS = range(0xE0, 0xF0)
_COMMENT = 0xFE
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_JFIF, _ICC, _ADOBE, _EXIF = b"JFIF\0", b"ICC_PROFILE\0", b"Adobe", b"Exif\0\0"
_DUCKY = re.compile(
    rb"\xff\xec\x00\x11Ducky\x00\x01\x00\x04....\x00\x00", re.DOTALL
)  # Photoshop's quality, and no words
_JFIF_HEAD = 18  # bytes of the segment before its thumbnail


class _Segment(NamedTuple):
    marker: int
    start: int
    end: int


def look_at_jpeg(data: bytes) -> Look:
    """Raises UnreadablePicture when it never says how large it is."""
    orientation = 1
    for segment in _segments(data):
        body = segment.start + 4
        if segment.marker == 0xE1 and data.startswith(_EXIF, body) and orientation == 1:
            orientation = orientation_of(data[body + len(_EXIF) : segment.end])
        if segment.marker in _FRAMES and segment.end - body >= 5:
            height = int.from_bytes(data[body + 1 : body + 3], "big")
            return Look(int.from_bytes(data[body + 3 : body + 5], "big"), height, orientation)
    raise UnreadablePicture


def bare_jpeg(data: bytes, *, orientation: int = 1) -> bytes:
    """The same picture, byte for byte where it needs nothing. `orientation`: said in it when it is not 1.

    Raises UnreadablePicture where a segment has swallowed others, as damage can make it.
    """
    pieces = [data[:2]]
    if orientation != 1:
        note = _EXIF + only_orientation(orientation)
        pieces.append(b"\xff\xe1" + (len(note) + 2).to_bytes(2, "big") + note)
    pieces += [_kept(data, segment) for segment in _segments(data)]
    return b"".join(pieces)


def _kept(data: bytes, segment: _Segment) -> bytes:
    whole = data[segment.start : segment.end]
    if segment.marker == _COMMENT:
        return whole if names_a_program(whole[4:]) else b""
    if segment.marker not in _APPS:
        if segment.marker != _START_OF_SCAN and any(mark in whole for mark in TELLTALE):
            raise UnreadablePicture
        return whole
    body = whole[4:]
    if segment.marker == 0xE0 and body.startswith(_JFIF):
        if len(whole) <= _JFIF_HEAD:
            return whole
        return b"\xff\xe0\0\x10" + whole[4 : _JFIF_HEAD - 2] + b"\0\0"
    colours = (segment.marker == 0xE2 and body.startswith(_ICC)) or (segment.marker == 0xEE and body.startswith(_ADOBE))
    if colours and any(mark in body for mark in TELLTALE):
        raise UnreadablePicture
    return whole if colours or _DUCKY.fullmatch(whole) else b""


def _segments(data: bytes) -> Iterator[_Segment]:
    """From behind the first marker to the end of the picture, or as far as it goes; one scan is one segment."""
    at = 2
    while (at := data.find(b"\xff", at)) != -1 and at + 1 < len(data):
        marker = data[at + 1]
        if marker in (0x00, 0xFF):  # no marker, or fill
            at += 1
        elif marker == _END:
            yield _Segment(marker, at, at + 2)
            return
        elif marker in _ALONE:
            yield _Segment(marker, at, at + 2)
            at += 2
        else:
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            if end > len(data) or end < at + 4:
                return
            if marker == _START_OF_SCAN:
                behind = _NEXT_MARKER.search(data, end)
                end = behind.start() if behind else len(data)
            yield _Segment(marker, at, end)
            at = end
