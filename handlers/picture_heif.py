"""Which way up a picture in HEIF is: its own boxes say so; only where they do not, EXIF does."""

from __future__ import annotations

from handlers.boxes import boxes


def turns_itself(data: bytes) -> bool:
    """Does a box say how it is turned, so that its decoder has done it? (ISO/IEC 23008-12 §6.5.10, §6.5.12)"""
    notes = b"".join(data[box.body : box.end] for box in boxes(data) if box.kind == b"meta")
    return b"irot" in notes or b"imir" in notes
