"""DKIM signatures of others: what dkimpy signs verifies, what a stranger could have bent does not."""

from __future__ import annotations

import base64
import time
from contextlib import suppress
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from handlers.message import MalformedMessage, parse
from handlers.sign import Signer
from handlers.verify import (
    UnusableSignature,
    canonical_body_hash,
    intact,
    public_key,
    read_signature,
    tag_list,
)
from tests.dkim_signing import Key, ed25519_key, key_record, public_text, rsa_key, signed

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
MAIL = (
    b"Received: from a by b; Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    b"From: Anna  Lindqvist <anna@elm.example>\r\n"
    b"To: family@oak.example\r\n"
    b"Subject: The\r\n\tgarden \r\n"
    b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    b"\r\n"
    b"Hello  all,  \r\n\r\nAnna\r\n\r\n\r\n"
)


def verified(raw: bytes, *texts: str, now: datetime = NOW) -> str:
    """ "pass", "fail body", "fail header", or why the topmost signature is not used."""
    message = parse(raw)
    try:
        signature = read_signature(message, message.all("dkim-signature")[0], now)
        if canonical_body_hash(message, signature.body_form) != signature.body_hash:
            return "fail body"
        key = public_key([text.encode() for text in texts], signature)
    except UnusableSignature as unusable:
        return f"{unusable.result}: {unusable}"
    return "pass" if intact(message, signature, key) else "fail header"


FORMS = ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed", "relaxed", "simple"]
BODIES = [
    b"",
    b"\r\n",
    b"\r\n\r\n",
    b"no line end",
    b"a \t b\t\r\n \r\n\r\n",
    b" \r\n",
    b"a\r\n\r\nb",
    "grün\r\n".encode(),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("body", BODIES)
def test_what_dkimpy_signs_is_intact(form: str, body: bytes) -> None:
    key = rsa_key()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    raw = MAIL.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
    forms = tuple((form if "/" in form else f"{form}/simple").encode().split(b"/"))
    field = dkim.sign(raw, b"s1", b"elm.example", pem, canonicalize=forms)
    assert verified(field + raw, key_record(key), now=datetime.now(UTC)) == "pass"


@pytest.mark.parametrize("form", FORMS[:4])
@pytest.mark.parametrize("key", [rsa_key(), rsa_key(1024), ed25519_key()], ids=["rsa2048", "rsa1024", "ed25519"])
def test_kinds_of_key(key: Key, form: str) -> None:
    raw = signed(MAIL, key, "elm.example", form=form)
    assert verified(raw, key_record(key)) == "pass"
    assert verified(raw.replace(b"Hello", b"Hullo"), key_record(key)) == "fail body"
    assert verified(raw.replace(b"garden", b"Garden"), key_record(key)) == "fail header"
    assert verified(raw.replace(b"v=1; ", b"v=1;  x=99999999999; "), key_record(key)) == "fail header"


def test_what_we_sign_ourselves_is_intact() -> None:
    key = rsa_key()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    message = parse(MAIL)
    fields = [message.field_bytes(field) for field in message.fields]
    field = Signer("oak.example", "om1", pem).sign(fields, canonical_body_hash(message, b"relaxed"), NOW)
    assert verified(field + MAIL, key_record(key)) == "pass"
    assert verified(field + b"Reply-To: <mallory@evil.example>\r\n" + MAIL, key_record(key)) == "fail header"


def test_a_field_that_is_named_more_often_than_it_stands_cannot_be_added() -> None:
    key = rsa_key()
    raw = signed(MAIL, key, "elm.example", names=("from", "from", "to", "subject", "cc", "received", "received"))
    assert verified(raw, key_record(key)) == "pass"
    assert verified(b"X-Other: 1\r\n" + raw, key_record(key)) == "pass"
    assert verified(raw.replace(b"To: f", b"Cc: all@oak.example\r\nTo: f"), key_record(key)) == "fail header"
    assert verified(raw.replace(b"To: f", b"Received: x\r\nTo: f"), key_record(key)) == "fail header"


@pytest.mark.parametrize(
    "broken",
    [{"v": "2"}, {"c": "bent/relaxed"}, {"q": "dns/other"}, {"s": ".."}, {"bh": "%%"}, {"i": "@other.example"}],
)
def test_what_is_no_signature(broken: dict[str, str]) -> None:
    assert verified(signed(MAIL, rsa_key(), "elm.example", **broken), key_record(rsa_key())).startswith("permerror: ")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"body_length": 5}, "l= leaves the end of the body open"),
        ({"algorithm": "rsa-sha1"}, "its algorithm is not trusted"),
        ({"names": ("to", "subject")}, "it does not cover From"),
        ({"x": str(SECONDS)}, "it has expired"),
        ({"x": str(SECONDS - 86400)}, "it has expired"),
        ({"x": "9" * 4000}, "its dates cannot be read"),
        ({"t": "soon"}, "its dates cannot be read"),
        ({"t": str(SECONDS + 3700)}, "it is from the future"),
    ],
)
def test_what_leaves_room_for_a_stranger_counts_as_none(arguments: dict[str, object], reason: str) -> None:
    raw = signed(MAIL, rsa_key(), "elm.example", **arguments)  # type: ignore[arg-type]
    assert verified(raw, key_record(rsa_key())) == f"policy: {reason}"


def test_dates_that_are_fine() -> None:
    raw = signed(MAIL, rsa_key(), "elm.example", t=str(SECONDS + 3000), x=str(SECONDS + 1))
    assert verified(raw, key_record(rsa_key())) == "pass"


P = public_text(rsa_key())


@pytest.mark.parametrize(
    ("record", "result"),
    [
        (f"p={P}", "pass"),
        (f"v=DKIM1; p={P[:100]} {P[100:]};", "pass"),
        (f"v=DKIM1; h=sha1:sha256; s=*:other; t=y; n=note; x=y; p={P}", "pass"),
        (f"v=DKIM1; s=email; t=s; p={P}", "pass"),
        (f"v=DKIM2; p={P}", "permerror: its key cannot be read"),
        (f"p={P}; v=DKIM1", "permerror: its key cannot be read"),
        (f"v=DKIM1; h=sha1; p={P}", "permerror: its key is not for SHA-256"),
        (f"v=DKIM1; s=tlsrpt; p={P}", "permerror: its key is not for mail"),
        (f"v=DKIM1; k=ed25519; p={P}", "permerror: its key is of another kind"),
        ("v=DKIM1; p=", "permerror: its key has been revoked"),
        ("v=DKIM1; p=AAAA", "permerror: its key cannot be read"),
        ("v=DKIM1; p=%", "permerror: its key cannot be read"),
        ("v=DKIM1", "permerror: its key cannot be read"),
        ("", "permerror: its key cannot be read"),
        (key_record(rsa_key(1024)), "fail header"),
    ],
)
def test_key_records(record: str, result: str) -> None:
    assert verified(signed(MAIL, rsa_key(), "elm.example"), record) == result


def test_a_key_among_other_texts_is_found() -> None:
    raw = signed(MAIL, rsa_key(), "elm.example")
    assert verified(raw, "v=spf1 -all", "v=DKIM1; p=", key_record(rsa_key())) == "pass"
    assert verified(raw) == "permerror: its key is not published"


def published(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, form: PublicFormat) -> str:
    return "p=" + base64.b64encode(key.public_bytes(Encoding.DER, form)).decode()


def test_other_ways_to_write_a_key() -> None:
    raw = signed(MAIL, rsa_key(), "elm.example")
    assert verified(raw, published(rsa_key().public_key(), PublicFormat.PKCS1)) == "pass"
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    assert verified(raw, published(curve, PublicFormat.SubjectPublicKeyInfo)) == "permerror: its key cannot be read"


def test_a_key_for_subdomains_only_where_it_says_so() -> None:
    raw = signed(MAIL, rsa_key(), "elm.example", i="anna@mail.elm.example")
    assert verified(raw, key_record(rsa_key())) == "pass"
    assert (
        verified(raw, key_record(rsa_key()).replace("; p", "; t=y:s; p")) == "permerror: its key is not for subdomains"
    )


def test_a_weak_key_is_none() -> None:
    numbers = rsa_key(1024).public_key().public_numbers()
    weak = rsa.RSAPublicNumbers(numbers.e, numbers.n >> 128 | 1).public_key()
    record = published(weak, PublicFormat.SubjectPublicKeyInfo)
    assert verified(signed(MAIL, rsa_key(1024), "elm.example"), record) == "permerror: its key has 896 bits"


@pytest.mark.parametrize(
    "domain", ["elm.example.", "elm..example", "elm", "[192.0.2.1]", "-elm.example", "a@elm.example", "*.example"]
)
def test_what_is_no_domain(domain: str) -> None:
    raw = signed(MAIL, rsa_key(), "elm.example").replace(b"d=elm.example", f"d={domain}".encode())
    assert verified(raw, key_record(rsa_key())) == "permerror: d= is no domain name"


@pytest.mark.parametrize("text", [b"a=1; a=2", b"a", b"=1", b"a b=1", b";;", b"1a=2"])
def test_what_is_no_tag_list(text: bytes) -> None:
    with pytest.raises(ValueError, match="tag list"):
        tag_list(text)


def test_bombs_are_cheap() -> None:
    """What takes dkimpy minutes; here three seconds are plenty."""
    began = time.process_time()
    key = rsa_key()
    raw = signed(MAIL, key, "elm.example").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    for body in (b" " * 2_000_000 + b"x\r\n", b"\r\n" * 1_000_000, b" \r\n" * 700_000, b"\t \r" * 700_000):
        assert verified(raw + body, key_record(key)) == "fail body"
    folds = b"DKIM-Signature: v=1; b" + b"\r\n " * 5000 + b"x=; b=" + b" \r\n" * 100 + b"\r\n"
    names = b"DKIM-Signature: v=1; a=rsa-sha256; d=elm.example; s=s; bh=AA==; b=AA==; h=from" + b":x" * 8000 + b"\r\n"
    for field in (folds, names):
        with suppress(MalformedMessage):
            verified(field + MAIL, key_record(key))
    assert time.process_time() - began < 3


@given(st.binary(max_size=300))
def test_any_bytes_may_stand_in_a_signature(value: bytes) -> None:
    try:
        message = parse(b"DKIM-Signature: v=1; a=rsa-sha256; d=elm.example; " + value + b"\r\n" + MAIL)
    except MalformedMessage:
        return
    for field in message.all("dkim-signature"):
        with suppress(UnusableSignature):
            read_signature(message, field, NOW)


SIGNATURE_MESSAGE = parse(signed(MAIL, rsa_key(), "elm.example"))
SIGNATURE = read_signature(SIGNATURE_MESSAGE, SIGNATURE_MESSAGE.fields[0], NOW)


@given(st.lists(st.binary(max_size=300) | st.binary(max_size=200).map(lambda text: b"v=DKIM1; p=" + text), max_size=4))
def test_any_bytes_may_stand_in_a_key_record(texts: list[bytes]) -> None:
    with pytest.raises(UnusableSignature):
        public_key(texts, SIGNATURE)


header_words = st.sampled_from([b" ", b"\t", b"a", b"B", b"\r\n ", b"  ", b":", b";", "ü".encode()])
body_words = st.sampled_from([b" ", b"\t", b"a", b"\r\n", b"  \r\n", b"=", b"."])


@given(st.lists(header_words, max_size=20), st.lists(body_words, max_size=30), st.sampled_from(FORMS[:4]))
def test_we_and_dkimpy_canonicalise_alike(subject: list[bytes], body: list[bytes], form: str) -> None:
    value = b"".join(subject)
    if any(not line.strip() for line in value.split(b"\r\n")[1:]):
        return  # a fold of blanks alone is not allowed (RFC 5322 §3.2.2)
    raw = b"From: <anna@elm.example>\r\nSubject:" + value + b"\r\n\r\n" + b"".join([*body, b"\r\n"])
    assert verified(signed(raw, ed25519_key(), "elm.example", form=form), key_record(ed25519_key())) == "pass"
