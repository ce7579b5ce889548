"""Which addresses a message mentions: every one that may be a member's, in time that grows with its length."""

from __future__ import annotations

import base64

import pytest

from handlers.mentioned import MOST_SIGNS, mentioned_addresses
from handlers.message import parse
from tests.growth import grows_linearly


def mentioned(text: str, *, kind: str = "text/plain; charset=utf-8") -> set[str]:
    raw = f"From: a@b.example\r\nContent-Type: {kind}\r\n\r\n{text}\r\n"
    return mentioned_addresses(parse(raw.encode()))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("On Monday, Anna <anna@home.example> wrote:", "anna@home.example"),
        ("Anna (ANNA@Home.Example) schrieb:", "anna@home.example"),
        ("*anna.l@home.example* skrev:", "anna.l@home.example"),
        ("[mailto:anna@home.example]", "anna@home.example"),
        ("> anna+lists@home.example.", "anna+lists@home.example"),
        ('<a href="mailto:anna%40home.example">', "anna@home.example"),
        ("anna&#64;home.example wrote:", "anna@home.example"),
        ("j\u00f6rg@b\u00fccher.example", "j\u00f6rg@xn--bcher-kva.example"),
    ],
)
def test_an_address_is_found_however_it_is_set(text: str, address: str) -> None:
    assert address in mentioned(text)
    assert address in mentioned(text, kind="text/html; charset=utf-8")


def test_addresses_in_encoded_parts_are_found_and_those_in_attachments_are_not_looked_for() -> None:
    encoded = base64.b64encode(b"Bo <bo@home.example> wrote:").decode()
    raw = (
        "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
        f"--x\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n"
        "--x\r\nContent-Type: application/octet-stream\r\n\r\ncleo@home.example\r\n--x--\r\n"
    )
    assert mentioned_addresses(parse(raw.encode())) == {"bo@home.example"}


def test_text_without_addresses_mentions_nobody() -> None:
    assert mentioned("Lunch @ one? @ @home a@ @b <@> :@:") <= {"a@b"}


@pytest.mark.parametrize("piece", ["@", "a@", "a@b.example ", "a" * 63 + "@" + "b" * 200 + " ", "x" * 1000])
def test_a_flood_costs_little(piece: str) -> None:
    line = piece * (900 // len(piece) or 1) + "\r\n"
    assert len(mentioned(line * 3_000)) <= 3 * MOST_SIGNS
    assert grows_linearly(lambda lines: mentioned(line * lines), 750)
