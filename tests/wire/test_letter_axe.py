"""The letter as axe-core judges it, which knows the rules of WCAG by which people read who see or move badly."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from handlers.catalogue import languages
from tests.wire.browser import Browser, browser
from tests.wire.test_letter_browser import WIDTHS, seen

RULES = ["wcag2a", "wcag2aa", "wcag2aaa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# what it finds wrong, what it is not sure of, and how many rules it could apply
JUDGE = f"""axe.run(document, {{
  runOnly: {{type: 'tag', values: {RULES}}},
  rules: {{'color-contrast-enhanced': {{enabled: true}}}},
}}).then(found => ({{
  wrong: [...found.violations, ...found.incomplete]
    .map(rule => [rule.id, rule.help, rule.nodes.map(node => node.html)]),
  right: found.passes.length,
}}))"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


def judged(chromium: Browser, address: str) -> dict[str, object]:
    chromium.open(address)
    chromium.value(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8") + ";0")
    answer = chromium.ask("Runtime.evaluate", expression=JUDGE, awaitPromise=True, returnByValue=True)
    found: dict[str, object] = answer["result"]["value"]
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("language", languages())
def test_axe_finds_nothing_wrong(chromium: Browser, tmp_path: Path, language: str, dark: bool) -> None:
    address = seen(language, tmp_path)
    for width in WIDTHS:
        chromium.screen(width=width, height=900, dark=dark)
        found = judged(chromium, address)
        assert found["wrong"] == [], width
        assert found["right"] > 25  # type: ignore[operator]


def test_axe_does_find_what_is_wrong(chromium: Browser, tmp_path: Path) -> None:
    """Else the test above could say nothing."""
    page = Path(seen("en", tmp_path).removeprefix("file://"))
    page.write_text(page.read_text("utf-8").replace(' alt="', ' data-alt="').replace("#1f1b16", "#666666"), "utf-8")
    chromium.screen(width=390)
    wrong = judged(chromium, page.as_uri())["wrong"]
    assert {rule[0] for rule in wrong} >= {"color-contrast-enhanced", "image-alt"}  # type: ignore[attr-defined]
