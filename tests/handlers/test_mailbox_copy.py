"""The copy as it leaves through one mailbox: its From, where answers go, and that nothing of ours signs it."""

from __future__ import annotations

from typing import Any

import pytest

from handlers import render
from handlers.message import parse
from handlers.one_mailbox import OneMailbox
from storage.models import Posting, Replies
from tests.copying import AT, PRIVATE, facts_of, read, with_crlf

PLUS = OneMailbox("box@provider.example", plus=True)
PLAIN = OneMailbox("box@provider.example", plus=False)
RAW = with_crlf(b"""\
From: Anna Lindqvist <anna@home.example>
To: box@provider.example
Subject: Lunch
Message-ID: <1@home.example>
Date: Sun, 22 Nov 2026 08:00:00 +0100

On Saturday Bob <bob@work.example> wrote:
> Lunch?

Yes.
""")


def copy(mailbox: OneMailbox, *, language: str = "en", url: str = "", **changes: Any) -> bytes:
    facts = facts_of(RAW, mailbox=mailbox, aliases={"bob@work.example": mailbox.reaching("family")}, **changes)
    rendition = render.rendition(parse(RAW), facts, language)
    header = render.copy(
        rendition, private_reference=PRIVATE, unsubscribe=mailbox.link("family-abcd2345ef"), unsubscribe_url=url,
        signer=None, signed_at=AT,
    )  # fmt: skip
    return header + rendition.body


def test_its_header_with_a_plus() -> None:
    got = read(copy(PLUS))
    assert got["From"] == '"Anna Lindqvist (Family)" <box@provider.example>'
    assert got["To"].endswith("<box+family@provider.example>")
    assert got["Reply-To"] == got["To"]
    assert got["List-Unsubscribe"] == "<mailto:box%2Bfamily-abcd2345ef@provider.example>"
    assert got["List-Post"] == "<mailto:box%2Bfamily@provider.example>"
    assert got["List-Help"] == "<mailto:box%2Bfamily-help@provider.example>"
    assert got["List-Owner"] == "<mailto:box%2Bfamily-owner@provider.example>"
    assert got["List-Id"].endswith("<family.oak.example>")
    assert got["Message-ID"] == "<1@home.example>"
    assert got["References"].split()[0] == PRIVATE


def test_its_header_without() -> None:
    got = read(copy(PLAIN))
    assert got["From"] == '"Anna Lindqvist (Family)" <box@provider.example>'
    assert got["Reply-To"].endswith("<box@provider.example>")
    assert got["List-Unsubscribe"] == "<mailto:box@provider.example?subject=family-abcd2345ef>"
    assert got["List-Help"] == "<mailto:box@provider.example?subject=family-help>"


@pytest.mark.parametrize("mailbox", [PLUS, PLAIN])
def test_only_the_provider_signs(mailbox: OneMailbox) -> None:
    got = read(copy(mailbox, url="https://oak.example/u/token"))
    assert "DKIM-Signature" not in got
    assert "List-Unsubscribe-Post" not in got
    assert got["List-Unsubscribe"].split()[0] == "<https://oak.example/u/token>,"


@pytest.mark.parametrize("mailbox", [PLUS, PLAIN])
@pytest.mark.parametrize("language", ["en", "de", "sv", "fr", "es"])
def test_no_address_of_a_domain_that_nobody_can_write_to(mailbox: OneMailbox, language: str) -> None:
    raw = copy(mailbox, language=language)
    assert b"@oak.example" not in raw.replace(PRIVATE.encode(), b"")
    assert b"@home.example" not in raw.replace(b"<1@home.example>", b"")
    assert b"bob@" not in raw


@pytest.mark.parametrize("changes", [{"list_posting": Posting.ANNOUNCE}, {"replies": Replies.AUTHOR}])
def test_where_only_the_author_would_answer_the_owners_do(changes: dict[str, Any]) -> None:
    raw = copy(PLUS, **changes)
    assert read(raw)["Reply-To"].endswith("<box+family-owner@provider.example>")
    assert b"Only the people who run" in raw.replace(b"=\r\n", b"")


def test_the_line_at_the_end_says_how_to_stop() -> None:
    assert b"To stop, write to box+family-leave@provider.example." in copy(PLUS)
    assert b"To stop, write to box@provider.example (subject: family-leave)." in copy(PLAIN)
