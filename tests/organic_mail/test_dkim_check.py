"""DKIM signatures of others: what dkimpy finds intact passes, what a stranger could have bent does not."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from handlers.message import MalformedMessage, parse
from handlers.sign import Signer, body_hash
from handlers.verdict import Evidence
from organic_mail import dkim_check
from organic_mail.resolver import DnsTrouble, NoSuchName
from tests.dkim_signing import ed25519_key, key_record, public_text, rsa_key, signed
from tests.growth import costs_at_most

NOW = datetime.now(UTC)  # dkimpy looks at the clock itself
SECONDS = int(NOW.timestamp())
HEADER = (
    b"Received: from a by b; Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    b"From: Anna  Lindqvist <anna@elm.example>\r\n"
    b"To: family@oak.example\r\n"
    b"Subject: The\r\n\tgarden \r\n"
    b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    b"\r\n"
)
MAIL = HEADER + b"Hello  all,  \r\n\r\nAnna\r\n\r\n\r\n"


class Texts:
    """A resolver that knows the same TXT records for every name."""

    def __init__(self, *texts: str | bytes) -> None:
        self.texts = tuple(text.encode() if isinstance(text, str) else text for text in texts)
        self.asked: list[str] = []

    def txt(self, name: str) -> tuple[bytes, ...]:
        self.asked.append(name)
        return self.texts

    def within(self, seconds: float) -> Texts:
        return self


class Trouble(Texts):
    def __init__(self, trouble: Exception) -> None:
        super().__init__()
        self.trouble = trouble

    def txt(self, name: str) -> tuple[bytes, ...]:
        raise self.trouble


def check(raw: bytes, *texts: str | bytes, now: datetime = NOW) -> tuple[Evidence, ...]:
    return dkim_check.check(parse(raw), Texts(*texts), now, lambda _: True)  # type: ignore[arg-type]


def verified(raw: bytes, *texts: str | bytes, now: datetime = NOW) -> str:
    """ "pass", or the word and the reason why the only signature is not."""
    (found,) = check(raw, *texts, now=now)
    return "pass" if found.result == "pass" else f"{found.result}: {found.note}"


FORMS = ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed", "relaxed", "simple"]
BODIES = [b"", b"\r\n", b"\r\n\r\n", b"a \t b\t\r\n \r\n\r\n", b" \r\n", b"a\r\n\r\nb\r\n", "grün\r\n".encode()]
CHANGED = "fail: the header was changed, or the key is another one"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("body", BODIES)
def test_what_dkimpy_signs_is_intact(form: str, body: bytes) -> None:
    pem = rsa_key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    raw = HEADER + body
    forms = tuple((form if "/" in form else f"{form}/simple").encode().split(b"/"))
    field = dkim.sign(raw, b"s1", b"elm.example", pem, canonicalize=forms)
    assert verified(field + raw, key_record(rsa_key())) == "pass"


@pytest.mark.parametrize("form", FORMS[:4])
@pytest.mark.parametrize("key", [rsa_key(), rsa_key(1024)], ids=["2048", "1024"])
def test_a_change_is_found(key: rsa.RSAPrivateKey, form: str) -> None:
    raw = signed(MAIL, key, "elm.example", form=form)
    assert verified(raw, key_record(key)) == "pass"
    assert verified(raw.replace(b"Hello", b"Hullo"), key_record(key)).startswith("fail: body hash mismatch")
    assert verified(raw.replace(b"garden", b"Garden"), key_record(key)) == CHANGED
    assert verified(raw.replace(b"v=1; ", b"v=1;  x=99999999999; "), key_record(key)) == CHANGED


def test_what_we_sign_ourselves_is_intact() -> None:
    pem = rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    message = parse(MAIL)
    fields = [message.field_bytes(field) for field in message.fields]
    field = Signer("oak.example", "om1", pem).sign(fields, body_hash(message.body), NOW)
    assert verified(field + MAIL, key_record(rsa_key())) == "pass"
    assert verified(field + b"Reply-To: <mallory@evil.example>\r\n" + MAIL, key_record(rsa_key())) == CHANGED


def test_a_field_that_is_named_more_often_than_it_stands_cannot_be_added() -> None:
    raw = signed(MAIL, rsa_key(), "elm.example", names=("from", "from", "to", "subject", "cc", "received", "received"))
    record = key_record(rsa_key())
    assert verified(raw, record) == "pass"
    assert verified(b"X-Other: 1\r\n" + raw, record) == "pass"
    assert verified(raw.replace(b"To: f", b"Cc: all@oak.example\r\nTo: f"), record) == CHANGED
    assert verified(raw.replace(b"To: f", b"Received: x\r\nTo: f"), record) == CHANGED


@pytest.mark.parametrize(
    "broken",
    [{"v": "2"}, {"c": "bent/relaxed"}, {"q": "dns/other"}, {"s": ".."}, {"bh": "%%"}, {"i": "@other.example"}],
)
def test_what_is_no_signature(broken: dict[str, str]) -> None:
    assert verified(signed(MAIL, rsa_key(), "elm.example", **broken), key_record(rsa_key())) != "pass"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"body_length": 5}, "l= leaves the end of the body open"),
        ({"algorithm": "rsa-sha1"}, "its algorithm is not trusted"),
        ({"algorithm": "ed25519-sha256"}, "its algorithm is not trusted"),
        ({"names": ("to", "subject")}, "it does not cover From"),
        ({"names": ("from", *("x",) * 100)}, "it covers too many fields"),
        ({"x": str(SECONDS)}, "it has expired"),
        ({"x": str(SECONDS - 86400)}, "it has expired"),
        ({"x": "9" * 4000}, "it is too large"),
        ({"x": "9" * 100}, "its dates cannot be read"),
        ({"t": "soon"}, "its dates cannot be read"),
        ({"t": str(SECONDS + 3700)}, "it is from the future"),
    ],
)
def test_what_leaves_room_for_a_stranger_counts_as_none(arguments: dict[str, object], reason: str) -> None:
    raw = signed(MAIL, rsa_key(), "elm.example", **arguments)  # type: ignore[arg-type]
    assert verified(raw, key_record(rsa_key())) == f"policy: {reason}"


def test_dates_that_are_fine() -> None:
    raw = signed(MAIL, rsa_key(), "elm.example", t=str(SECONDS + 3000), x=str(SECONDS + 4000))
    assert verified(raw, key_record(rsa_key())) == "pass"


def test_another_kind_of_signature_proves_nothing() -> None:
    """dkimpy needs another library for RFC 8463; who signs in that way signs with RSA too."""
    raw = signed(MAIL, ed25519_key(), "elm.example")
    assert verified(raw, key_record(ed25519_key())) == "policy: its algorithm is not trusted"


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
        (f"v=DKIM1; n={'x' * 1100}; p={P}", "permerror: its key is too large"),
        ("v=DKIM1; p=", "permerror: its key has been revoked"),
        ("v=DKIM1", "permerror: its key cannot be read"),
        ("", "permerror: its key cannot be read"),
        (key_record(rsa_key(1024)), CHANGED),
    ],
)
def test_key_records(record: str, result: str) -> None:
    assert verified(signed(MAIL, rsa_key(), "elm.example"), record) == result


@pytest.mark.parametrize("key", ["AAAA", "%", "A", "MAA=", "MAYCAQACAQE=", "MAYCAQECAQE=", "MAYCAQCCAQA="])
def test_a_key_that_is_none(key: str) -> None:
    assert verified(signed(MAIL, rsa_key(), "elm.example"), f"v=DKIM1; p={key}") != "pass"


def test_a_key_among_other_texts_is_found() -> None:
    raw = signed(MAIL, rsa_key(), "elm.example")
    assert verified(raw, "v=spf1 -all", "v=DKIM1; p=", key_record(rsa_key())) == "pass"
    assert verified(raw) == "permerror: its key is not published"


@pytest.mark.parametrize(
    ("trouble", "result"), [(NoSuchName("s1"), "permerror"), (DnsTrouble("no answer"), "temperror")]
)
def test_without_an_answer_there_is_no_key(trouble: Exception, result: str) -> None:
    message = parse(signed(MAIL, rsa_key(), "elm.example"))
    (found,) = dkim_check.check(message, Trouble(trouble), NOW, lambda _: True)  # type: ignore[arg-type]
    assert found.result == result


def published(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, form: PublicFormat) -> str:
    return "p=" + base64.b64encode(key.public_bytes(Encoding.DER, form)).decode()


def test_other_ways_to_write_a_key() -> None:
    raw = signed(MAIL, rsa_key(), "elm.example")
    assert verified(raw, published(rsa_key().public_key(), PublicFormat.PKCS1)) == "pass"
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    assert verified(raw, published(curve, PublicFormat.SubjectPublicKeyInfo)) != "pass"


def test_a_key_for_subdomains_only_where_it_says_so() -> None:
    raw = signed(MAIL, rsa_key(), "elm.example", i="anna@mail.elm.example")
    assert verified(raw, key_record(rsa_key())) == "pass"
    strict = key_record(rsa_key()).replace("; p", "; t=y:s; p")
    assert verified(raw, strict) == "permerror: its key is not for subdomains"


def test_a_weak_key_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    raw, record = signed(MAIL, rsa_key(1024), "elm.example"), key_record(rsa_key(1024))
    assert dkim_check.SMALLEST_KEY == 1024
    assert verified(raw, record) == "pass"
    monkeypatch.setattr(dkim_check, "SMALLEST_KEY", 1025)
    assert verified(raw, record) == "fail: public key too small: 1024"


@pytest.mark.parametrize(
    "domain", ["elm.example.", "elm..example", "elm", "[192.0.2.1]", "-elm.example", "a@elm.example", "*.example"]
)
def test_what_is_no_domain(domain: str) -> None:
    raw = signed(MAIL, rsa_key(), "elm.example").replace(b"d=elm.example", f"d={domain}".encode())
    assert verified(raw, key_record(rsa_key())) == "permerror: d= is no domain name"


@pytest.mark.parametrize(
    "field",
    [
        b"From mallory Mon Nov 23 10:00:00 2026\r\n",  # dkimpy steps over what begins with "From "
        b"Reply-To : mallory@evil.example\r\n",
        b"broken line\r\n",
        b"X-Bare: line\n",
    ],
)
def test_where_dkimpy_and_we_read_different_headers_nothing_is_believed(field: bytes) -> None:
    raw = field + signed(MAIL, rsa_key(), "elm.example")
    assert verified(raw, key_record(rsa_key())) == "policy: it cannot be checked safely"


def test_a_from_that_only_we_read_is_not_covered() -> None:
    raw = MAIL.replace(b"From: Anna", b"From : Anna")
    assert verified(signed(raw, rsa_key(), "elm.example"), key_record(rsa_key())) != "pass"


def test_a_signature_over_no_from_at_all_proves_nothing() -> None:
    raw = MAIL.replace(b"From: Anna  Lindqvist <anna@elm.example>\r\n", b"")
    assert verified(signed(raw, rsa_key(), "elm.example"), key_record(rsa_key())) == CHANGED


def test_those_that_matter_are_examined_first_and_five_at_most() -> None:
    raw = signed(MAIL, rsa_key(), "elm.example")
    for number in range(9):
        raw = signed(raw, rsa_key(), f"bulk{number}.example")
    dns = Texts(key_record(rsa_key()))
    found = dkim_check.check(parse(raw), dns, NOW, lambda domain: domain == "elm.example")  # type: ignore[arg-type]
    assert dns.asked[0] == "s1._domainkey.elm.example"
    assert [each.result for each in found] == ["pass"] * 5 + ["policy"] * 5


def test_of_a_large_mail_fewer_are_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dkim_check, "MOST_HASHED", 10_000)
    raw = HEADER + b"Hello\r\n" * 1000
    for number in range(4):
        raw = signed(raw, rsa_key(), f"d{number}.example")
    assert [found.result for found in check(raw, key_record(rsa_key()))] == ["pass", "pass", "policy", "policy"]


LARGE = 5_000_000
DAILY = b"x" * 76 + b"\r\n"


def filled(piece: bytes) -> bytes:
    return HEADER + piece * (LARGE // len(piece)) + b"x\r\n"


def no_dearer(times: float, bomb: bytes, ordinary: bytes, *, result: str) -> bool:
    """Does examining *bomb* take at most so many *times* as long as *ordinary*, whose signature is intact?"""
    hard, usual, dns = parse(bomb), parse(ordinary), Texts(key_record(rsa_key()))
    for message, expected in ((hard, result), (usual, "pass")):
        found = dkim_check.check(message, dns, NOW, lambda _: True)  # type: ignore[arg-type]
        assert {evidence.result for evidence in found} == {expected}
    return costs_at_most(
        times,
        lambda: dkim_check.check(hard, dns, NOW, lambda _: True),  # type: ignore[arg-type]
        lambda: dkim_check.check(usual, dns, NOW, lambda _: True),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("form", ["relaxed/relaxed", "simple/simple"])
@pytest.mark.parametrize(
    "piece", [b" ", b" x", b"\t \r", b" \r\n", b"\r\n", b" " * 250 + b"x", b" " * 31 + b"x", b"\t" * 251 + b"\r\n"]
)
def test_a_bomb_in_the_body_is_cheap(piece: bytes, form: str) -> None:
    """Some of these take dkimpy minutes when they are as large as a mail may be."""
    raw = signed(MAIL, rsa_key(), "elm.example", form=form).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    ordinary = signed(filled(DAILY), rsa_key(), "elm.example", form=form)
    result = "fail" if piece == b"\r\n" else "policy"
    assert no_dearer(4, raw + filled(piece), ordinary, result=result)


@pytest.mark.parametrize("piece", [b" " * 250 + b"x" * 7000, b"x" * 40 + b" ", b"\r\n" * 999 + b"x"])
def test_the_worst_that_is_checked_is_not_much_dearer(piece: bytes) -> None:
    ordinary = signed(filled(DAILY), rsa_key(), "elm.example")
    assert no_dearer(5, signed(filled(piece), rsa_key(), "elm.example"), ordinary, result="pass")


BLANKS, CRLF = b" " * 99, b"\r\n"
HEADER_BOMBS = [
    b"DKIM-Signature: v=1; b" + b" \t" * 1800 + b"x=; b=" + b" \r\n" * 10 + b" \r\n",
    b"DKIM-Signature: v=1; a=rsa-sha256; d=elm.example; s=s; bh=AA==; b=AA==; h=from" + b":x" * 1900 + b"\r\n",
    b"DKIM-Signature: v=1; a=rsa-sha256; d=elm.example; s=s; h=from; bh=AA==; b=" + (BLANKS + b"A") * 36 + b"!\r\n",
    b"DKIM-Signature: v=1; a=rsa-sha256; d=elm.example; s=s; h=from; bh=AA==; b=AA==;" + (b" b" + BLANKS) * 36 + CRLF,
    b"DKIM-Signature: v=1; a=rsa-sha256; d=elm.example; s=s; h=from" + (BLANKS + b"x") * 36 + b"; bh=AA==; b=AA==\r\n",
    b"DKIM-Signature: v=1; a=rsa-sha256; d=elm.example; s=s; h=from; bh=AA==; b=" + b"A" * 3900 + b"\r\n",
]


@pytest.mark.parametrize("field", HEADER_BOMBS, ids=range(len(HEADER_BOMBS)))
def test_a_bomb_in_the_header_is_cheap(field: bytes) -> None:
    folded = b"X-Folded:" + b" x \t" * 3000 + b"x\r\n"
    raw = field * 10 + folded + b"X: y\r\n" * 200 + MAIL
    record, ordinary = key_record(rsa_key()), MAIL
    for _ in range(5):
        ordinary = signed(ordinary, rsa_key(), "elm.example")
    assert "pass" not in [found.result for found in check(raw, record)]
    assert costs_at_most(20, lambda: check(raw, record), lambda: check(ordinary, record))


def test_a_bomb_in_a_key_is_cheap() -> None:
    """The largest modulus and exponent that fit: raising to it takes time with the third power of their size."""
    half = (1 << 3072) - 1
    number = b"\x02\x82\x01\x81" + b"\x00" + half.to_bytes(384, "big")
    key = base64.b64encode(b"\x30\x82\x03\x0a" + number * 2).decode()
    raw = MAIL
    for _ in range(5):
        raw = signed(raw, rsa_key(), "elm.example")
    assert "pass" not in [found.result for found in check(raw, f"p={key}")]
    assert costs_at_most(400, lambda: check(raw, f"p={key}"), lambda: check(raw, key_record(rsa_key())))


def test_nothing_of_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert verified(signed(MAIL, rsa_key(), "elm.example"), "v=DKIM1; p=AAAA") != "pass"
    assert caplog.records == []


@given(st.binary(max_size=300))
def test_any_bytes_may_stand_in_a_signature(value: bytes) -> None:
    try:
        message = parse(b"DKIM-Signature: v=1; a=rsa-sha256; d=elm.example; " + value + b"\r\n" + MAIL)
    except MalformedMessage:
        return
    dns = Texts(key_record(rsa_key()))
    assert all(found.result != "pass" for found in dkim_check.check(message, dns, NOW, lambda _: True))  # type: ignore[arg-type]


SIGNED = signed(MAIL, rsa_key(), "elm.example")


@given(st.lists(st.binary(max_size=300) | st.binary(max_size=200).map(lambda text: b"v=DKIM1; p=" + text), max_size=4))
def test_any_bytes_may_stand_in_a_key_record(texts: list[bytes]) -> None:
    assert verified(SIGNED, *texts) != "pass"


header_words = st.sampled_from([b" ", b"\t", b"a", b"B", b"\r\n ", b"  ", b":", b";", "ü".encode()])
body_words = st.sampled_from([b" ", b"\t", b"a", b"\r\n", b"  \r\n", b"=", b"."])


@given(st.lists(header_words, max_size=20), st.lists(body_words, max_size=30), st.sampled_from(FORMS[:4]))
def test_a_signature_made_elsewhere_holds(subject: list[bytes], body: list[bytes], form: str) -> None:
    value = b"".join(subject)
    if any(not line.strip() for line in value.split(b"\r\n")[1:]):
        return  # a fold of blanks alone is not allowed (RFC 5322 §3.2.2)
    raw = b"From: <anna@elm.example>\r\nSubject:" + value + b"\r\n\r\n" + b"".join([*body, b"\r\n"])
    assert verified(signed(raw, rsa_key(1024), "elm.example", form=form), key_record(rsa_key(1024))) == "pass"
