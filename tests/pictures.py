"""Pictures as phones make them, for tests: each is 3:2, blue, with a red corner where its upper left is seen."""

from __future__ import annotations

import io
from email.message import EmailMessage
from typing import Any

import pillow_heif
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

pillow_heif.register_heif_opener()

PLACE = (59.0, 19.0, 48.0)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><exif:GPSLatitude>59,19.8N</exif:GPSLatitude></x:xmpmeta>'
TELLING = (b"Exif", b"GPS", b"SECRETCAM", b"xmpmeta", b"SERIAL-4711", b"8BIM")
"""None of it may stand in a copy."""

_STORED = {  # how a camera that was held otherwise stores what is seen upright: the inverse of how EXIF turns it
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def scene(width: int = 600, height: int = 400, mode: str = "RGB") -> Image.Image:
    """What is seen."""
    seen = Image.new("RGB", (width, height), (20, 60, 200))
    seen.paste((230, 30, 30), (0, 0, width // 4, height // 4))
    return seen.convert(mode)


def is_upright(data: bytes) -> bool:
    """Is red in the upper left and nowhere else, for a program that looks at no EXIF?"""
    with Image.open(io.BytesIO(data)) as image:
        seen = image.convert("RGB")
    right, bottom = seen.width - 1 - seen.width // 10, seen.height - 1 - seen.height // 10
    corners = [seen.getpixel(place) for place in ((seen.width // 10, seen.height // 10), (right, 0), (0, bottom))]
    reds = [isinstance(colour, tuple) and colour[0] > 150 for colour in (*corners, seen.getpixel((right, bottom)))]
    return reds == [True, False, False, False]


def exif(orientation: int = 1) -> Image.Exif:
    """Of a phone that tells where it is, and which one it is."""
    notes = Image.Exif()
    notes[ExifTags.Base.Orientation] = orientation
    notes[ExifTags.Base.Make] = "SECRETCAM"
    notes[ExifTags.Base.Model] = "SERIAL-4711"
    place = notes.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitudeRef], place[ExifTags.GPS.GPSLatitude] = "N", PLACE
    place[ExifTags.GPS.GPSLongitudeRef], place[ExifTags.GPS.GPSLongitude] = "E", (18.0, 3.0, 0.0)
    return notes


def stored(orientation: int = 1, size: tuple[int, int] = (600, 400), mode: str = "RGB") -> Image.Image:
    """The points as a camera stores them that says `orientation`."""
    seen = scene(*size, mode)
    return seen.transpose(_STORED[orientation]) if orientation in _STORED else seen


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def phone_jpeg(orientation: int = 1, size: tuple[int, int] = (600, 400), **options: Any) -> bytes:
    """With EXIF, a place, XMP, a comment and a profile of colours."""
    notes = {"exif": exif(orientation), "icc_profile": SRGB, "comment": b"SERIAL-4711", "xmp": XMP}
    return saved(stored(orientation, size), "JPEG", **(notes | options))


def phone_heic(orientation: int = 1, size: tuple[int, int] = (600, 400)) -> bytes:
    """Turned by a box of its own, as phones do it."""
    return saved(stored(orientation, size), "HEIF", exif=exif(orientation).tobytes(), xmp=XMP, icc_profile=SRGB)


def telling_png(orientation: int = 1, mode: str = "RGB", size: tuple[int, int] = (600, 400)) -> bytes:
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", "SERIAL-4711")
    words.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return saved(stored(orientation, size, mode), "PNG", exif=exif(orientation), pnginfo=words, icc_profile=SRGB)


def telling(data: bytes) -> list[bytes]:
    """Which of the marks of hidden notes stand in it."""
    return [mark for mark in TELLING if mark in data]


def film(seconds: float, size: int = 1000) -> bytes:
    """A film in the boxes of QuickTime that tells its place."""

    def box(kind: bytes, body: bytes) -> bytes:
        return (len(body) + 8).to_bytes(4, "big") + kind + body

    header = box(b"mvhd", bytes(12) + (600).to_bytes(4, "big") + round(600 * seconds).to_bytes(4, "big") + bytes(80))
    place = box(b"udta", box(b"\xa9xyz", b"\0\x12\x15\xc7+59.3300+018.0600/"))
    track = box(b"trak", box(b"tkhd", bytes(84)) + box(b"udta", box(b"name", b"SERIAL-4711")))
    movie = box(b"moov", header + track + place + box(b"meta", b"com.apple.quicktime.location.ISO6709"))
    return box(b"ftyp", b"qt  \0\0\0\0qt  ") + movie + box(b"mdat", b"\x55" * size)


def post_with(*files: tuple[bytes, str, str], text: str = "Look!\n", subject: str = "Back from the lake") -> bytes:
    """Anna's post. files: content, media type, name."""
    message = EmailMessage()
    message["From"] = "Anna Lindqvist <anna@home.example>"
    message["To"] = "family@oak.example"
    message["Subject"] = subject
    message["Date"] = "Sun, 22 Nov 2026 08:00:00 +0100"
    message["Message-ID"] = "<lake@home.example>"
    message.set_content(text)
    for content, media_type, name in files:
        main, _, sub = media_type.partition("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=name, disposition="inline")
    if files:
        message.set_boundary("=_between")
    return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
