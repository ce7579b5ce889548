"""`organic-mail notice`: what people would read, without a community."""

from __future__ import annotations

from pathlib import Path

import pytest

from handlers.catalogue import languages
from handlers.notice import NoticeKind
from tests.wire.command_line import Operator, empty_home, om

__all__ = ["empty_home", "om"]


def test_all_are_listed_with_their_languages(om: Operator) -> None:
    found = om("notice", "ls", "--json").json
    assert {each["name"] for each in found} == {kind.value for kind in NoticeKind}
    assert all({"en", "de", "es", "fr", "sv"} <= set(each["languages"]) <= set(languages()) for each in found)


def test_the_list_can_be_read_in_another_language(om: Operator) -> None:
    assert "Anna bjuder in dig till" in om("notice", "ls", "--language", "sv").out


def test_a_preview_is_the_mail_as_it_would_be_sent(om: Operator) -> None:
    shown = om("notice", "preview", "invitation", "--language", "de")
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert lines[1] == "To: Rose <rose@example.org>"
    assert lines[3].startswith("Subject: Anna lädt dich zu ")
    assert "ja" in lines
    assert "Hallo Rose," in lines


def test_every_shape_can_be_seen(om: Operator) -> None:
    one, every = om("notice", "preview", "too-big").out, om("notice", "preview", "too_big", "--all").out
    assert one.count("Subject:") == 1
    assert every.count("Subject:") == 4
    assert every.startswith(one)


def test_it_can_be_seen_in_a_browser(om: Operator, tmp_path: Path) -> None:
    file = tmp_path / "notice.html"
    assert om("notice", "preview", "goodbye", "--language", "fr", "--html", str(file)).code == 0
    assert '<html lang="fr" dir="ltr">' in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (("goodby",), 'there is no notice "goodby"; did you mean goodbye? there are: '),
        (("xyz",), 'there is no notice "xyz"; there are: invitation, welcome, '),
        (("goodbye", "--language", "tlh"), 'there are no words in "tlh"; there are: en, ar, de, '),
    ],
)
def test_what_is_not_there_names_what_is(om: Operator, words: tuple[str, ...], cure: str) -> None:
    asked = om("notice", "preview", *words)
    assert asked.error.startswith(cure)
