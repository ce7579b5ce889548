"""The page as a phone shows it: a real Chromium looks, and presses the button."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.models import Status
from tests.wire.browser import Browser, browser
from tests.wire.community import community
from tests.wire.test_web import Site, served


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture
def site(sqlite_template: Path, tmp_path: Path) -> Iterator[Site]:
    with community(sqlite_template, tmp_path) as people, served(people) as opened:
        yield opened


def url(site: Site) -> str:
    return f"http://127.0.0.1:{site.port}{site.path()}"


def test_looking_changes_nothing_and_pressing_stops_the_mail(site: Site, chromium: Browser) -> None:
    chromium.screen()
    chromium.open(url(site))
    assert chromium.value("document.querySelector('h1').innerText") == "Stop the emails from The family?"
    assert site.status() is Status.ACTIVE
    chromium.press("button")
    assert "no more emails" in chromium.value("document.querySelector('h1').innerText")
    assert chromium.value("location.href") == url(site)
    assert site.status() is Status.LEFT


def test_it_is_large_and_fits_a_small_phone(site: Site, chromium: Browser) -> None:
    """320 px without a sideways scroll, 20 px text, a button of 56 px (spec: people §2.4): so the style was applied."""
    chromium.screen(width=320, height=640)
    chromium.open(url(site))
    assert chromium.value("document.documentElement.scrollWidth") <= 320
    assert chromium.value("document.querySelector('button').getBoundingClientRect().height") >= 56
    assert chromium.value("getComputedStyle(document.querySelector('p')).fontSize") == "20px"
    assert chromium.value("getComputedStyle(document.querySelector('h1')).fontSize") == "30px"


@pytest.mark.parametrize(("dark", "colour"), [(False, "rgb(31, 27, 22)"), (True, "rgb(245, 239, 226)")])
def test_it_is_light_or_dark_as_the_phone_is(site: Site, chromium: Browser, dark: bool, colour: str) -> None:
    chromium.screen(dark=dark)
    chromium.open(url(site))
    assert chromium.value("getComputedStyle(document.querySelector('p')).color") == colour


def test_nothing_is_loaded_run_or_kept(site: Site, chromium: Browser) -> None:
    chromium.screen()
    chromium.open(url(site))
    assert chromium.value("performance.getEntriesByType('resource').filter(e => !e.name.endsWith('.ico')).length") == 0
    assert chromium.value("document.cookie") == ""
    assert chromium.value("document.scripts.length") == 0
