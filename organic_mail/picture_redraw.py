"""Pictures decoded and written anew: upright, not too large, with nothing in them but what is seen.

Only for the worker (picture_worker), whose life is all that a picture can cost: this is where Pillow is imported.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from itertools import pairwise

import pillow_heif
from PIL import (
    AvifImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    ImageSequence,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from handlers.picture import MOST_PIXELS, MOST_PIXELS_JPEG, Look, PictureKind
from handlers.picture_heif import turns_itself

Picture = Image.Image

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PILLOWS = {
    PictureKind.JPEG: "JPEG",
    PictureKind.PNG: "PNG",
    PictureKind.GIF: "GIF",
    PictureKind.WEBP: "WEBP",
    PictureKind.TIFF: "TIFF",
    PictureKind.HEIF: "HEIF",
    PictureKind.AVIF: "AVIF",
}
_SPACES = {"L": b"GRAY", "RGB": b"RGB "}  # what a profile says of itself (ICC.1 §7.2.6)
_MOST_FRAMES = 500

LOADED = (
    AvifImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
"""Pillow loads them when they are needed first, and then no file can be opened any more."""

pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
Image.preinit()
warnings.simplefilter("error", Image.DecompressionBombWarning)


class TooManyPixels(ValueError):
    """Nobody made this with a camera."""


class Undecodable(ValueError):
    """Damaged, or something else than it seems."""


def redrawn(data: bytes, kind: PictureKind, look: Look | None, *, longest: int, quality: int, small: bool) -> bytes:
    """The picture anew, as JPEG; as PNG, WebP or TIFF where that is what it must stay.

    longest: pixels of its longer side at most; small: also where its kind is one that is usually left at its size.
    Raises TooManyPixels and Undecodable.
    """
    with _explained(), _opened(data, kind) as image:
        if kind is PictureKind.TIFF and getattr(image, "n_frames", 1) > 1:
            return _pages(image)
        if kind is PictureKind.TIFF:
            image.load()  # which turns it
        target = _target(image, kind, small=small)
        fits = longest if small or target == "JPEG" else max(image.size)
        profile, orientation = image.info.get("icc_profile"), _orientation(image, data, kind, look)
        image.thumbnail((fits, fits), Image.Resampling.LANCZOS)
        lossless = kind is PictureKind.WEBP and data[12:16] == b"VP8L"
        return _saved(_upright(image, orientation), target, profile, quality, lossless=lossless)


def looks(data: bytes, kind: PictureKind, look: Look | None) -> tuple[int, int, int, int]:
    """Width and height as it is stored, its colours, and 64 bits that are alike for pictures that look alike.

    Colours: how many of 4,096 nearly all of it has. Each of the bits says whether a point of the upright picture,
    made as small as 9 by 8, is brighter than its neighbour. Raises TooManyPixels and Undecodable.
    """
    with _explained(), _opened(data, kind) as image:
        width, height = image.size
        orientation = _orientation(image, data, kind, look)
        image.thumbnail((128, 128))
        upright = _upright(image, orientation)
        grey = upright.convert("L").resize((9, 8), Image.Resampling.BOX).tobytes()
        rows = [grey[at : at + 9] for at in range(0, 72, 9)]
        bits = [left > right for row in rows for left, right in pairwise(row)]
        return width, height, _colours(upright), sum(bit << place for place, bit in enumerate(bits))


def _colours(image: Picture) -> int:
    """How many colours, told apart in 16 steps of red, green and blue, make up all but a tenth of it."""
    coarse = image.convert("RGBA").convert("RGB").point(lambda value: value & 0xF0)
    counts = sorted((count for count, _ in coarse.getcolors(coarse.width * coarse.height) or ()), reverse=True)
    left, colours = image.width * image.height * 9 // 10, 0
    while left > 0 and colours < len(counts):
        left -= counts[colours]
        colours += 1
    return colours


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (Image.DecompressionBombWarning, Image.DecompressionBombError, OverflowError) as bomb:
        raise TooManyPixels from bomb
    except MemoryError:
        raise
    except Exception as fault:  # what decoders raise on strange bytes is not listed anywhere
        raise Undecodable from fault


def _opened(data: bytes, kind: PictureKind) -> Picture:
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS_JPEG if kind is PictureKind.JPEG else MOST_PIXELS
    # Half a photo is shown by every other program, too; what is left of half a HEIC is just grey.
    ImageFile.LOAD_TRUNCATED_IMAGES = kind is not PictureKind.HEIF
    return Image.open(io.BytesIO(data), formats=[_PILLOWS[kind]])


def _orientation(image: Picture, data: bytes, kind: PictureKind, look: Look | None) -> int:
    """As EXIF counts. Browsers turn a picture by its EXIF alone, which `look` knows."""
    if look is not None:
        return look.orientation
    if kind is PictureKind.HEIF:
        return 1 if turns_itself(data) else int(image.info.get("original_orientation") or 1)
    return 1 if kind is PictureKind.TIFF else int(image.getexif().get(ExifTags.Base.Orientation, 1))


def _upright(image: Picture, orientation: int) -> Picture:
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _target(image: Picture, kind: PictureKind, *, small: bool) -> str:
    """What it becomes, in Pillow's words."""
    if kind is PictureKind.WEBP:
        return "WEBP"
    see_through = "A" in image.mode or "transparency" in image.info
    if kind is PictureKind.PNG or kind is PictureKind.GIF:
        return "JPEG" if small and not see_through else "PNG"
    return "PNG" if kind is PictureKind.TIFF and (image.mode == "1" or see_through) else "JPEG"


def _saved(image: Picture, target: str, profile: bytes | None, quality: int, *, lossless: bool) -> bytes:
    out = io.BytesIO()
    if target == "PNG":
        transparency = image.info.get("transparency")
        kept = {} if transparency is None else {"transparency": transparency}
        _without_notes(image).save(out, "PNG", optimize=True, icc_profile=_fitting(image, profile), **kept)
        return out.getvalue()
    if target == "JPEG":
        image, profile = _for_jpeg(image, profile)
        profile = _fitting(image, profile)
        _without_notes(image).save(out, "JPEG", quality=quality, optimize=True, progressive=True, icc_profile=profile)
        return out.getvalue()
    profile = _fitting(image, profile)
    _without_notes(image).save(out, "WEBP", quality=quality, lossless=lossless, icc_profile=profile or b"")
    return out.getvalue()


def _without_notes(image: Picture) -> Picture:
    """Pillow writes some of what it has read into what it saves."""
    bare = image.copy()
    bare.info = {}
    return bare


def _for_jpeg(image: Picture, profile: bytes | None) -> tuple[Picture, bytes | None]:
    """In grey or RGB, on white where it can be seen through."""
    if image.mode in ("L", "RGB"):
        return image, profile
    if image.mode == "CMYK":
        return _from_print(image, profile), None
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image), profile
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        whole = image.convert("RGBA")
        white = Image.new("RGBA", whole.size, "white")
        return Image.alpha_composite(white, whole).convert("RGB"), profile
    return image.convert("L" if image.mode == "1" else "RGB"), profile


def _from_print(image: Picture, profile: bytes | None) -> Picture:
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError):
            pass
    return image.convert("RGB")


def _eight_bits(image: Picture) -> Picture:
    """16 bits for each point become 8; what is brighter than white is white."""
    return image.convert("F").point(lambda value: value * (1 / 257) + 0.0).convert("L")


def _fitting(image: Picture, profile: bytes | None) -> bytes | None:
    """A colour profile is about one kind of colours: kept where these are the picture's."""
    wanted = _SPACES.get(image.mode.removesuffix("A").replace("P", "RGB"))
    if not profile or profile[16:20] != wanted or int.from_bytes(profile[:4], "big") != len(profile):
        return None  # it is about other colours, or damaged
    return profile


def _pages(image: Picture) -> bytes:
    """A scan of several pages stays one, in the same size."""
    out = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(out, True) as writer:
        for page in _frames(image):
            packing = "group4" if page.mode == "1" else "tiff_lzw"
            _without_notes(page).save(writer, "TIFF", compression=packing)
            writer.newFrame()
    return out.getvalue()


def _frames(image: Picture) -> Iterator[Picture]:
    for number, page in enumerate(ImageSequence.Iterator(image)):
        if number >= _MOST_FRAMES:
            raise TooManyPixels
        yield page
