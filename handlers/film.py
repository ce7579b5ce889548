"""Films in the boxes of QuickTime and MP4 (ISO base media): how long they last, and the same film without its place.

A film tells where it was made in boxes beside its pictures. These are blanked where they stand: nothing moves, so all
the offsets inside the file stay true.
"""

from __future__ import annotations

from handlers.boxes import boxes

HEAD = 12
"""Bytes that suffice for `is_film`."""

_BEGINNINGS = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"})
_HOLDERS = frozenset({b"moov", b"trak", b"mdia", b"moof"})
_NOTES = frozenset({b"udta", b"meta", b"uuid", b"XMP_"})
_SOUNDS = (b"M4A ", b"M4B ", b"M4P ")  # whose notes name the piece of music, and who plays it
_PLACES = frozenset({b"\xa9xyz", b"loci"})


def is_film(head: bytes) -> bool:
    """Does a film of this family begin so? Pictures in such boxes are told apart before (`picture.kind_of`)."""
    return head[4:8] in _BEGINNINGS and int.from_bytes(head[:4], "big") != 0


def seconds_of(data: bytes) -> float | None:
    """How long it lasts; None when it does not say."""
    for box in boxes(data, _HOLDERS):
        if box.kind == b"mvhd" and box.end - box.body >= 20:
            wide = data[box.body] == 1
            scale_at, size = (box.body + 20, 8) if wide else (box.body + 12, 4)
            scale = int.from_bytes(data[scale_at : scale_at + 4], "big")
            return int.from_bytes(data[scale_at + 4 : scale_at + 4 + size], "big") / scale if scale else None
    return None


def bare_film(data: bytes) -> bytes:
    """The same film, byte for byte where it says nothing about itself. Music only loses its place."""
    out = bytearray(data)
    is_sound = data[8:12] in _SOUNDS
    for box in boxes(data, _HOLDERS | {b"udta"} if is_sound else _HOLDERS):
        if box.kind in (_PLACES if is_sound else _NOTES):
            out[box.start + 4 : box.start + 8] = b"free"
            out[box.body : box.end] = bytes(box.end - box.body)
    return bytes(out)
