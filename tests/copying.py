"""What the tests of copies share: a list, a key, a published record, and a reader that is not ours."""

from __future__ import annotations

import base64
import email
from dataclasses import replace
from datetime import UTC, datetime
from email.message import Message as LibraryMessage
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from handlers import render
from handlers.message import parse
from handlers.sign import Signer
from storage.models import Posting, Replies
from tests import dkim_signing

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
SIGNER = Signer("oak.example", "s1", PEM)
AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
PRIVATE = "<m.a-aaaaaaafaaaaaaah-5rxusnjlkwij4ngn@oak.example>"
TOKEN_ADDRESS = "family-abcd2345ef@oak.example"

FACTS = render.CopyFacts(
    domain="oak.example",
    list_name="family",
    list_title="The Lindqvist–Okafor family",
    list_posting=Posting.MEMBERS,
    replies=Replies.LIST,
    author_name="Anna Lindqvist",
    author_alias="anna.lindqvist",
    author_shown_address=None,
    message_id="",
    in_reply_to=(),
    references=(),
    written_at=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    aliases={"anna@home.example": "anna.lindqvist@oak.example", "bob@work.example": "bob.okafor@oak.example"},
)


def published(name: bytes, timeout: int = 5) -> bytes:
    assert name == b"s1._domainkey.oak.example."
    der = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)


def verifies(copy: bytes) -> bool:
    return dkim_signing.verifies(copy, published)


def with_crlf(raw: bytes) -> bytes:
    """A message as SMTP would have brought it."""
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return lines if lines.endswith(b"\r\n") else lines + b"\r\n"


def facts_of(raw: bytes, **changes: Any) -> render.CopyFacts:
    """The facts of a post whose ids need no change."""
    message = parse(raw)
    ids = {
        "message_id": message.message_id or "<p.minted@oak.example>",
        "in_reply_to": message.in_reply_to,
        "references": message.references,
    }
    return replace(FACTS, **{**ids, **changes})


def copy_of(raw: bytes, *, language: str = "en", url: str = "", **changes: Any) -> bytes:
    """A member's whole copy, which dkimpy has verified."""
    rendition = render.rendition(parse(raw), facts_of(raw, **changes), language)
    header = render.copy(
        rendition,
        private_reference=PRIVATE,
        unsubscribe=TOKEN_ADDRESS,
        unsubscribe_url=url,
        signer=SIGNER,
        signed_at=AT,
    )
    copy = header + rendition.body
    assert verifies(copy)
    assert rendition.eight_bit == (not copy.isascii())
    return copy


def read(copy: bytes) -> LibraryMessage:
    return email.message_from_bytes(copy)


def body_of(raw: bytes) -> bytes:
    return raw.split(b"\r\n\r\n", 1)[1]
