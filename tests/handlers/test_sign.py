"""Our signatures against dkimpy, which shares no line with them."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st

from handlers.sign import PERSONAL_FIELDS, SHARED_FIELDS, Signer, body_hash, canonical, canonical_field
from tests import dkim_signing

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
SIGNER = Signer("oak.example", "s1", PEM)
AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
FIELDS = [
    b'From: "Anna\r\n Lindqvist (Family)" <anna.lindqvist@oak.example>\r\n',
    b'To: "Family" <family@oak.example>\r\n',
    b"Subject:  =?utf-8?q?R=C3=A4ksm=C3=B6rg=C3=A5s?=  \t soon \r\n",
    b"DATE: Mon, 23 Nov 2026 10:00:00 +0000\r\n",
    b"Message-ID: <1@home.example>\r\n",
    b"References: <m.x@oak.example>\r\n <0@home.example>\r\n",
    b"List-Unsubscribe: <mailto:family-abcdefgh23@oak.example>\r\n",
    b"Content-Type: text/plain;\r\n\tcharset=utf-8\r\n",
    b"X-Mailer: none\r\n",
]
OVERSIGNED = (
    *("from", "to", "cc", "subject", "date", "reply-to", "sender", "message-id"),
    *("content-type", "list-unsubscribe", "list-unsubscribe-post"),
)
BODY = b"Hello,  world \r\n\t\r\nwith  blanks\t\r\n\r\n\r\n"


def published(name: bytes, timeout: int = 5) -> bytes:
    assert name == b"s1._domainkey.oak.example."
    der = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)


def verifies(message: bytes) -> bool:
    return dkim_signing.verifies(message, published)


def signed(fields: list[bytes] = FIELDS, body: bytes = BODY) -> bytes:
    signature = SIGNER.sign(fields, body_hash(body), AT)
    return signature + b"".join(fields) + b"\r\n" + body


def test_dkimpy_verifies_what_we_sign() -> None:
    assert verifies(signed())


@given(st.text(alphabet=" \tab.\r\n", max_size=60))
def test_dkimpy_verifies_any_body(text: str) -> None:
    body = text.replace("\r", "").replace("\n", "\r\n").encode()
    body += b"" if body.endswith(b"\r\n") or not body else b"\r\n"
    assert hashlib.sha256(Relaxed.canonicalize_body(body)).digest() == body_hash(body)
    assert verifies(signed(body=body))


@given(st.text(alphabet="ab:;=\t \r\n", max_size=40))
def test_fields_become_canonical_as_dkimpy_makes_them(text: str) -> None:
    value = text.replace("\r", "").replace("\n", "\r\n ").encode()
    [(name, line)] = Relaxed.canonicalize_headers([(b"SubJect ", value + b"\r\n")])
    assert canonical_field(b"SubJect :" + value + b"\r\n") == name + b":" + line


def test_the_body_hash_takes_linear_time() -> None:
    blanks = b" " * 5_000_000
    assert body_hash(blanks + b"x\r\n" + blanks) == hashlib.sha256(b" x\r\n").digest()


@pytest.mark.parametrize("name", OVERSIGNED)
def test_a_second_field_breaks_the_signature(name: str) -> None:
    added = f"{name}: somebody else <eve@evil.example>\r\n".encode()
    signature, fields_and_body = signed().split(b"From:", 1)
    assert not verifies(added + signature + b"From:" + fields_and_body)
    assert not verifies(signature + added + b"From:" + fields_and_body)
    header, body = signed().split(b"\r\n\r\n", 1)
    assert not verifies(header + b"\r\n" + added + b"\r\n" + body)


@pytest.mark.parametrize(
    "name",
    ["In-Reply-To", "List-Id", "List-Post", "List-Owner", "Precedence", "Auto-Submitted", "Author", "Archived-At"],
)
def test_a_field_that_is_missing_cannot_be_added(name: str) -> None:
    assert not verifies(f"{name}: x\r\n".encode() + signed())


def test_changed_text_breaks_the_signature() -> None:
    assert not verifies(signed().replace(b"world", b"earth"))
    assert not verifies(signed() + b"more\r\n")
    assert not verifies(signed().replace(b"soon", b"later"))


def test_two_fields_of_one_name_are_not_signed() -> None:
    with pytest.raises(ValueError, match="two subject fields"):
        signed([*FIELDS, b"subject: other\r\n"])


def test_the_signature_says_how_long_it_is_good_and_never_how_much_it_covers() -> None:
    signature = SIGNER.sign(FIELDS, body_hash(BODY), AT)
    tags = dict(tag.strip().split("=", 1) for tag in signature.decode().split(":", 1)[1].replace("\r\n", "").split(";"))
    assert tags["v"] == "1"
    assert tags["a"] == "rsa-sha256"
    assert tags["c"] == "relaxed/relaxed"
    assert (tags["d"], tags["s"]) == ("oak.example", "s1")
    assert int(tags["t"]) == int(AT.timestamp())
    assert int(tags["x"]) - int(tags["t"]) == 14 * 24 * 3600
    assert "l" not in tags
    names = [name.strip() for name in tags["h"].split(":")]
    assert names[: len(SHARED_FIELDS)] == list(SHARED_FIELDS)
    assert {name for name in names if names.count(name) == 2} == set(OVERSIGNED)
    assert {
        *(
            "in-reply-to",
            "references",
            "mime-version",
            "content-transfer-encoding",
            "list-id",
            "list-post",
            "list-help",
        ),
        *("list-owner", "list-archive", "author", "auto-submitted", "precedence", "archived-at"),
    } <= set(names)
    assert all(len(line) <= 78 for line in signature.split(b"\r\n"))


def test_a_signature_is_the_same_each_time() -> None:
    assert SIGNER.sign(FIELDS, body_hash(BODY), AT) == SIGNER.sign(FIELDS, body_hash(BODY), AT)


def test_prepared_fields_give_the_same_signature() -> None:
    prepared = canonical(FIELDS, SHARED_FIELDS) + canonical(FIELDS, PERSONAL_FIELDS)
    assert SIGNER.sign_canonical(prepared, body_hash(BODY), AT) == SIGNER.sign(FIELDS, body_hash(BODY), AT)


def test_only_rsa_keys_sign() -> None:
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match="selector s2 is no RSA key"):
        Signer("oak.example", "s2", other)
