"""Seals, hops and the mails that carry them (spec/federation.md §2.3, §2.4, Appendix A)."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from handlers.message import parse
from handlers.peer.control import Unreadable
from handlers.peer.hop import Hop, hop_is_good, signed_hop
from handlers.peer.keys import PeerKey
from handlers.peer.relay_mail import PostMail, read_post_mail, write_post_mail
from handlers.peer.seal import Kind, PostKey, Scope, Seal, SealedPost, seal_digest, seal_is_good, sealed
from handlers.peer.shape import contents_of

KEY = PeerKey(bytes(range(32)))
BODY = "Hello neighbours,\r\nThe apples are ripe.   \r\n\r\n"
CONTENT = (
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + BODY.encode()
)
POST = "q7m2k5x3d4t6w7z2b4n6p5r2ca"
SEAL = Seal(
    kind=Kind.POST,
    key=PostKey("oak.example", POST, 1),
    space="<plum-street.spaces.oak.example>",
    roster=7,
    list_id="<garden.oak.example>",
    date=datetime(2026, 11, 22, 10, tzinfo=UTC),
    author="k7p3m2q5x4",
    name="Ana R.",
    scope=Scope.SPACE,
    keep=365,
    address="hidden",
    subject="Apples",
    message_id=f"<{POST}@oak.example>",
    in_reply_to="",
    contents=contents_of(parse(CONTENT)),
)
DIGEST = "XoKXP6CZNFiie1FKk54JFJa3hzYKXBb7JotLtEa6CXw="
SIGNATURE = "03scVh0NutEdSF0IQ3sxp4m3UwVfmyMqVAt0f8HRmGrFs5zgw00BTej0RV+zd1hF+vnjfHmIqD3nGFIbmETrAA=="
HOP = Hop("oak.example", "pine.example", "r4t6y7u2", 1841, DIGEST, "oak.example")
HOP_SIGNATURE = "oDMRadBh8nRhxMSW1Hb39HnS+Qupe6bxaiv/7+Vmp9DzxiwbgnRr9VRTreq2gS5gls3DTGCEEVaoJ7fcldQ3AQ=="


def mail_of(post: SealedPost) -> bytes:
    hop = signed_hop(replace(HOP, what=post.digest), KEY)
    return write_post_mail(post, hop, to="organic-peer-7w2k5q3m@pine.example", title="Plum Street")


def read(raw: bytes) -> PostMail:
    return read_post_mail(parse(raw))


def is_good(raw: bytes) -> bool:
    return seal_is_good(read(raw).post, KEY.public)


def test_f11_the_worked_vector() -> None:
    assert SEAL.contents.shape == "1"
    assert SEAL.contents.parts == ("text/plain;inline;;Osujr3eeyto8zF22Yl02cdz+yzsbQmStzsfeiEQV1X4=",)
    post = sealed(SEAL, CONTENT, KEY)
    assert (post.key_id, post.digest, post.signature) == ("kzdvvj2umnduyauf", DIGEST, SIGNATURE)
    assert signed_hop(HOP, KEY).signature == HOP_SIGNATURE
    assert seal_is_good(post, KEY.public)
    assert hop_is_good(signed_hop(HOP, KEY), KEY.public)


def test_a_relay_mail_is_read_as_it_was_written() -> None:
    post = sealed(SEAL, CONTENT, KEY)
    mail = read(mail_of(post))
    assert mail.post == post
    assert mail.hop.hop == HOP
    assert mail.hop.signature == HOP_SIGNATURE
    assert mail.critical == ()


def test_every_value_travels_in_any_script() -> None:
    seal = replace(
        SEAL,
        name='Ann "the; 100%" Ös 母',
        subject="Äpfel & Birnen: 100 % reif; wer mag? =?utf-8?q?x?= " + "lang " * 30 + "母",
        address="anna;%=ö@oak.example",
        kind=Kind.EDIT,
        key=replace(SEAL.key, rev=2),
        message_id=f"<{POST}.2@oak.example>",
        in_reply_to=f"<{POST}@oak.example>",
        twin="AAECAwQFBgcICQoLDA0ODw==",
        notify=True,
    )
    post = sealed(seal, CONTENT, KEY)
    mail = read(mail_of(post))
    assert mail.post == post
    assert seal_is_good(mail.post, KEY.public)


def test_a_private_mail_and_a_retraction_travel_too() -> None:
    private = sealed(replace(SEAL, kind=Kind.PRIVATE, to_author="aaaaabbbbb"), CONTENT, KEY)
    assert read(mail_of(private)).post == private
    gone = replace(SEAL, kind=Kind.RETRACT, key=replace(SEAL.key, rev=2), message_id=f"<{POST}.2@oak.example>")
    gone = replace(gone, reason="wrong date; sorry", contents=replace(SEAL.contents, shape="", parts=()))
    retraction = sealed(gone, CONTENT, KEY)
    assert read(mail_of(retraction)).post == retraction
    assert is_good(mail_of(retraction))


def test_f15_another_transfer_encoding_breaks_no_seal() -> None:
    text = "Grüße,\r\nbis Samstag = übermorgen\r\n"
    head = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
    eight = head + b"8bit\r\n\r\n" + text.encode()
    coded = head + b"base64\r\n\r\n" + base64.encodebytes(text.encode()).replace(b"\n", b"\r\n")
    quoted = head + b"quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe,\r\nbis Samstag =3D =\r\n=C3=BCbermorgen\r\n"
    raw = mail_of(sealed(replace(SEAL, contents=contents_of(parse(eight))), eight, KEY))
    for other in (coded, quoted):
        assert is_good(raw.replace(eight, other))


def test_f16_one_other_letter_breaks_the_seal() -> None:
    raw = mail_of(sealed(SEAL, CONTENT, KEY))
    assert is_good(raw)
    assert not is_good(raw.replace(b"apples are ripe", b"apples are rife"))


MIXED = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b\r\n"
    b"Content-Type: image/png; name=a.png\r\nContent-Disposition: attachment; filename=a.png\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\r\nAAAA\r\n", b"\r\nAAAB\r\n"),
        (b"filename=a.png", b"filename=b.png"),
        (b"image/png; name", b"image/gif; name"),
        (b"attachment; filename", b"inline; filename"),
        (b"--b--", b"--b\r\n\r\nmore\r\n--b--"),
        (b"multipart/mixed", b"multipart/related"),
    ],
)
def test_f17_another_attachment_or_a_part_more_breaks_the_seal(old: bytes, new: bytes) -> None:
    seal = replace(SEAL, contents=contents_of(parse(MIXED)))
    assert seal.contents.shape == "mixed(1,2)"
    raw = mail_of(sealed(seal, MIXED, KEY))
    assert is_good(raw)
    assert not is_good(raw.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"keep=365", b"keep=366"),
        (b"roster=7", b"roster=8"),
        (b"address=hidden", b"address=shown"),
        (b"Subject: Apples", b"Subject: Apple"),
        (b"scope=space", b"scope=home"),
        (b"k7p3m2q5x4", b"k7p3m2q5x5"),
        (b"garden.oak", b"kitchen.oak"),
        (b"10:00:00Z", b"10:00:01Z"),
        (b"Ana%20R.", b"Ana%20S."),
        (b"rev=1;", b"notify=yes; rev=1;"),
        (b"List-Id:", b"In-Reply-To: <other@oak.example>\r\nList-Id:"),
    ],
)
def test_f18_every_field_of_the_seal_counts(old: bytes, new: bytes) -> None:
    raw = mail_of(sealed(SEAL, CONTENT, KEY))
    assert raw.replace(old, new) != raw
    assert not is_good(raw.replace(old, new))


def test_f23_the_mail_shows_the_post() -> None:
    message = parse(mail_of(sealed(SEAL, CONTENT, KEY)))
    assert message.value("from") == '"Ana R. (garden, oak.example)" <organic-relay@oak.example>'
    assert message.subject == "Apples"
    assert message.date == SEAL.date
    assert message.message_id == SEAL.message_id
    assert message.value("list-id") == '"Plum Street" <plum-street.spaces.oak.example>'
    assert message.value("auto-submitted") == "auto-generated"
    assert message.body.decode() == BODY


def test_f24_a_relay_changes_the_envelope_fields_alone() -> None:
    first = mail_of(sealed(SEAL, CONTENT, KEY))
    pine = PeerKey(bytes(32))
    hop = signed_hop(Hop("pine.example", "birch.example", "aaaabbbb", 3, DIGEST, "pine.example!oak.example"), pine)
    second = write_post_mail(read(first).post, hop, to="organic-peer-zzz@birch.example", title="Plum Street")
    one, two = parse(first), parse(second)
    assert one.body == two.body
    changed = {
        field.name
        for field in one.fields
        if [one.field_bytes(each) for each in one.all(field.name)]
        != [two.field_bytes(each) for each in two.all(field.name)]
    }
    assert changed == {"from", "to", "organic-path", "organic-hop"}
    assert is_good(second)


def test_f25_fields_of_the_future_are_passed_on() -> None:
    raw = mail_of(sealed(SEAL, CONTENT, KEY)).replace(b"Organic-Path:", b"Organic-Foo: bar;\r\n baz\r\nOrganic-Path:")
    mail = read(raw)
    assert seal_is_good(mail.post, KEY.public)
    assert b"\r\nOrganic-Foo: bar;\r\n baz\r\n" in mail_of(mail.post)


def test_who_relays_cannot_make_the_mail_grow_without_end() -> None:
    raw = mail_of(sealed(SEAL, CONTENT, KEY)).replace(
        b"Organic-Path:", b"Organic-Foo: " + b"x" * 900 + b"\r\n" + b"Organic-Bar: y\r\n" * 300 + b"Organic-Path:"
    )
    assert len(read(raw).post.others) <= 4096


def test_what_must_be_understood_is_named() -> None:
    raw = mail_of(sealed(SEAL, CONTENT, KEY)).replace(b"Organic-Path:", b"Organic-Critical: foo, Bar\r\nOrganic-Path:")
    assert read(raw).critical == ("foo", "bar")
    assert read(mail_of(read(raw).post)).critical == ("foo", "bar")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Organic-Seal: ", b"Organic-Seel: "),
        (b"Organic-Type: post", b"Organic-Type: poster"),
        (b"rev=1", b"rev=2"),
        (b"rev=1", b"rev=1; rev=1"),
        (b"seq=1841", b"seq=-1"),
        (b"Organic-Space", b"Organic-Post: x=y\r\nOrganic-Space"),
        (b"q7m2k5x3d4t6w7z2b4n6p5r2ca@", b"other@"),
        (b"From: ", b"From: a@b.example, "),
    ],
)
def test_what_no_server_writes_is_not_read(old: bytes, new: bytes) -> None:
    with pytest.raises(Unreadable):
        read(mail_of(sealed(SEAL, CONTENT, KEY)).replace(old, new, 1))


def test_too_many_parts_or_levels_are_not_read() -> None:
    many = CONTENT.replace(b"text/plain; charset=utf-8", b"multipart/mixed; boundary=b") + b"--b\r\n\r\nx\r\n" * 101
    with pytest.raises(Unreadable):
        contents_of(parse(many))
    deep = b"MIME-Version: 1.0\r\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(12)
    )
    with pytest.raises(Unreadable):
        contents_of(parse(deep))


def test_a_value_with_a_line_break_cannot_be_sealed() -> None:
    with pytest.raises(Unreadable):
        seal_digest(replace(SEAL, name="Ana\nscope:home"))
