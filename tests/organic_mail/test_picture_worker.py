"""What becomes of real pictures: upright, not too large, without notes; the same bytes where nothing is to be done."""

from __future__ import annotations

import contextlib
import io
import random
import zlib
from typing import Any

import pytest
from PIL import Image, TiffImagePlugin

from handlers.picture import UnreadablePicture
from organic_mail import picture_worker
from organic_mail.picture_worker import TooMuch
from tests import pictures
from tests.pictures import saved, scene, stored


@pytest.fixture(autouse=True)
def _doors_stay_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the worker is this very process."""
    monkeypatch.setattr(picture_worker, "_close_doors", lambda: None)


def clean(data: bytes, content_type: str = "", **limits: Any) -> bytes:
    return picture_worker.clean_picture(
        data, content_type, **({"longest": 2048, "quality": 82, "small": False} | limits)
    )


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def points(data: bytes) -> tuple[str, tuple[int, int], bytes]:
    image = opened(data)
    return image.mode, image.size, image.tobytes()


def chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    size = width * height * len(mode)
    return Image.frombytes(mode, (width, height), random.Random(7).randbytes(size))


def bomb_png(width: int = 12_000, height: int = 12_000) -> bytes:
    """A hundred kilobytes that unfold to 144 megabytes."""
    row = bytes(1 + width)
    squeeze = zlib.compressobj(9)
    body = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\0\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


class TestWayUp:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("made", [pictures.phone_jpeg, pictures.phone_heic, pictures.telling_png])
    def test_all_eight_ways(self, made: Any, orientation: int) -> None:
        after = clean(made(orientation))
        assert pictures.is_upright(after)
        assert opened(after).size == (600, 400)
        assert not pictures.telling(after)
        assert not opened(after).getexif()

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_heic_whose_only_sign_is_in_exif(self, orientation: int) -> None:
        data = saved(stored(orientation), "HEIF", exif=pictures.exif(orientation))
        assert b"irot" not in data
        assert pictures.is_upright(clean(data))

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("kind", ["WEBP", "TIFF", "AVIF"])
    def test_other_kinds(self, kind: str, orientation: int) -> None:
        after = clean(saved(stored(orientation), kind, exif=pictures.exif(orientation)))
        assert pictures.is_upright(after)
        assert opened(after).size == (600, 400)
        assert not pictures.telling(after)

    def test_what_xmp_alone_says_turns_nothing(self) -> None:
        """Browsers do not look there, so the picture was shown as it is stored."""
        xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
        after = clean(saved(scene(2400, 1600), "JPEG", xmp=xmp))
        assert pictures.is_upright(after)
        assert opened(after).size == (2048, 1365)


class TestBytes:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
    def test_what_needs_nothing_keeps_every_byte(self, kind: str) -> None:
        data = saved(scene(), kind, icc_profile=pictures.SRGB)
        assert clean(data) == data

    @pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}])
    def test_a_jpeg_of_any_form_keeps_every_byte(self, options: dict[str, Any]) -> None:
        data = saved(noise(300, 200), "JPEG", **options)
        assert clean(data) == data

    def test_notes_go_without_decoding(self) -> None:
        data = pictures.phone_jpeg(1)
        after = clean(data)
        assert not pictures.telling(after)
        assert points(after) == points(data)
        assert opened(after).info["icc_profile"] == pictures.SRGB
        scan = data[data.index(b"\xff\xda") :]
        assert after.endswith(scan)
        assert clean(after) == after

    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
    def test_a_png_of_any_form_keeps_its_points(self, mode: str) -> None:
        data = pictures.telling_png(mode=mode)
        after = clean(data)
        assert not pictures.telling(after)
        assert points(after) == points(data)

    def test_a_png_of_16_bits(self) -> None:
        data = saved(Image.new("I;16", (60, 40), 40_000), "PNG", exif=pictures.exif(1))
        assert points(clean(data)) == points(data)
        turned = opened(clean(saved(Image.new("I;16", (60, 40), 40_000), "PNG", exif=pictures.exif(6))))
        assert (turned.size, turned.getpixel((3, 3))) == ((40, 60), 40_000)

    def test_a_webp_says_that_it_has_no_notes(self) -> None:
        data = saved(scene(), "WEBP", exif=pictures.exif(1), xmp=pictures.XMP, icc_profile=pictures.SRGB)
        after = clean(data)
        assert not pictures.telling(after)
        assert points(after) == points(data)
        assert (data[20], after[20]) == (0x2C, 0x20)
        assert int.from_bytes(after[4:8], "little") == len(after) - 8

    def test_a_picture_that_moves(self) -> None:
        frames = [scene(80, 60), noise(80, 60), scene(80, 60).rotate(90)]
        data = saved(
            frames[0], "GIF", save_all=True, append_images=frames[1:], loop=0, duration=90, comment=b"SERIAL-4711"
        )
        after = clean(data)
        assert not pictures.telling(after)
        moving = Image.open(io.BytesIO(after))
        assert (getattr(moving, "n_frames", 1), moving.info["loop"], moving.info["duration"]) == (3, 0, 90)
        for number in range(3):
            before = Image.open(io.BytesIO(data))
            before.seek(number)
            moving.seek(number)
            assert moving.convert("RGB").tobytes() == before.convert("RGB").tobytes()

    @pytest.mark.parametrize("kind", ["WEBP", "PNG"])
    def test_other_pictures_that_move(self, kind: str) -> None:
        frames = [scene(80, 60), noise(80, 60)]
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:], exif=pictures.exif(6), duration=90)
        after = clean(data)
        assert not pictures.telling(after)
        assert getattr(Image.open(io.BytesIO(after)), "n_frames", 1) == 2

    @pytest.mark.parametrize("made", [pictures.phone_jpeg, pictures.telling_png])
    def test_what_hides_behind_the_end_goes(self, made: Any) -> None:
        hidden = b"PK\x03\x04 another file SERIAL-4711" + pictures.phone_jpeg()
        assert clean(made() + hidden) == clean(made())

    def test_a_page_that_hides_in_a_comment_goes(self) -> None:
        data = saved(scene(), "JPEG", comment=b"<script>alert(1)</script>")
        assert b"script" in data
        assert b"script" not in clean(data)

    def test_the_little_picture_inside_goes(self) -> None:
        """A thumbnail may show what was cut off."""
        plain = saved(scene(), "JPEG")
        thumb = b"\xff\xe0" + (16 + 12).to_bytes(2, "big") + b"JFIF\0\1\1\0\0\1\0\1\2\2" + b"SERIAL-4711!"
        data = plain[:2] + thumb + plain[20:]
        assert clean(data) == plain[:2] + b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + plain[20:]

    def test_a_second_picture_behind_the_first_goes(self) -> None:
        several = saved(scene(), "MPO", save_all=True, append_images=[scene()], exif=pictures.exif(1))
        after = clean(several)
        assert opened(after).format == "JPEG"
        assert after.count(b"\xff\xd8\xff") == 1
        assert not pictures.telling(after)


class TestSize:
    @pytest.mark.parametrize("orientation", [1, 6])
    def test_a_photo_is_made_to_fit(self, orientation: int) -> None:
        after = clean(pictures.phone_jpeg(orientation, (3000, 2000)))
        assert opened(after).size == (2048, 1365)
        assert pictures.is_upright(after)
        assert opened(after).info["icc_profile"] == pictures.SRGB

    def test_fifty_megapixels(self) -> None:
        assert opened(clean(saved(Image.new("RGB", (8660, 5774), "green"), "JPEG"))).size == (2048, 1365)

    def test_a_drawing_keeps_its_size_until_it_must_not(self) -> None:
        data = saved(scene(2400, 1600), "PNG")
        assert clean(data) == data
        smaller = clean(data, longest=1600, small=True)
        assert opened(smaller).format == "JPEG"
        assert opened(smaller).size == (1600, 1067)

    def test_what_can_be_seen_through_stays_so(self) -> None:
        smaller = opened(clean(saved(scene(2400, 1600, "RGBA"), "PNG"), longest=1600, small=True))
        assert (smaller.format, smaller.mode, smaller.size) == ("PNG", "RGBA", (1600, 1067))


class TestColours:
    def test_print_colours_stay_where_nothing_is_to_be_done(self) -> None:
        data = saved(scene(mode="CMYK"), "JPEG")
        assert clean(data) == data

    @pytest.mark.parametrize("size", [(600, 400), (2400, 1600)])
    def test_print_colours_become_those_of_screens(self, size: tuple[int, int]) -> None:
        data = saved(stored(6, size, "CMYK"), "JPEG", exif=pictures.exif(6), icc_profile=b"no profile at all")
        after = clean(data)
        assert opened(after).mode == "RGB"
        assert "icc_profile" not in opened(after).info
        assert pictures.is_upright(after)

    def test_grey_stays_grey(self) -> None:
        assert opened(clean(saved(stored(6, mode="L"), "JPEG", exif=pictures.exif(6)))).mode == "L"

    def test_a_profile_about_other_colours_goes(self) -> None:
        data = saved(stored(6, mode="L"), "JPEG", exif=pictures.exif(6), icc_profile=pictures.SRGB)
        assert "icc_profile" not in opened(clean(data)).info

    def test_a_profile_with_something_behind_it_goes(self) -> None:
        profile = pictures.SRGB + b"SERIAL-4711"
        after = clean(saved(stored(6), "JPEG", exif=pictures.exif(6), icc_profile=profile))
        assert not pictures.telling(after)
        assert pictures.is_upright(after)

    def test_heic_that_can_be_seen_through_is_on_white(self) -> None:
        data = saved(Image.new("RGBA", (64, 64), (0, 0, 0, 0)), "HEIF", quality=100)
        after = opened(clean(data))
        assert after.format == "JPEG"
        assert min(after.convert("L").tobytes()) > 240

    def test_a_scan_of_16_bits(self) -> None:
        image = opened(clean(saved(Image.new("I;16", (60, 40), 257 * 100), "TIFF")))
        assert (image.format, image.mode, image.getpixel((5, 5))) == ("JPEG", "L", 100)


class TestScans:
    def test_one_page_in_black_and_white(self) -> None:
        after = opened(clean(saved(scene(3000, 2000, "1"), "TIFF", compression="group4", software="SERIAL-4711")))
        assert (after.format, after.mode, after.size) == ("PNG", "1", (3000, 2000))

    def test_several_pages(self) -> None:
        pages = [scene(300, 200, "1"), scene(300, 200), scene(100, 50, "L")]
        notes = TiffImagePlugin.ImageFileDirectory_v2()
        notes[305] = "SERIAL-4711"
        data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:], tiffinfo=notes)
        assert pictures.telling(data)
        after = clean(data)
        assert not pictures.telling(after)
        scan = Image.open(io.BytesIO(after))
        assert getattr(scan, "n_frames", 1) == 3
        for number, page in enumerate(pages):
            scan.seek(number)
            assert (scan.mode, scan.size, scan.tobytes()) == (page.mode, page.size, page.tobytes())


class TestFingerprint:
    def test_the_same_picture_in_another_form(self) -> None:
        shapes = scene(600, 400)
        shapes.paste((240, 220, 40), (300, 200, 500, 390))
        shapes.paste((10, 120, 30), (40, 250, 200, 380))
        small = shapes.resize((300, 200))
        turned = saved(shapes.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=pictures.exif(6))
        alike = [
            picture_worker._looks(each, "")
            for each in (
                saved(shapes, "PNG"),
                saved(shapes, "JPEG", quality=60),
                saved(small, "WEBP"),
                saved(shapes, "HEIF"),
                turned,
            )
        ]
        assert [each[:2] for each in alike] == [(600, 400), (600, 400), (300, 200), (600, 400), (400, 600)]
        first = alike[0][-1]
        assert all((first ^ other).bit_count() <= 4 for *_, other in alike)
        mirrored = picture_worker._looks(saved(shapes.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "PNG"), "")
        assert (first ^ mirrored[-1]).bit_count() > 8

    def test_a_drawing_has_few_colours_and_a_photo_many(self) -> None:
        drawn = scene(600, 400)
        down = Image.linear_gradient("L")
        photo = Image.merge("RGB", [down, down.transpose(Image.Transpose.ROTATE_90), Image.radial_gradient("L")])
        for kind in ("PNG", "JPEG", "GIF"):
            _, _, colours, _ = picture_worker._looks(saved(drawn, kind), "")
            assert colours <= 3
        assert picture_worker._looks(saved(photo, "JPEG"), "")[2] > 100

    @pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xe0", b"\xff\x0a"])
    def test_nothing_to_look_at(self, data: bytes) -> None:
        with pytest.raises(UnreadablePicture):
            picture_worker._looks(data, "")


class TestHarm:
    @pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
    def test_half_a_photo_loses_its_notes_too(self, share: float) -> None:
        whole = saved(noise(600, 400), "JPEG", exif=pictures.exif(6))
        after = clean(whole[: int(len(whole) * share)])
        assert not pictures.telling(after)
        assert opened(after).size == (400, 600)

    @pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
    def test_half_of_other_pictures(self, kind: str, share: float) -> None:
        whole = saved(noise(200, 100), kind, **({} if kind == "GIF" else {"exif": pictures.exif(1)}))
        assert not pictures.telling(clean(whole[: int(len(whole) * share)]))

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    def test_half_a_heic_cannot_be_shown(self, share: float) -> None:
        whole = saved(noise(600, 400), "HEIF")
        with pytest.raises(UnreadablePicture):
            clean(whole[: int(len(whole) * share)])

    def test_a_photo_whose_points_are_garbage_loses_its_notes(self) -> None:
        whole = pictures.phone_jpeg(6)
        scan = whole.index(b"\xff\xda")
        after = clean(whole[: scan + 14] + b"\x12" * 3000)
        assert not pictures.telling(after.replace(b"Exif", b"", 1) if b"Exif" in after else after)

    @pytest.mark.parametrize("data", [b"\xff\xd8\xff", b"\xff\xd8\xff\xe1\0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0",
                                      b"RIFF\0\0\0\0WEBP", b"\0\0\0\x18ftypheic", b"\xff\x0a JXL"])  # fmt: skip
    def test_next_to_nothing(self, data: bytes) -> None:
        """It tells nothing, or it cannot be shown; nothing else happens."""
        with contextlib.suppress(UnreadablePicture):
            assert not pictures.telling(clean(data))

    def test_bombs(self) -> None:
        with pytest.raises(TooMuch):
            clean(bomb_png())

    @pytest.mark.parametrize("kind", ["JPEG", "GIF", "WEBP"])
    def test_a_header_that_lies_about_its_size(self, kind: str) -> None:
        data = bytearray(saved(scene(), kind))
        if kind == "JPEG":
            at = data.index(b"\xff\xc0") + 5
            data[at : at + 4] = b"\xff\xdc\xff\xdc"
        elif kind == "GIF":
            data[6:10] = b"\xff\xff\xff\xff"
        else:
            data[26:30] = b"\xff\x3f\xff\x3f"
        with pytest.raises(TooMuch):
            clean(bytes(data))

    def test_damaged_in_every_way(self) -> None:
        """Whatever is wrong with it, its notes do not go out."""
        luck = random.Random(11)
        whole = [
            pictures.phone_jpeg(6, (90, 60)),
            pictures.phone_heic(1, (90, 60)),
            pictures.telling_png(3, size=(90, 60)),
        ]
        for number in range(240):
            data = bytearray(whole[number % 3])
            for _ in range(luck.randrange(1, 12)):
                data[luck.randrange(16, len(data))] = luck.randrange(256)
            try:
                after = clean(bytes(data))
            except (UnreadablePicture, TooMuch):
                continue
            assert not {b"GPS", b"xmpmeta", b"SERIAL-4711", b"SECRETCAM"} & set(pictures.telling(after))
