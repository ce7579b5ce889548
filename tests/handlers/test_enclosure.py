"""What comes with a text: which parts they are, what of them fits, and what readers are told of the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.enclosure import FILES_BUDGET, Enclosure, beyond_budget, enclosures, live_films, needs_cleaning
from handlers.film import bare_film, is_film, seconds_of
from handlers.left_out import LeftOut, Why, left_out_lines, named, packed_left_out, shown_size, unpacked_left_out
from handlers.letter_words import words_of
from handlers.message import parse
from handlers.mime import parts
from handlers.picture import PictureKind, kind_of
from tests import pictures
from tests.pictures import post_with


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0", PictureKind.JPEG),
        (b"\x89PNG\r\n\x1a\n\0\0\0\r", PictureKind.PNG),
        (b"GIF89a", PictureKind.GIF),
        (b"RIFF\x24\0\0\0WEBPVP8 ", PictureKind.WEBP),
        (b"RIFF\x24\0\0\0WAVEfmt ", None),
        (b"MM\0*\0\0\0\x08", PictureKind.TIFF),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", PictureKind.HEIF),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", PictureKind.HEIF),
        (b"\0\0\0\x18ftypmif1\0\0\0\0avifmiaf", PictureKind.AVIF),
        (b"\0\0\0\x18ftypcrx \0\0\0\0crx isom", PictureKind.OTHER),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", None),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", None),
        (b"\xff\x0a\x01\x02", PictureKind.OTHER),
        (b"%PDF-1.7", None),
        (b"BM6\0\0\0", None),
        (b"", None),
    ],
)
def test_kinds(head: bytes, kind: PictureKind | None) -> None:
    assert kind_of(head) == kind


def test_which_parts() -> None:
    raw = post_with(
        (pictures.phone_jpeg(), "application/octet-stream", "a.bin"), (pictures.film(3), "video/mp4", "b.mp4"),
        (b"%PDF", "application/pdf", "c.pdf"), (b"\x78\x9f\x3e\x22", "application/x", "winmail.dat"),
    )  # fmt: skip
    message = parse(raw)
    found = enclosures(message, parts(message))
    assert [(each.index, each.kind, each.is_film, each.is_tnef) for each in found] == [
        (2, PictureKind.JPEG, False, False), (3, None, True, False), (4, None, False, False), (5, None, False, True),
    ]  # fmt: skip
    assert needs_cleaning(message)


@pytest.mark.parametrize(("size", "needed"), [(1000, False), (FILES_BUDGET, True)])
def test_documents_need_nothing_until_they_are_too_much(size: int, needed: bool) -> None:
    assert needs_cleaning(parse(post_with((b"%" * size, "application/pdf", "c.pdf")))) is needed


@given(st.dictionaries(st.integers(0, 200), st.integers(0, 30), max_size=20), st.integers(0, 100))
def test_the_budget(sizes: dict[int, int], budget: int) -> None:
    behind = beyond_budget(sizes, budget)
    kept = {index: size for index, size in sizes.items() if index not in behind}
    assert sum(kept.values()) <= budget
    assert not behind or sum(kept.values()) + min(sizes[index] for index in behind) > budget - max(
        kept.values(), default=0
    )
    assert all(sizes[index] >= size for index in behind for size in kept.values())


def test_a_living_photo() -> None:
    found = [
        Enclosure(1, "IMG_1.HEIC", "image/heic", 9, PictureKind.HEIF),
        Enclosure(2, "img_1.MOV", "video/quicktime", 9, is_film=True),
        Enclosure(3, "IMG_2.mov", "video/quicktime", 9, is_film=True),
        Enclosure(4, "", "image/jpeg", 9, PictureKind.JPEG),
        Enclosure(5, "", "video/quicktime", 9, is_film=True),
    ]  # fmt: skip
    assert [each.index for each in live_films(found, {2: 2.9, 3: 2.9, 5: 2.9})] == [2]
    assert live_films(found, {2: 4.1}) == []
    assert live_films(found, {2: None}) == []


class TestFilms:
    def test_how_long(self) -> None:
        assert seconds_of(pictures.film(2.5)) == 2.5
        assert seconds_of(b"\0\0\0\x08moov") is None

    def test_music_keeps_its_names_but_not_its_place(self) -> None:
        song = pictures.film(200).replace(b"ftypqt  ", b"ftypM4A ")
        after = bare_film(song)
        assert b"SERIAL-4711" in after
        assert b"+59.33" not in after

    @given(st.binary(max_size=400))
    def test_whatever_the_bytes(self, data: bytes) -> None:
        whole = b"\0\0\0\x10ftypqt  \0\0\0\0" + data
        assert is_film(whole)
        assert len(bare_film(whole)) == len(whole)
        seconds_of(whole)

    def test_boxes_in_boxes_without_end(self) -> None:
        deep = b"".join((8 * (9000 - level)).to_bytes(4, "big") + b"trak" for level in range(9000))
        assert bare_film(deep) == deep


class TestWords:
    FILES = (
        LeftOut("lake.mov", 17_200_000, Why.TOO_BIG), LeftOut("a.heic", 900, Why.UNREADABLE),
        LeftOut("b.mov", 12_000_000, Why.TOO_BIG), LeftOut("game.exe", 900, Why.PROGRAM),
        LeftOut("c\r\nBcc: x.mov", 11_000_000, Why.TOO_BIG), LeftOut("d.mov", 10_500_000, Why.TOO_BIG),
    )  # fmt: skip

    def test_they_come_back_as_they_were_written_down(self) -> None:
        assert unpacked_left_out(packed_left_out(self.FILES)) == self.FILES
        assert (packed_left_out(()), unpacked_left_out("")) == ("", ())

    @pytest.mark.parametrize("language", ["en", "de", "sv", "es", "xx"])
    def test_one_line_for_each_reason(self, language: str) -> None:
        too_big, unreadable, program = left_out_lines(self.FILES, author="Anna", language=language)
        assert "lake.mov (17 MB), b.mov (12 MB), c Bcc: x.mov (11 MB)" in too_big
        assert "a.heic (1 kB)" in unreadable
        assert "Anna" in too_big
        assert "Anna" in unreadable
        assert "game.exe (1 kB)" in program
        assert left_out_lines((), author="Anna", language=language) == []

    def test_sizes(self) -> None:
        assert [shown_size(size, words_of("en")) for size in (0, 1499, 999_400, 10**7, 17_499_999)] == [
            "1 kB", "1 kB", "999 kB", "10 MB", "17 MB",
        ]  # fmt: skip
        assert shown_size(10**7, words_of("fr")) == "10\N{NO-BREAK SPACE}Mo"

    def test_what_is_not_named_is_counted(self) -> None:
        assert named(self.FILES, words_of("en")).endswith(", b.mov (12 MB) and 3 more")
