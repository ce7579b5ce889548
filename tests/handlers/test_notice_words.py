"""How notices read, in every language that has them whole (spec/people.md §3.6, §3.7)."""

from __future__ import annotations

import html
import re
from email.message import EmailMessage
from functools import cache
from itertools import pairwise

import pytest

from handlers.catalogue import languages
from handlers.notice import NoticeKind
from handlers.notice_preview import previews as made
from handlers.notice_preview import text_in
from handlers.phrase_table import folded, phrases
from tests.words import catalogue, lacking, renewed, sentences

WHOLE = ("en", "de", "es", "fr", "sv")
BANNED = ("error", "invalid", "subscription", "administrator", "click", "unfortunately")
MOST_WORDS, LONGEST_SENTENCE, HIGHEST_GRADE = 80, 20, 6.0
ISOLATES = "\N{FIRST STRONG ISOLATE}\N{POP DIRECTIONAL ISOLATE}"
_SENTENCE_END = re.compile(r"[.?!:]\s|\n\n")


@cache
def previews(kind: NoticeKind, language: str) -> tuple[EmailMessage, ...]:
    return made(kind, language)


def words_in(text: str) -> list[str]:
    return [word for word in text.split() if any(letter.isalnum() for letter in word)]


def own_words(kind: NoticeKind, language: str) -> list[str]:
    """The text of every shape, without what somebody else wrote."""
    texts = [text_in(mail, "plain") for mail in previews(kind, language)]
    return [re.split(r"\n\n(?=We sell three garden chairs)", text)[0] for text in texts]


def syllables(word: str) -> int:
    """About as many as an English reader says; an address or a number is not read aloud."""
    if not word.strip(".,:;?!\"'()").isalpha():
        return 1
    spoken = re.sub(r"[^a-z]", "", word.lower())
    found = len(re.findall(r"[aeiouy]+", spoken)) - (spoken.endswith("e") and not spoken.endswith("le"))
    return max(1, found)


def grade(text: str) -> float:
    """Flesch and Kincaid's: the years at school that a reader needs."""
    words, ends = words_in(text), [each for each in _SENTENCE_END.split(text) if each.strip()]
    return 0.39 * len(words) / len(ends) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


@pytest.mark.parametrize("language", WHOLE)
@pytest.mark.parametrize("kind", NoticeKind)
def test_every_notice_is_short(kind: NoticeKind, language: str) -> None:
    for text in own_words(kind, language):
        assert len(words_in(text)) <= MOST_WORDS, text
        for sentence in _SENTENCE_END.split(text):
            assert len(words_in(sentence)) <= LONGEST_SENTENCE, sentence


@pytest.mark.parametrize("kind", NoticeKind)
def test_english_is_plain_and_kind(kind: NoticeKind) -> None:
    for mail, text in zip(previews(kind, "en"), own_words(kind, "en"), strict=True):
        said = f"{mail['Subject']}\n\n{text}"
        assert not [word for word in BANNED if word in said.lower()]
        assert "!" not in text
        assert grade(text) <= HIGHEST_GRADE, text


@pytest.mark.parametrize("language", [each for each in WHOLE if each != "en"])
def test_nothing_lacks_words(language: str) -> None:
    """After a change of English: `python -m tests.words`, then fill in what it names."""
    known = catalogue(language)
    assert not lacking(renewed(known))
    assert len(known) == len(sentences())


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("kind", NoticeKind)
def test_a_notice_is_whole_in_one_language(kind: NoticeKind, language: str) -> None:
    for mail in previews(kind, language):
        spoken = mail["Content-Language"]
        assert spoken in ((language,) if language in WHOLE else (language, "en"))
        assert f'<html lang="{spoken}" dir=' in text_in(mail, "html")


@pytest.mark.parametrize("kind", NoticeKind)
def test_what_is_asked_for_stands_on_its_own_line(kind: NoticeKind) -> None:
    """Where somebody is told to write, the word follows alone; in HTML it is large."""
    for mail in previews(kind, "en"):
        page = text_in(mail, "html")
        paragraphs = text_in(mail, "plain").rstrip("\n").split("\n\n")
        for told, wanted in pairwise(paragraphs):
            if told.endswith(("write:", "with:", "word:")) and not wanted.startswith("organic-mail "):
                assert ("answer", (wanted,)) in sentences(), told
                assert " " in wanted or f'<p class="word">{wanted}</p>' in page


@pytest.mark.parametrize("language", WHOLE)
def test_every_wanted_word_is_understood(language: str) -> None:
    """What a notice tells her to write means the same to who reads the answer."""
    known = catalogue(language)
    wanted = [ids[0] for context, ids in sentences() if context == "answer"]
    assert len(wanted) > 10
    for english in wanted:
        word = english if language == "en" else known.get(english, "answer").string
        assert phrases().meanings[folded(word)][1] == english.replace(" ", "_"), word


@pytest.mark.parametrize("kind", NoticeKind)
def test_a_name_of_another_script_is_kept_apart(kind: NoticeKind) -> None:
    """It may not turn the words around it (Unicode UAX 9)."""
    for mail in made(kind, "en", reader="רוזה"):
        text, page = text_in(mail, "plain"), text_in(mail, "html").partition("<body>")[2]
        for found in re.finditer("רוזה", text):
            assert text[found.start() - 1] + text[found.end()] == ISOLATES
        assert "רוזה" not in page.replace("<bdi>רוזה</bdi>", "")
        assert not any(letter in page for letter in ISOLATES)


@pytest.mark.parametrize("language", WHOLE)
@pytest.mark.parametrize("kind", NoticeKind)
def test_both_parts_say_the_same(kind: NoticeKind, language: str) -> None:
    for mail in previews(kind, language):
        page = re.sub("</?bdi>", "", text_in(mail, "html"))
        shown = [html.unescape(each) for each in re.findall(r"<p[^>]*>(.*?)</p>", page, re.DOTALL)]
        assert shown == text_in(mail, "plain").rstrip("\n").split("\n\n")
        assert "http" not in page
