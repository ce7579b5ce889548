"""Notices as Chromium shows them: nothing too wide, too small or too pale, and each language in its own direction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.notice import NoticeKind
from handlers.notice_preview import previews, text_in
from tests.wire.browser import Browser, browser
from tests.wire.test_letter_browser import LOOK, WIDTHS

SHOWN = [
    (NoticeKind.INVITATION, "en"),
    (NoticeKind.ASKED, "de"),
    (NoticeKind.TOO_BIG, "fr"),
    (NoticeKind.DID_YOU_WRITE, "he"),
    (NoticeKind.INVITATION, "ar"),
]
LONG = "Namewithoutanyblank" * 8


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


def seen(kind: NoticeKind, language: str, folder: Path) -> str:
    """The last shape, with names that are longer than any screen."""
    page = text_in(previews(kind, language, reader=LONG)[-1], "html").replace("Garden sale", LONG)
    file = folder / f"{kind}.{language}.html"
    file.write_text(page, encoding="utf-8")
    return file.as_uri()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("kind", "language"), SHOWN)
def test_it_is_large_and_clear_and_fits(
    chromium: Browser, tmp_path: Path, kind: NoticeKind, language: str, dark: bool
) -> None:
    address = seen(kind, language, tmp_path)
    for width in WIDTHS:
        chromium.screen(width=width, height=900, dark=dark)
        chromium.open(address)
        look = chromium.value(LOOK)
        assert look["wide"] <= width, width
        assert look["font"] >= 20
        assert look["contrast"] >= 7, look


@pytest.mark.parametrize(("kind", "language"), SHOWN)
def test_it_runs_its_own_way(chromium: Browser, tmp_path: Path, kind: NoticeKind, language: str) -> None:
    chromium.screen(width=390)
    chromium.open(seen(kind, language, tmp_path))
    ways = chromium.value("[...document.querySelectorAll('p')].map(each => getComputedStyle(each).direction)")
    assert set(ways) == {"rtl" if language in ("he", "ar") else "ltr"}
    assert chromium.value("document.documentElement.lang") == language


def test_a_wanted_word_stands_out(chromium: Browser, tmp_path: Path) -> None:
    size = "parseFloat(getComputedStyle(document.querySelector('{}')).fontSize)"
    for kind, language in ((NoticeKind.INVITATION, "ar"), (NoticeKind.DID_YOU_WRITE, "he")):
        chromium.screen(width=390)
        chromium.open(seen(kind, language, tmp_path))
        assert chromium.value(size.format("p.word")) > chromium.value(size.format("p:not(.word)"))
