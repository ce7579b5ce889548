"""A letter as a mail: shared parts and one reader's own fit together, and the signature covers both."""

from __future__ import annotations

import base64
import re
from email import message_from_bytes, policy

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from handlers.catalogue import languages
from handlers.letter_mail import Edition, Reader, edition_mail, edition_of, letter_copy
from handlers.sign import Signer
from storage.models import Posting
from tests import dkim_signing
from tests.handlers.letter_sample import FAMILY, NOW, sample_page
from tests.handlers.letters import HOST

KEY = generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
SIGNER = Signer("oak.example", "s1", PEM)
EDITIONS = {
    language: edition_of(edition_mail(sample_page(language), FAMILY, HOST, now=NOW)) for language in languages()
}


def copy(edition: Edition, name: str = "Rose Okafor", *, url: str = "", signer: Signer | None = SIGNER) -> bytes:
    reader = Reader(name, "rose@home.example", "<n.x@oak.example>", "family-k7m2q9xwab@oak.example", url)
    return letter_copy(edition, reader, signer, NOW) + edition.pieces[-1]


def verifies(raw: bytes) -> bool:
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(PUBLIC)
    return dkim_signing.verifies(raw, lambda name, timeout=5: record)


@pytest.mark.parametrize("language", languages())
def test_the_signature_verifies(language):
    raw = copy(EDITIONS[language])
    assert verifies(raw)
    assert not verifies(raw.replace(b"Rose", b"Eve "))


@pytest.mark.parametrize("url", ["", "https://mail.oak.example/u/abc"])
def test_one_click_where_there_is_a_web_part(url):
    raw = copy(EDITIONS["en"], url=url)
    read = message_from_bytes(raw, policy=policy.SMTP)
    assert verifies(raw)
    assert ("List-Unsubscribe-Post" in read) == bool(url)
    assert "<mailto:family-k7m2q9xwab@oak.example>" in read["List-Unsubscribe"]
    assert bool(url) == (url in read["List-Unsubscribe"] and url != "")


@given(st.text(max_size=200))
def test_any_name_is_shown_and_breaks_nothing(name):
    raw = copy(EDITIONS["he"], name)
    assert verifies(raw)
    assert raw.isascii()
    _, _, body = raw.partition(b"\r\n\r\n")
    assert max(map(len, body.split(b"\r\n"))) <= 76 + 2
    assert b"=NAME=" not in raw
    read = message_from_bytes(raw, policy=policy.SMTP)
    assert not read.get_body(("plain",)).defects
    assert read["To"].addresses[0].addr_spec == "rose@home.example"


def test_a_name_is_escaped_in_the_html_only():
    read = message_from_bytes(copy(EDITIONS["en"], "<b>Tom&co</b>"), policy=policy.SMTP)
    assert "Good morning <b>Tom&co</b>." in read.get_body(("plain",)).get_content()
    assert "&lt;b&gt;Tom&amp;co&lt;/b&gt;" in read.get_body(("html",)).get_content()


def test_pictures_are_parts_of_the_mail():
    read = message_from_bytes(copy(EDITIONS["en"]), policy=policy.SMTP)
    page = read.get_body(("html",)).get_content()
    shown = re.findall(r'src="cid:([^"]+)"', page)
    found = {part["Content-ID"].strip("<>"): part for part in read.walk() if part["Content-ID"]}
    assert sorted(shown) == sorted(found)
    assert len(shown) == 3
    assert "http" not in re.sub(r"https://example\.org\S*", "", page).replace("http-equiv", "")


def test_an_announcement_asks_for_no_answer():
    news = FAMILY.model_copy(update={"posting": Posting.ANNOUNCE})
    page = sample_page("en")
    raw = edition_mail(page, news, HOST, now=NOW)
    read = message_from_bytes(raw, policy=policy.SMTP)
    assert read["List-Post"] == "NO"
    assert read["Reply-To"].addresses[0].addr_spec == "family-owner@oak.example"


def test_a_mail_that_is_no_edition_is_told():
    with pytest.raises(ValueError, match="no place"):
        edition_of(b"From: a@b.example\r\n\r\nHello\r\n")
