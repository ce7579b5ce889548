"""How addresses of ours are written where only one exists, and read when they come back."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.one_mailbox import OneMailbox, answered_local, letter_id, subject_local

WITH = OneMailbox("box@provider.example", plus=True)
WITHOUT = OneMailbox("box@provider.example", plus=False)
LOCALS = st.from_regex(r"[a-z][a-z0-9.-]{0,39}", fullmatch=True)
RANDOM = bytes(range(16))


def test_with_a_plus_each_has_an_address_of_its_own() -> None:
    assert WITH.reaching("family-leave") == "box+family-leave@provider.example"
    assert WITH.link("family-leave") == "box%2Bfamily-leave@provider.example"
    assert WITH.shown("family-leave", "en") == "box+family-leave@provider.example"


def test_without_it_the_subject_tells() -> None:
    assert WITHOUT.reaching("family-leave") == "box@provider.example"
    assert WITHOUT.link("family-leave") == "box@provider.example?subject=family-leave"
    assert WITHOUT.shown("family-leave", "en") == "box@provider.example (subject: family-leave)"
    assert WITHOUT.shown("family-leave", "sv-FI") == "box@provider.example (ämne: family-leave)"
    assert WITHOUT.shown("family-leave", "zz") == "box@provider.example (subject: family-leave)"


@given(LOCALS)
def test_what_is_written_is_read_again(local: str) -> None:
    assert WITH.local_of(WITH.reaching(local)) == local
    assert WITH.local_of(unquote(WITH.link(local))) == local
    subject = unquote(WITHOUT.link(local).partition("?subject=")[2])
    assert subject_local(subject) == local
    assert answered_local(letter_id(RANDOM, local, "oak.example"), "oak.example") == local


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("box@provider.example", ""),
        ("BOX@Provider.EXAMPLE", ""),
        ("Box+Family-K7M2Q9XW@provider.example", "family-k7m2q9xw"),
        ("box+@provider.example", None),
        ("box+a b@provider.example", None),
        ("box+a+b@provider.example", None),
        ("boxer@provider.example", None),
        ("boxer+family@provider.example", None),
        ("box+family@other.example", None),
        ("family@oak.example", None),
        ("box", None),
        ("", None),
    ],
)
def test_whose_an_address_is(address: str, local: str | None) -> None:
    assert WITH.local_of(address) == WITHOUT.local_of(address) == local


@pytest.mark.parametrize(
    "subject", ["", "Lunch on Sunday", "Re: family-leave", "family leave", "family-leave!", "<family>", "x" * 65]
)
def test_a_subject_that_people_write_is_no_address(subject: str) -> None:
    assert subject_local(subject) == ""


def test_a_subject_is_read_whatever_its_case() -> None:
    assert subject_local("  Family-Leave ") == "family-leave"


@pytest.mark.parametrize(
    "message_id",
    ["<n.abcdef@oak.example>", "<n.abcdef.family@elm.example>", "<m.abc.family@oak.example>", "<1@home.example>",
     "<n.abcdef.fam>ily@oak.example>", "n.abcdef.family@oak.example", ""],
)  # fmt: skip
def test_other_message_ids_name_nobody(message_id: str) -> None:
    assert answered_local(message_id, "oak.example") == ""


@given(st.text(max_size=80))
def test_any_text_is_borne(text: str) -> None:
    WITH.local_of(text)
    WITH.local_of(f"{text}@provider.example")
    subject_local(text)
    answered_local(text, "oak.example")
