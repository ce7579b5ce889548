"""Who wrote it, whom a field names, and which addresses are the same."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

import pytest

from handlers.address import (
    AddressProblem,
    Mailbox,
    NoSingleAuthor,
    address_key,
    author_of,
    entered_mailbox,
    parse_mailboxes,
    valid_mailbox,
)
from handlers.field_value import field_text, unfolded
from handlers.message import parse
from tests.growth import grows_linearly

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def author(value: str) -> Mailbox:
    return author_of(parse(f"From: {value}\r\n\r\n".encode()))


@pytest.mark.parametrize(
    ("value", "name", "address"),
    [
        ("anna@oak.example", "", "anna@oak.example"),
        ("<anna@oak.example>", "", "anna@oak.example"),
        ("Anna Berg <anna@oak.example>", "Anna Berg", "anna@oak.example"),
        ('"Berg, Anna" <anna@oak.example>', "Berg, Anna", "anna@oak.example"),
        ("J.R. Berg <anna@oak.example>", "J.R. Berg", "anna@oak.example"),
        ("=?utf-8?q?J=C3=B6rg=2C?= Berg\r\n <j@oak.example>", "Jörg, Berg", "j@oak.example"),
        ("Jörg <jörg@exämple.org>", "Jörg", "jörg@exämple.org"),
        ("anna@oak.example (Anna)", "Anna", "anna@oak.example"),
        ("Anna (mum) <anna(home)@(our)oak.example>", "Anna", "anna@oak.example"),
        ('"anna berg"@oak.example', "", '"anna berg"@oak.example'),
        ("anna@oak.example <Anna@oak.example>", "anna@oak.example", "Anna@oak.example"),
        ("=?utf-8?q?bob=40bank=2Eexample?= <anna@oak.example>", "bob@bank.example", "anna@oak.example"),
        ("anna@localhost", "", "anna@localhost"),
    ],
)
def test_the_one_author(value: str, name: str, address: str) -> None:
    assert author(value) == Mailbox(name, address)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Anna",
        "Anna <>",
        "Berg, Anna <anna@oak.example>",
        "anna@oak.example, bob@oak.example",
        "anna@oak.example,",
        "Family: anna@oak.example;",
        "undisclosed-recipients:;",
        "<anna@oak.example> <bob@evil.example>",
        "bob@bank.example <anna@evil.example>",
        "Anna <anna@oak.example> bob",
        "Anna <anna@oak.example",
        'Anna" <anna@oak.example>',
        "<@a.example:anna@oak.example>",
        "anna@oak.example@evil.example",
        "anna berg@oak.example",
        "anna@[192.0.2.1]",
        "anna@oak..example",
        ".anna@oak.example",
        "=?utf-8?q?anna=40oak=2Eexample?=",
        '"anna@oak.example <bob@evil.example>"',
        "(" * 3000 + "anna@oak.example",
        "(" * 50 + ")" * 50 + "anna@oak.example",
        "x" * 65 + "@oak.example",
        "anna@oak.example\u202e",
    ],
)
def test_no_single_author(value: str) -> None:
    with pytest.raises(NoSingleAuthor) as refused:
        author(value)
    assert refused.value.reason.startswith("The ")


def test_no_from_at_all() -> None:
    with pytest.raises(NoSingleAuthor, match="no From"):
        author_of(parse(b"To: a@b.c\r\n\r\n"))


def test_a_comment_with_an_address_is_no_name() -> None:
    assert author("anna@oak.example(<bob@bank.example>)") == Mailbox("", "anna@oak.example")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@b.c, Bob <d@e.f>", [Mailbox("", "a@b.c"), Mailbox("Bob", "d@e.f")]),
        ("Friends: a@b.c, d@e.f;, x@y.z", [Mailbox("", "a@b.c"), Mailbox("", "d@e.f"), Mailbox("", "x@y.z")]),
        ("=?utf-8?q?Berg=2C_Anna?= <a@b.c>", [Mailbox("Berg, Anna", "a@b.c")]),
        ("<@x.example,@y.example:a@b.c>", [Mailbox("", "a@b.c")]),
        ("a@b.c (Anna)", [Mailbox("Anna", "a@b.c")]),
        ("nobody, , ;", []),
        ("", []),
        ('"never closed <a@b.c>', []),
    ],
)
def test_address_lists(value: str, expected: list[Mailbox]) -> None:
    assert parse_mailboxes(value) == expected


def test_every_caller_has_a_list_of_her_own() -> None:
    parse_mailboxes("a@b.c").clear()
    assert parse_mailboxes("a@b.c") == [Mailbox("", "a@b.c")]


def test_address_cases() -> None:
    right = 0
    for case in json.loads((DATA / "headers-address" / "cases.json").read_text()).values():
        expected = case["expected"]
        listed = expected.get("List") or chain.from_iterable(group["addresses"] for group in expected["Group"])
        wanted = ["".join(box["address"].split()) for box in listed if box["address"] and "@" in box["address"]]
        right += [box.address for box in parse_mailboxes(field_text(unfolded(case["header"].encode())))] == wanted
    assert right >= 29


@pytest.mark.parametrize("piece", ["Anna <a@b.c>, ", "(", '"', "<", "a:", "a. ", "@", "\\"])
def test_many_addresses_take_linear_time(piece: str) -> None:
    assert grows_linearly(lambda count: parse_mailboxes(piece * count), 2_500)


def test_20_000_addresses() -> None:
    assert len(parse_mailboxes("Anna <a@b.c>, " * 20_000)) == 20_000


def test_addresses_that_are_the_same() -> None:
    assert address_key("Anna@OAK.example") == "anna@oak.example"
    assert address_key("anna@exämple.org") == address_key("ANNA@xn--exmple-cua.ORG")
    assert address_key("jo\u0308rg@oak.example") == address_key("JÖRG@oak.example")
    assert address_key("not an address") == "not an address"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Anna Berg <anna@oak.example>", Mailbox("Anna Berg", "anna@oak.example")),
        (" anna@Example.ORG ", Mailbox("", "anna@example.org")),
        ("anna@localhost", Mailbox("", "anna@localhost")),
        ("anna@oak.test", Mailbox("", "anna@oak.test")),
        ("anna@name.invalid", Mailbox("", "anna@name.invalid")),
    ],
)
def test_what_an_operator_types(text: str, expected: Mailbox) -> None:
    assert entered_mailbox(text) == expected


@pytest.mark.parametrize(
    "text", ["", "Anna", "anna@", "@oak.example", "anna berg@oak.example", "a@b.example, c@d.example"]
)
def test_what_an_operator_types_wrong(text: str) -> None:
    with pytest.raises(AddressProblem) as refused:
        entered_mailbox(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "plain", "beyond"),
    [
        ("anna@oak.example", True, True),
        ("anna+x.y@oak.example", True, True),
        ('"anna berg"@oak.example', True, True),
        ("anna@[192.0.2.1]", True, True),
        ("anna@[IPv6:2001:db8::1]", True, True),
        ("anna@[not one]", False, False),
        ("jörg@oak.example", False, True),
        ("anna@exämple.org", False, True),
        ("anna@oak.example.", False, False),
        ("anna@oak..example", False, False),
        ("anna@-oak.example", False, False),
        ("a..b@oak.example", False, False),
        ('"a\rb"@oak.example', False, False),
        ('"a\\\x01"@oak.example', False, False),
        ("a b@oak.example", False, False),
        ("<a@oak.example>", False, False),
        ("@a.example:b@oak.example", False, False),
        ("x" * 64 + "@oak.example", True, True),
        ("x" * 65 + "@oak.example", False, False),
        ("ö" * 33 + "@oak.example", False, False),
        ("a@" + "b." * 127 + "example", False, False),
        ("anna", False, False),
        ("", False, False),
    ],
)
def test_envelope_addresses(address: str, plain: bool, beyond: bool) -> None:
    assert (valid_mailbox(address, smtputf8=False), valid_mailbox(address, smtputf8=True)) == (plain, beyond)
