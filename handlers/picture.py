"""Pictures known by their content, and what can be told of one without decoding it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

MOST_PIXELS = 80 * 10**6  # spec/mail.md §2.2: phones make pictures of 48 million
MOST_PIXELS_JPEG = 220 * 10**6  # a JPEG can be decoded small, so it may be larger
HEAD = 64
"""Bytes that suffice for `kind_of`."""
TELLTALE = (b"Exif\0\0", b"<x:xmpmeta", b"http://ns.adobe.com/")
"""How notes about a picture begin."""
_PROGRAM = re.compile(
    rb"(?:CREATOR: gd-jpeg|Created with (?:The )?GIMP|File written by Adobe Photoshop|AppleMark|LEAD Technologies)"
    rb"[\x20-\x7e]{0,80}\s*\0?"
)

_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1"}
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_BEGINNINGS = ((b"\xff\xd8\xff", "JPEG"), (b"\x89PNG\r\n\x1a\n", "PNG"), (b"GIF87a", "GIF"), (b"GIF89a", "GIF"))
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JXL = (b"\xff\x0a", b"\0\0\0\x0cJXL ")


class PictureKind(StrEnum):
    """The value is the media type."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    GIF = "image/gif"
    WEBP = "image/webp"
    TIFF = "image/tiff"
    HEIF = "image/heic"
    AVIF = "image/avif"
    OTHER = "image/x-other"  # may tell a place, and nobody here can decode it


class UnreadablePicture(ValueError):
    """It is not what its first bytes say."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the header of a picture says."""

    width: int  # pixels, as they are stored
    height: int
    orientation: int = 1  # how to turn it, as EXIF counts: 1 is upright
    animated: bool = False

    @property
    def longest(self) -> int:
        return max(self.width, self.height)

    @property
    def pixels(self) -> int:
        return self.width * self.height


def kind_of(head: bytes, content_type: str = "") -> PictureKind | None:
    """What kind of picture begins so, whatever its name says; None for everything else.

    content_type: what its sender calls it. A picture of a kind unknown here that has the marks of hidden notes is
    OTHER; to look for these, give all of it.
    """
    for beginning, name in _BEGINNINGS:
        if head.startswith(beginning):
            return PictureKind[name]
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return PictureKind.WEBP
    if head[4:8] == b"ftyp":
        return _kind_of_boxes(head)
    if head.startswith(_TIFF):
        return PictureKind.TIFF
    if head.startswith(_JXL) or (_is_other_picture(content_type) and any(mark in head for mark in TELLTALE)):
        return PictureKind.OTHER
    return None


def _is_other_picture(content_type: str) -> bool:
    return content_type.startswith("image/") and not content_type.startswith("image/svg")


def _kind_of_boxes(head: bytes) -> PictureKind | None:
    """By the brands of an ISO base media file: films have others."""
    end = min(int.from_bytes(head[:4], "big"), HEAD)
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
    if brands & _AVIF_BRANDS:
        return PictureKind.AVIF
    if brands & _HEIF_BRANDS:
        return PictureKind.HEIF
    return PictureKind.OTHER if head[8:12] == b"crx " else None


def names_a_program(note: bytes) -> bool:
    """Nothing but the program that wrote the picture: a note that may stay, so that the picture stays as it came."""
    return _PROGRAM.fullmatch(note) is not None
