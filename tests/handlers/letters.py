"""Incoming mail and facts for tests of the deciders."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from handlers.address import Mailbox, NoSingleAuthor, author_of
from handlers.facts import Facts, Host, TokenFacts
from handlers.incoming import Authentication, Envelope, Incoming, Verdict
from handlers.message import parse
from handlers.route import Kind, Route
from handlers.token import Secret
from storage.models import (
    ActionToken,
    DeliveryMode,
    MailingList,
    Member,
    Membership,
    Posting,
    Role,
    Status,
    TokenAction,
)

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
HOST = Host("oak.example", "Oak Street", "olu@example.org", "en", "UTC", (Secret("k1", b"0" * 32),))
FAMILY = MailingList(id=1, name="family", title="The family", created_at=NOW)
ANNA = Member(id=7, name="Anna Lindqvist", alias="anna.lindqvist", created_at=NOW)
ANNAS_KEY = "anna@home.example"


def membership(status: Status = Status.ACTIVE, role: Role = Role.MEMBER) -> Membership:
    return Membership(
        id=9, list_id=1, member_id=7, role=role, delivery=DeliveryMode.EACH, status=status, created_at=NOW
    )


def letter(
    text: str = "Hello everyone.\r\n",
    *,
    route: Kind = Kind.LIST,
    address: str = "family@oak.example",
    sender: str = "anna@home.example",
    verdict: Verdict = Verdict.ALIGNED,
    signed_by_us: bool = False,
    top: str = "",
    **fields: str | None,
) -> Incoming:
    """Anna writes; `fields` replace or add header fields (_ for -, None takes one away), `top` stands above them."""
    header: dict[str, str | None] = {
        "From": "Anna Lindqvist <anna@home.example>",
        "To": address,
        "Subject": "Lunch on Sunday",
        "Message-ID": "<1@home.example>",
        "Date": "Sun, 22 Nov 2026 08:00:00 +0100",
    }
    for name, value in fields.items():
        spelt = name.replace("_", "-")
        header[next((known for known in header if known.lower() == spelt.lower()), spelt)] = value
    lines = "".join(f"{name}: {value}\r\n" for name, value in header.items() if value is not None)
    return Incoming(
        Envelope(sender, (address,)),
        parse(f"{top}{lines}\r\n{text}".encode()),
        Authentication(verdict, signed_by_us=signed_by_us),
        Route(route, address, list_name="family"),
    )


def facts(incoming: Incoming, posting: Posting = Posting.MEMBERS, **changes: Any) -> Facts:
    """Anna is an active member of family, and wrote what came in; `changes` say otherwise."""
    author: Mailbox | None
    try:
        author = author_of(incoming.message)
    except NoSingleAuthor:
        author = None
    mailing_list = MailingList(id=1, name="family", title="The family", posting=posting, created_at=NOW)
    known = Facts(HOST, author=author, mailing_list=mailing_list, member=ANNA, membership=membership())
    return replace(known, **changes)


def stranger(incoming: Incoming, posting: Posting = Posting.MEMBERS, **changes: Any) -> Facts:
    return facts(incoming, posting, member=None, membership=None, **changes)


def token(action: TokenAction, status: Status, **changes: Any) -> TokenFacts:
    stored = ActionToken(
        token="k7m2q9xwab", action=action, list_id=1, member_id=7, membership_id=9, created_at=NOW, **changes
    )
    return TokenFacts(stored, ANNA, membership(status), frozenset({ANNAS_KEY}))
