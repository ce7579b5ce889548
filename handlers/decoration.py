"""Which pictures of a mail are no photos: logos below a signature, and our own photos that an answer sends back.

To show a logo is a small fault, to leave out a photo is a large one: what is doubtful is a photo.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

SMALL_SIDE = 150  # pixels
SMALL_SIZE = 15_000  # bytes
SMALL_PHOTO = 300  # pixels: what is no larger, and of few bytes, comes from no camera
FEW_COLOURS = 16
OFTEN = 3  # mails of one author
CAMERA = 10**6  # pixels: of more, what is attached is a photo, however often it comes
NEAR = 4  # bits of 64
SENT_SIDE = 2048  # pixels: the photos in our copies are no larger, so what is larger is new


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture of a mail. width and height are 0 when nobody could open it."""

    width: int  # pixels
    height: int
    size: int  # bytes, decoded
    colours: int  # how many make up nearly all of it, coarsely told apart
    fingerprint: int  # 64 bits that are alike for pictures that look alike (picture_redraw.looks)
    attached: bool  # its sender says that it has no place in the text

    @property
    def longest(self) -> int:
        return max(self.width, self.height)


def is_decoration(picture: Seen, *, cut: bool, mails: int, ours: Collection[int]) -> bool:
    """Any one of the signs of spec/people.md §1.1 will do.

    cut: it stands in the quotes or the signature that were cut. mails: in how many mails of this author the same bytes
    came. ours: fingerprints of the photos that others had sent in the conversation.
    """
    if cut:
        return True
    if not picture.longest:
        return not picture.attached and picture.size <= SMALL_SIZE
    return (
        picture.longest <= SMALL_SIDE
        or _is_light(picture, mails)
        or (mails >= OFTEN and (not picture.attached or picture.width * picture.height < CAMERA))
        or _is_sent_back(picture, ours)
    )


def _is_light(picture: Seen, mails: int) -> bool:
    """Of few bytes, and not because a program has made a photo small. What somebody attached once is meant."""
    if picture.size > SMALL_SIZE:
        return False
    if picture.attached:
        return picture.colours <= FEW_COLOURS and mails > 1
    return picture.colours <= FEW_COLOURS or picture.longest <= SMALL_PHOTO


def _is_sent_back(picture: Seen, ours: Collection[int]) -> bool:
    """A picture without any shapes, say of the night, looks like every other one."""
    if picture.longest > SENT_SIDE or not NEAR < picture.fingerprint.bit_count() < 64 - NEAR:
        return False
    return any((picture.fingerprint ^ other).bit_count() <= NEAR for other in ours)
