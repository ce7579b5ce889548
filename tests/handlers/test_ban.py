"""Which addresses a pattern means, and which an operator can have meant."""

from __future__ import annotations

import pytest

from handlers.address import AddressProblem
from handlers.ban import ban_pattern, is_banned


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("sven@elm.example", "sven@elm.example"),
        ("*@elm.example", "sven@elm.example"),
        ("*@*.elm.example", "sven@mail.elm.example"),
        ("sven*@elm.example", "sven@elm.example"),
        ("sven*@elm.example", "sven+news@elm.example"),
        ("*spam*@*", "the.spammer@elm.example"),
        ("a*b*b@elm.example", "abb@elm.example"),
        ("s[v]en@elm.example", "s[v]en@elm.example"),
    ],
)
def test_a_pattern_fits(pattern: str, key: str) -> None:
    assert is_banned(key, ["other@elm.example", pattern])


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("sven@elm.example", "sven@elm.example.org"),
        ("sven@elm.example", "xsven@elm.example"),
        ("*@elm.example", "sven@mail.elm.example"),
        ("*@*.elm.example", "sven@elm.example"),
        ("*spam*@*", "spa.m@elm.example"),
        ("ab*ba@elm.example", "aba@elm.example"),
        ("a*b*b@elm.example", "ab@elm.example"),
        ("s?en@elm.example", "sven@elm.example"),
        ("s[v]en@*", "sven@elm.example"),
    ],
)
def test_a_pattern_does_not_fit(pattern: str, key: str) -> None:
    assert not is_banned(key, [pattern])


def test_a_hostile_pattern_takes_no_time() -> None:
    assert not is_banned("a" * 254, ["*a" * 120 + "*b"])


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Sven@ELM.example", "sven@elm.example"),
        ("Sven <sven@elm.example>", "sven@elm.example"),
        (" *@Elm.example ", "*@elm.example"),
        ("*@bücher.example", "*@xn--bcher-kva.example"),
        ("*@*.elm.example", "*@*.elm.example"),
        ("sven@*", "sven@*"),
    ],
)
def test_it_is_kept_as_addresses_are_compared(typed: str, kept: str) -> None:
    assert ban_pattern(typed) == kept


@pytest.mark.parametrize(
    ("typed", "cure"),
    [
        ("elm.example", r"\*@elm\.example"),
        ("@elm.example", r"\*@elm\.example"),
        ("sven@", r"sven@elm\.example"),
        ("", r"\*@elm\.example"),
        ("*@*", "emergency=yes"),
        ("**@*.*", "emergency=yes"),
        ("sv en*@elm.example", "without blanks"),
        ("sven*@elm.example\x1b", "without blanks"),
        ("*" * 255 + "a@b.example", "254 characters"),
        ("sven@@elm.example", "address"),
    ],
)
def test_what_is_no_pattern(typed: str, cure: str) -> None:
    with pytest.raises(AddressProblem, match=cure):
        ban_pattern(typed)
