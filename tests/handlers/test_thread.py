"""Reply prefixes, and the ids by which posts are joined."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from handlers.message import parse
from handlers.thread import base_subject, is_forward_subject, is_reply_subject, parents_of

DATA = Path(__file__).parents[2].parent / "shared" / "data"


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


def test_parents_are_named_the_nearest_last() -> None:
    both = parse(b"Message-ID: <c@x>\r\nReferences: <a@x> <b@x> <c@x>\r\nIn-Reply-To: <z@x>\r\n\r\n")
    assert parents_of(both) == ("<a@x>", "<b@x>")
    assert parents_of(parse(b"In-Reply-To: <b@x> <z@x>\r\n\r\n")) == ("<b@x>",)
    assert parents_of(parse(b"Subject: Re: x\r\n\r\n")) == ()


def test_public_threads() -> None:
    """In the public cases the parent is the last known id, whatever the subjects say."""
    seen = 0
    for name, case in json.loads((DATA / "threads-imaptest" / "cases.json").read_text()).items():
        messages = {number: parse(raw.encode()) for number, raw in enumerate(case["messages"], start=1)}
        ids = {number: message.message_id for number, message in messages.items()}
        if len(set(ids.values())) < len(ids):
            continue  # one id twice: storage tells them apart
        for child, parent in case["parent_of"].items():
            known = [given for given in parents_of(messages[int(child)]) if given in ids.values()]
            if parent is not None:
                assert known, name
                assert known[-1] == ids[parent], name
                seen += 1
    assert seen >= 4
