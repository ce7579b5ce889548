"""Prefixes of answers and forwards."""

from __future__ import annotations

import pytest

from handlers.thread import base_subject, is_forward_subject, is_reply_subject


@pytest.mark.parametrize(
    "subject",
    [
        "Lake photos",
        "Re: Lake photos",
        "RE: re: Lake  photos",
        "Re[2]: Lake photos",
        "RE(3): Lake photos",
        "AW: Fwd: Lake photos",
        "回复：Lake photos",
        "Réf : Lake photos",
        "ΣΧΕΤ: Lake photos",
        "İlt: Lake photos",
        "תשובה: Lake photos",
        "R: Lake photos",
        "Lake photos (fwd)",
    ],
)
def test_subjects_are_the_same_without_prefixes(subject: str) -> None:
    assert base_subject(subject) == "lake photos"


def test_one_letter_is_a_prefix_only_in_an_answer() -> None:
    assert base_subject("R: the language", is_answer=False) == "r: the language"
    assert base_subject("I: Lake") == "lake"


@pytest.mark.parametrize("subject", ["Event: picnic", "Resting: why", "Hello", "", ": x", "note to self: Re: x"])
def test_what_is_no_prefix(subject: str) -> None:
    assert not is_reply_subject(subject)
    assert not is_forward_subject(subject)
    assert base_subject(subject) == " ".join(subject.lower().split())


def test_replies_and_forwards() -> None:
    assert is_reply_subject("SV: Lake")
    assert not is_reply_subject("Fwd: Re: Lake")
    assert is_forward_subject("WG: Lake")
    assert not is_forward_subject("Re: Fwd: Lake")
    assert not is_forward_subject("I: Lake")
    assert is_forward_subject("I: Lake", is_answer=True)
