"""What leaves home with a post, and what does not (spec/federation.md §2.6)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers import mime
from handlers.message import Message, parse
from handlers.peer.border import BorderFacts, StaysHome, Why, crossing, leaks, space_name_of
from handlers.peer.compose import Departing, seal_post
from handlers.peer.hidden import Hidden
from handlers.peer.hop import Hop, hop_is_good, signed_hop
from handlers.peer.keys import PeerKey
from handlers.peer.relay_mail import read_post_mail, write_post_mail
from handlers.peer.seal import seal_is_good
from handlers.peer.store import Own
from tests.growth import grows_linearly

NAMES = {"ana@home.example": "Ana R.", "bob@mail.example": "Bob P.", "åsa+list@bücher.example": "Åsa"}
FACTS = BorderFacts({**NAMES, "åsa+list@xn--bcher-kva.example": "Åsa"})
HEAD = (
    "Received: from laptop (10.0.0.7)\r\nFrom: Ana <ana@home.example>\r\nTo: garden-plum@oak.example\r\n"
    "Cc: bob@mail.example\r\nDate: Mon, 23 Nov 2026 09:00:00 +0200\r\nMessage-ID: <x.ana@home.example>\r\n"
    "X-Originating-IP: 10.0.0.7\r\nAutocrypt: addr=ana@home.example; keydata=AAAA\r\nUser-Agent: Mutt\r\n"
    "Subject: Apples for bob@mail.example\r\nMIME-Version: 1.0\r\n"
)


def mail(content: str) -> Message:
    return parse((HEAD + content.replace("\n", "\r\n")).encode())


def plain(text: str) -> Message:
    return mail(f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}")


def read(content: bytes) -> list[tuple[str, str]]:
    message = parse(content)
    return [(part.content_type, mime.text(message, part)) for part in mime.parts(message) if not part.is_multipart]


def text_of(message: Message, facts: BorderFacts = FACTS) -> str:
    return read(crossing(message, facts).content)[0][1]


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("On Monday bob@mail.example wrote:\n> yes\n", "On Monday [Bob P.] wrote:\n> yes\n"),
        ("<BOB@Mail.Example>,ana@home.example.", "<[Bob P.]>,[Ana R.]."),
        ("mailto:bob%40mail.example?subject=x", "mailto:[Bob P.]?subject=x"),
        ("mailto=bob@mail.example.See you", "mailto=[Bob P.].See you"),
        ("*bob@mail.example*", "*[Bob P.]*"),
        ("åsa@bücher.example ÅSA+LIST@xn--bcher-kva.example", "[Åsa] [Åsa]"),
        ("bob+shop@mail.example", "[Bob P.]"),
        ("jimbob@mail.example, eve@mail.example", "jimbob@mail.example, eve@mail.example"),
        ("bob @ mail.example", "bob @ mail.example"),
        ("Grüße 🌳\n\n", "Grüße 🌳\n\n"),
    ],
)
def test_f48_addresses_become_names(written: str, left: str) -> None:
    assert text_of(plain(written)) == left


@pytest.mark.parametrize(
    "html",
    [
        "<p>On Monday <a href='mailto:bob@mail.example'>bob@mail.example</a> wrote:</p>",
        "<p>&#98;ob&#64;mail.example and &#x62;&#111;b&commat;mail.example</p>",
        '<a href="mailto:bob%40mail.example">Bob</a>',
    ],
)
def test_f48_in_pages(html: str) -> None:
    message = mail(f"Content-Type: text/html; charset=utf-8\n\n{html}")
    found = text_of(message)
    assert "[Bob P.]" in found
    assert "mail.example" not in found


def test_f47_no_address_in_all_bytes() -> None:
    image = base64.b64encode(bytes(range(256))).decode()
    message = mail(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=c\n\n"
        "--c\nContent-Type: text/plain; charset=iso-8859-1; format=flowed\n"
        "Content-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe von ana@home.ex=\nample=20\nund bob@mail.example\n"
        "--c\nContent-Type: text/html\n\n"
        "<p>ana@home.example</p>\n--c--\n--b\nContent-Type: image/png; name=a.png\n"
        f"Content-Transfer-Encoding: base64\nContent-ID: <a1@home>\n\n{image}\n--b--\n"
    )
    found = crossing(message, FACTS)
    assert not Hidden(FACTS.names).is_in(found.content.decode("ascii"))
    assert found.subject == "Apples for [Bob P.]"
    assert [kind for kind, _ in read(found.content)] == ["text/plain", "text/html", "image/png"]
    assert read(found.content)[0][1] == "Grüße von [Ana R.] \nund [Bob P.]"
    assert found.has_files
    for gone in (b"Received", b"10.0.0.7", b"Autocrypt", b"Mutt", b"+0200", b"Cc:"):
        assert gone not in found.content
    assert max(len(line) for line in found.content.split(b"\r\n")) <= 78
    assert found.content.isascii()
    picture = mime.parts(parse(found.content))[-1]
    assert mime.decoded(parse(found.content), picture) == bytes(range(256))
    assert (picture.content_id, picture.filename) == ("a1@home", "a.png")


def test_f50_her_own_address_where_she_shows_it() -> None:
    shown = BorderFacts(FACTS.names, exempt=["ana@home.example"])
    assert text_of(plain("ana@home.example, bob@mail.example"), shown) == "ana@home.example, [Bob P.]"


def test_parts_that_carry_addresses_stay_behind() -> None:
    message = mail(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nHello\n"
        "--b\nContent-Type: text/calendar; name=party.ics\n\n"
        "ORGANIZER:mailto:bob@mail.example\n--b\nContent-Type: message/rfc822\n\nFrom: bob@mail.example\n\nHi\n"
        "--b\nContent-Type: application/pgp-keys; name=key.asc\n\nAAAA\n--b--\n"
    )
    found = crossing(message, FACTS)
    assert found.left_out == ("party.ics", "message/rfc822", "key.asc")
    assert read(found.content) == [
        ("text/plain", "Hello\n\nLeft out here: party.ics, message/rfc822, key.asc.\n"),
    ]
    german = crossing(message, BorderFacts(FACTS.names, language="de"))
    assert "Hier weggelassen: party.ics" in read(german.content)[0][1]


def test_a_signature_goes_without_a_word() -> None:
    message = mail(
        "Content-Type: multipart/signed; boundary=b; protocol=x\n\n--b\n\nHello\n"
        "--b\nContent-Type: application/pgp-signature\n\nAAAA\n--b--\n"
    )
    assert read(crossing(message, FACTS).content) == [("text/plain", "Hello")]


def test_nothing_but_an_invitation() -> None:
    found = crossing(mail("Content-Type: text/calendar; name=party.ics\n\nX\n"), FACTS)
    assert read(found.content) == [("text/plain", "Left out here: party.ics.\n")]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("Content-Type: multipart/encrypted; boundary=b\n\n--b\nContent-Type: application/octet-stream\n\nx\n--b--\n",
         Why.ENCRYPTED),
        ("Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\nAAAA\n", Why.ENCRYPTED),
        ("Content-Type: text/html\n\n<p>b<b>o</b>b@mail.<i>example</i></p>\n", Why.ADDRESS),
        ("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nbob\u200b@mail.example\n",
         Why.ADDRESS),
        ("Content-Type: text/plain\n\n> bob@mail\n> .example\n", Why.ADDRESS),
        ('Content-Type: image/png; name="bob@mail.example.png"\n\nx\n', Why.ADDRESS),
        ("Content-Type: text/plain\n\n" + "@ " * 10_001, Why.ADDRESS),
        ("Content-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 150, Why.UNREADABLE),
        ("Content-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 250, Why.UNREADABLE),
    ],
)  # fmt: skip
def test_it_stays_at_home(content: str, why: Why) -> None:
    with pytest.raises(StaysHome) as stays:
        crossing(mail(content), FACTS)
    assert stays.value.why is why


def test_f80_too_large_a_post_stays_at_home() -> None:
    with pytest.raises(StaysHome) as stays:
        crossing(plain("x" * 2000), BorderFacts(FACTS.names, largest=1000))
    assert stays.value.why is Why.SIZE


def test_the_leak_test_alone() -> None:
    hidden = Hidden(FACTS.names)
    content = b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    assert leaks("bob@mail.example", content, hidden)
    assert leaks("", content + base64.b64encode(b"so bob@mail.example"), hidden)
    assert not leaks("", content + base64.b64encode(b"so eve@mail.example"), hidden)
    assert not leaks("bob@mail.example", content, Hidden({}))


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Ana R.", "Ana R."), ("ana@home.example", "member"), ("", "member"), ("Ana <a@b>", "member"), ("Z\n", "Z")],
)
def test_a_name_never_tells_an_address(name: str, shown: str) -> None:
    assert space_name_of(name) == shown


@given(subject=st.text(max_size=400), name=st.text(max_size=120), body=st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_whatever_she_writes_arrives_under_a_good_seal(subject: str, name: str, body: str) -> None:
    key = PeerKey(bytes(32))
    header = f"Subject: =?utf-8?b?{base64.b64encode(subject.encode('utf-8', 'replace')).decode()}?=\r\n"
    text = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    coded = base64.encodebytes(body.encode("utf-8", "replace")).decode().replace("\n", "\r\n")
    try:
        made = crossing(parse((header + text + coded).encode()), FACTS)
    except StaysHome:
        return
    now = datetime(2026, 11, 22, 10, tzinfo=UTC)
    departing = Departing("<a.spaces.b.example>", 1, "<c.b.example>", now, "aaaaabbbbb", space_name_of(name), 365)
    post = seal_post(Own("b.example", key), departing, made, "a" * 26)
    hop = signed_hop(Hop("b.example", "d.example", "aaaabbbb", 1, post.digest, "b.example"), key)
    mail = read_post_mail(parse(write_post_mail(post, hop, to="organic-peer-x@d.example", title="Ä, B")))
    assert seal_is_good(mail.post, key.public)
    assert hop_is_good(mail.hop, key.public)
    assert mail.post == post


def test_it_is_linear() -> None:
    hidden = Hidden({f"m{number}.{number}@mail.example": "M" for number in range(500)})
    line = "a.b-c.d_e.f=g+h@mail.example.x.y.z m1.1@mail.example "
    assert grows_linearly(lambda size: hidden.without(line * size), 200)
