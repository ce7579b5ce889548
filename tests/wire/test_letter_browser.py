"""The letter as Chromium shows it: nothing too wide, nothing too small, nothing too pale, nothing from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.letter_form import letter_html
from handlers.letter_page import NAME_MARK
from tests.handlers.letter_sample import sample_page
from tests.wire.browser import Browser, browser

WIDTHS = (1200, 390, 320)
# the smallest font, the lowest contrast of a text with what is behind it, and the lowest button
LOOK = """(() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => {
    const [r, g, b] = numbers(colour).map(part => part / 255)
      .map(part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const found = getComputedStyle(at).backgroundColor;
      if ((numbers(found)[3] ?? 1) > 0.99) return found;
    }
    return 'rgb(255, 255, 255)';
  };
  let font = 99, contrast = 99, worst = '';
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.getClientRects().length || element.closest('.hidden')) continue;
    const style = getComputedStyle(element);
    font = Math.min(font, parseFloat(style.fontSize));
    const [a, b] = [light(style.color), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < contrast) { contrast = ratio; worst = walker.currentNode.data.trim(); }
  }
  const buttons = [...document.querySelectorAll('a.button')].map(each => each.getBoundingClientRect().height);
  return {font, contrast, worst, button: Math.min(...buttons), wide: document.documentElement.scrollWidth};
})()"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


def seen(language: str, folder: Path) -> str:
    page = sample_page(language)
    html = letter_html(page).replace(NAME_MARK, "Rose")
    for shown in page.pictures:
        data = base64.b64encode(shown.picture.data).decode()
        html = html.replace(f"cid:{shown.cid}", f"data:{shown.picture.content_type};base64,{data}")
    file = folder / f"{language}.html"
    file.write_text(html, encoding="utf-8")
    return file.as_uri()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("language", ["en", "de", "he", "ar"])
def test_it_is_large_and_clear_and_fits(chromium: Browser, tmp_path: Path, language: str, dark: bool) -> None:
    address = seen(language, tmp_path)
    for width in WIDTHS:
        chromium.screen(width=width, height=900, dark=dark)
        chromium.open(address)
        look = chromium.value(LOOK)
        assert look["wide"] <= width, width
        assert look["font"] >= 18
        assert look["contrast"] >= 7, look
        assert look["button"] >= 56


def test_the_dark_one_is_dark(chromium: Browser, tmp_path: Path) -> None:
    chromium.screen(width=390, dark=True)
    chromium.open(seen("en", tmp_path))
    assert chromium.value("getComputedStyle(document.body).backgroundColor") == "rgb(22, 20, 15)"


def test_each_post_runs_its_own_way(chromium: Browser, tmp_path: Path) -> None:
    script = "[...document.querySelectorAll('div[dir=auto]')].map(each => getComputedStyle(each).direction)"
    for language in ("en", "he"):
        chromium.screen(width=390)
        chromium.open(seen(language, tmp_path))
        ways = chromium.value(script)
        assert "rtl" in ways
        assert "ltr" in ways
    assert chromium.value("getComputedStyle(document.body).direction") == "rtl"


def test_nothing_is_loaded_and_no_link_leaves_the_mail(chromium: Browser, tmp_path: Path) -> None:
    chromium.screen(width=390)
    chromium.open(seen("en", tmp_path))
    links = chromium.value("[...document.querySelectorAll('a')].map(each => each.getAttribute('href'))")
    assert links
    assert all(link.startswith(("mailto:", "#")) for link in links)
    assert (
        chromium.value("performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length") == 0
    )
    assert chromium.value("document.querySelectorAll('script, link, iframe, object, form').length") == 0


def test_who_cannot_see_it_is_told(chromium: Browser, tmp_path: Path) -> None:
    """What a screen reader needs: names for pictures and links, one first heading, tables that are none."""
    chromium.screen(width=390)
    chromium.open(seen("he", tmp_path))
    assert chromium.value("document.documentElement.lang") == "he"
    assert chromium.value("document.title.length") > 5
    assert chromium.value("document.querySelectorAll('h1').length") == 1
    assert chromium.value("document.querySelectorAll('table:not([role=presentation])').length") == 0
    assert chromium.value("[...document.querySelectorAll('img')].every(each => each.alt.length > 5)")
    assert chromium.value("[...document.querySelectorAll('a')].every(each => each.innerText.trim().length > 1)")
    ids = "[...document.querySelectorAll('[id]')].map(each => each.id)"
    assert len(chromium.value(ids)) == len(set(chromium.value(ids)))
