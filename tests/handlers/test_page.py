"""The pages of the web part: short and kind words, whatever a list is called."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape

import pytest

from handlers.catalogue import languages
from handlers.page import content_security_policy, leave_page, left_page, masked, trouble_page, unknown_page
from storage.models import MailingList
from tests.handlers.letters import FAMILY, HOST

BANNED = ("error", "invalid", "subscription", "administrator", "click", "unfortunately", "!")
STRANGE = MailingList(
    id=2, name="x", title='</title><script>alert("1")</script>\r\nSet-Cookie: a=b', created_at=FAMILY.created_at
)


def pages(mailing_list: MailingList = FAMILY, language: str = "en") -> list[str]:
    return [
        leave_page(mailing_list, address="rose@home.example", language=language),
        left_page(HOST, mailing_list, address="rose@home.example", language=language),
        unknown_page(replace(HOST, language=language)),
        trouble_page(replace(HOST, language=language)),
    ]


def words(page: str) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", page.partition("<body>")[2]))


@pytest.mark.parametrize("language", [*languages(), "sv-FI", "xx", "../en"])
def test_the_words_are_few_and_kind(language: str) -> None:
    for page in pages(language=language):
        text = words(page)
        assert len(text.split()) <= 80
        assert not [word for word in BANNED if word in text.lower()]
        assert all(len(sentence.split()) <= 20 for sentence in re.split(r"[.?]\s|\s{3,}", text))


@pytest.mark.parametrize(("language", "direction"), [("de", "ltr"), ("he", "rtl"), ("ar", "rtl")])
def test_each_language_runs_its_own_way(language: str, direction: str) -> None:
    for page in pages(language=language)[:2]:
        assert f'<html lang="{language}" dir="{direction}">' in page


def test_only_the_page_that_asks_has_a_button() -> None:
    assert ["<button" in page for page in pages()] == [True, False, False, False]


def test_a_title_is_only_ever_text() -> None:
    for page in pages(STRANGE):
        assert "<script" not in page
        assert page.count("<title>") == page.count("</title>") == 1


def test_the_policy_allows_exactly_this_style() -> None:
    style = re.search(r"<style>(.*?)</style>", pages()[0], re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in content_security_policy()


def test_a_list_that_was_removed_has_no_owner_to_write_to() -> None:
    removed = MailingList(**{**FAMILY.model_dump(), "removed_at": datetime(2026, 11, 23, tzinfo=UTC)})
    shown = [left_page(HOST, each, address="rose@home.example", language="en") for each in (FAMILY, removed)]
    assert ["family-owner@oak.example" in page for page in shown] == [True, False]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rose@home.example", "r***@home.example"),
        ("r@home.example", "r***@home.example"),
        ("ö@home.example", "ö***@home.example"),
    ],
)
def test_an_address_is_masked(address: str, shown: str) -> None:
    assert masked(address) == shown
