"""Whose mail program speaks which language, by the line above what it quotes."""

from __future__ import annotations

import pytest

from handlers.client_language import client_language
from handlers.message import parse

QUOTE = "\r\n> To join, press Reply\r\n"
APPLE = "Am 22.11.2026 um 08:14 schrieb The family <family@oak.example>:"


def language(text: str, *, content_type: str = "text/plain; charset=utf-8") -> str | None:
    head = f"From: greta@home.example\r\nMIME-Version: 1.0\r\nContent-Type: {content_type}\r\n\r\n"
    return client_language(parse(head.encode() + text.encode()))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (APPLE, "de"),
        ("Am So., 22. Nov. 2026 um 08:14 Uhr schrieb The Lindqvist–Okafor family <\r\nfamily@oak.example>:", "de"),
        ("Le dim. 22 nov. 2026 à 08:14, The family <family@oak.example> a\r\nécrit :", "fr"),
        ("El dom, 22 nov 2026 a las 8:14, The family (<family@oak.example>) escribió:", "es"),
        ("Den sön 22 nov. 2026 kl 08:14 skrev The family <family@oak.example>:", "sv"),
        ("Den søn. 22. nov. 2026 kl. 08.14 skrev The family <family@oak.example>:", None),  # Danish
        ("On Sun, Nov 22, 2026 at 8:14 AM The family <family@oak.example> wrote:", None),
        ("W dniu 22.11.2026 o 08:14 The family <family@oak.example> pisze:", None),
        ("Anna schrieb mir gestern davon:", None),
    ],
)
def test_the_line_above_a_quote_tells(line: str, expected: str | None) -> None:
    assert language(f"ja\r\n\r\n{line}{QUOTE}") == expected


def test_where_nothing_is_quoted_nothing_is_told() -> None:
    assert language("ja\r\n") is None
    assert language("") is None


def test_only_the_beginning_of_a_plain_text_is_read() -> None:
    assert language(f"ja\r\n{'.' * 40}\r\n" * 100 + APPLE + QUOTE) is None
    assert language("x" * 70_000 + f"\r\n{APPLE}{QUOTE}") is None
    assert language(f"<p>{APPLE}</p>", content_type="text/html; charset=utf-8") is None
