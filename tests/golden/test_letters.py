"""One letter in seven languages, as it is read aloud; and its HTML from left to right and from right to left.

When the words have changed for a reason, write them anew with: python -m tests.golden.test_letters
"""

from __future__ import annotations

from pathlib import Path

import pytest

from handlers.catalogue import languages
from handlers.letter_form import letter_html, letter_text
from handlers.letter_page import NAME_MARK
from tests.handlers.letter_sample import sample_page

FOLDER = Path(__file__).parent


def told(language: str) -> str:
    page = sample_page(language)
    return f"{page.subject}\n\n{letter_text(page)}".replace(NAME_MARK, "Rose")


def shown(language: str) -> str:
    return letter_html(sample_page(language)).replace(NAME_MARK, "Rose")


@pytest.mark.parametrize("language", languages())
def test_a_letter_is_told_in_its_language(language: str) -> None:
    assert told(language) == (FOLDER / f"letter.{language}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", ["en", "he"])
def test_a_letter_is_shown_in_its_language(language: str) -> None:
    assert shown(language) == (FOLDER / f"letter.{language}.html").read_text(encoding="utf-8")


def write() -> None:
    for language in languages():
        (FOLDER / f"letter.{language}.txt").write_text(told(language), encoding="utf-8")
    for language in ("en", "he"):
        (FOLDER / f"letter.{language}.html").write_text(shown(language), encoding="utf-8")


if __name__ == "__main__":
    write()
