"""Which pictures of a mail are no photos: logos below a signature, and our own photos that an answer quotes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

SMALL_SIDE = 150  # pixels
SMALL_SIZE = 15_000  # bytes
OFTEN = 3  # mails of one author
NEAR = 4  # bits of 64


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture of a mail."""

    content_id: str  # without angle brackets, "" where it has none
    width: int  # pixels
    height: int
    size: int  # bytes, decoded
    fingerprint: int  # 64 bits that are alike for pictures that look alike (picture_redraw.fingerprint)


def is_decoration(picture: Seen, *, cut_ids: Collection[str], mails: int, ours: Collection[int]) -> bool:
    """Any one of the signs of spec/people.md §1.1 will do.

    cut_ids: Content-IDs shown in the quotes and signature that were cut. mails: in how many mails of this author the
    same bytes came. ours: fingerprints of the photos that we sent in what she answers.
    """
    return (
        picture.content_id in cut_ids
        or max(picture.width, picture.height) <= SMALL_SIDE
        or picture.size <= SMALL_SIZE
        or mails >= OFTEN
        or any((picture.fingerprint ^ other).bit_count() <= NEAR for other in ours)
    )
