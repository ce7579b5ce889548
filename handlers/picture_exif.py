"""Of all that EXIF says of a picture only one number matters to its readers: which way is up."""

from __future__ import annotations

import struct

_ORIENTATION = 0x0112
_SHORT = 3
_MOST_ENTRIES = 1000


def orientation_of(tiff: bytes) -> int:
    """1 to 8, from the block of EXIF (which has the form of a TIFF file); 1 when it does not say."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        for number in range(min(count, _MOST_ENTRIES)):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, at + 2 + 12 * number)
            if tag == _ORIENTATION and kind == _SHORT:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def only_orientation(orientation: int) -> bytes:
    """EXIF that says nothing else."""
    return struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, _ORIENTATION, _SHORT, 1, orientation, 0, 0)
