"""The header of a member's copy (contract §5)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.utils import parseaddr, parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import render
from handlers.header_field import display_name, header_field, mailbox_tokens, name_and_place, phrase_tokens, plain_text
from handlers.message import parse
from storage.models import Posting, Replies
from tests.copying import AT, FACTS, PRIVATE, SIGNER, TOKEN_ADDRESS, body_of, copy_of, facts_of, read, verifies

POST = (
    b"Received: from mx.home.example by oak.example; Mon, 23 Nov 2026 09:59:59 +0000\r\n"
    b"DKIM-Signature: v=1; d=home.example\r\n"
    b"Message-ID: <1@home.example>\r\n"
    b"From: Anna Lindqvist <anna@home.example>\r\n"
    b"To: family@oak.example, bob@work.example\r\n"
    b"Cc: Eve <eve@other.example>\r\n"
    b"Subject: =?utf-8?q?R=C3=A4ksm=C3=B6rg=C3=A5s?=\r\n  on Sunday\r\n"
    b"Date: Mon, 23 Nov 2026 10:59:00 +0100 (CET)\r\n"
    b"In-Reply-To: <0@work.example>\r\n"
    b"References: <root@work.example> <0@work.example>\r\n"
    b"MIME-Version: 1.0 (Apple Message framework)\r\n"
    b"Content-Type: text/plain;\r\n\tcharset=us-ascii\r\n"
    b"Content-Length: 12\r\n"
    b"Thread-Topic: Sunday\r\n"
    b"\r\nHello all!\r\n"
)

FOREIGN = (
    "Received", "Bcc", "Return-Receipt-To", "Disposition-Notification-To", "X-Confirm-Reading-To", "Autocrypt",
    "ARC-Seal", "Sender", "Author", "Authentication-Results", "X-Originating-IP", "X-Mailer", "List-Archive",
    "List-Unsubscribe", "List-Unsubscribe-Post", "Resent-From", "Delivered-To", "Return-Path", "Approved",
    "Auto-Submitted", "Reply-To", "Archived-At", "Precedence", "Comments", "Keywords", "Errors-To",
)  # fmt: skip


def fields_of(copy: bytes) -> list[tuple[str, str]]:
    return [(name.lower(), " ".join(str(value).split())) for name, value in read(copy).raw_items()]


def shown(value: str | None) -> str:
    return str(make_header(decode_header(value or "")))


def test_the_header_of_a_copy() -> None:
    copy = copy_of(POST)
    fields = dict(fields_of(copy))
    del fields["dkim-signature"]
    title = "=?utf-8?b?VGhlIExpbmRxdmlzdOKAk09rYWZvciBmYW1pbHk=?="
    assert fields == {
        "from": '"Anna Lindqvist (Family)" <anna.lindqvist@oak.example>',
        "to": f"{title} <family@oak.example>",
        "reply-to": f"{title} <family@oak.example>",
        "message-id": "<1@home.example>",
        "subject": "=?utf-8?q?R=C3=A4ksm=C3=B6rg=C3=A5s?= on Sunday",
        "date": "Mon, 23 Nov 2026 10:59:00 +0100 (CET)",
        "in-reply-to": "<0@work.example>",
        "references": f"{PRIVATE} <root@work.example> <0@work.example>",
        "mime-version": "1.0 (Apple Message framework)",
        "content-type": "text/plain; charset=us-ascii",
        "thread-topic": "Sunday",
        "list-id": f"{title} <family.oak.example>",
        "list-post": "<mailto:family@oak.example>",
        "list-help": "<mailto:family-help@oak.example>",
        "list-owner": "<mailto:family-owner@oak.example>",
        "list-unsubscribe": f"<mailto:{TOKEN_ADDRESS}>",
        "precedence": "list",
    }
    assert len(fields_of(copy)) == len(fields) + 1


def test_what_the_author_wrote_keeps_its_bytes() -> None:
    copy = copy_of(POST)
    for kept in (
        b"\r\nMessage-ID: <1@home.example>\r\n",
        b"\r\nSubject: =?utf-8?q?R=C3=A4ksm=C3=B6rg=C3=A5s?=\r\n  on Sunday\r\n",
        b"\r\nDate: Mon, 23 Nov 2026 10:59:00 +0100 (CET)\r\n",
        b"\r\nIn-Reply-To: <0@work.example>\r\n",
        b"\r\nMIME-Version: 1.0 (Apple Message framework)\r\n",
        b"\r\nContent-Type: text/plain;\r\n\tcharset=us-ascii\r\n",
    ):
        assert kept in copy


@pytest.mark.parametrize("name", FOREIGN)
def test_every_other_field_is_gone(name: str) -> None:
    copy = copy_of(f"{name}: told by anna@home.example\r\n".encode() + POST)
    assert b"told by" not in copy
    assert fields_of(copy)[1:] == fields_of(copy_of(POST))[1:]


def test_the_authors_address_stands_nowhere() -> None:
    for raw in (POST, b"In-Reply-To: Your message of Monday, anna@home.example <0@work.example>\r\n" + POST):
        assert b"anna@home.example" not in copy_of(raw)
        assert b"home.example" not in copy_of(raw.replace(b"1@home.example", b"1@x.example"))


def test_an_id_with_other_words_is_written_anew() -> None:
    raw = POST.replace(b"<1@home.example>", b"<1@home.example> (by anna@home.example)")
    assert b"\r\nMessage-ID: <1@home.example>\r\n" in copy_of(raw)
    raw = POST.replace(b"In-Reply-To: <0@work.example>", b"In-Reply-To: Anna's <0@work.example>")
    assert b"\r\nIn-Reply-To: <0@work.example>\r\n" in copy_of(raw)


def test_ids_are_those_that_storage_knows() -> None:
    copy = read(copy_of(POST, message_id="<p.x@oak.example>", in_reply_to=("<p.y@oak.example>",), references=()))
    assert copy["Message-ID"] == "<p.x@oak.example>"
    assert copy["In-Reply-To"] == "<p.y@oak.example>"
    assert copy["References"] == PRIVATE
    assert read(copy_of(POST, in_reply_to=()))["In-Reply-To"] is None


def test_what_is_missing_is_added() -> None:
    copy = read(copy_of(b"From: anna@home.example\r\n\r\nHello\r\n"))
    assert copy["Message-ID"] == "<p.minted@oak.example>"
    assert parsedate_to_datetime(copy["Date"]) == datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    assert copy["References"] == PRIVATE
    assert copy["Subject"] is None
    assert copy["MIME-Version"] is None
    empty = read(copy_of(b"From: anna@home.example\r\nDate:\r\nMessage-ID: \r\n\r\nHello\r\n"))
    assert empty["Date"] == copy["Date"]
    assert empty["Message-ID"] == "<p.minted@oak.example>"


def test_of_a_field_that_stands_twice_the_first_counts() -> None:
    raw = b"Content-Type: text/html\r\nContent-Type: text/plain\r\n" + POST.replace(b"Content-Type", b"X-Type")
    copy = copy_of(raw)
    assert read(copy).get_all("Content-Type") == ["text/html"]
    assert b"<p lang=" in body_of(copy)


def test_a_blank_before_the_colon_goes() -> None:
    copy = copy_of(POST.replace(b"Subject:", b"Subject \t:"))
    assert b"\r\nSubject: =?utf-8?q?" in copy


def test_raw_bytes_in_the_subject_stay() -> None:
    raw = POST.replace(b"on Sunday", b"p\xe5 s\xf6ndag")
    copy = copy_of(raw)
    assert b"\r\n  p\xe5 s\xf6ndag\r\n" in copy


def test_a_message_without_body() -> None:
    copy = copy_of(b"From: anna@home.example\r\nSubject: only this")
    assert b"\r\nSubject: only this\r\n" in copy
    assert body_of(copy).endswith(b"family-leave@oak.example.\r\n")


@pytest.mark.parametrize("changes", [{"list_posting": Posting.ANNOUNCE}, {"replies": Replies.AUTHOR}])
def test_where_only_the_author_reads(changes: dict[str, object]) -> None:
    copy = copy_of(POST, **changes)
    assert read(copy)["Reply-To"] == '"Anna Lindqvist (Family)" <anna.lindqvist@oak.example>'
    assert b"Only Anna Lindqvist reads your reply. To stop, write to family-leave@oak.example." in copy
    announce = changes.get("list_posting") is Posting.ANNOUNCE
    assert read(copy)["List-Post"] == ("NO" if announce else "<mailto:family@oak.example>")


def test_a_web_address_to_leave_stands_before_the_mail_address() -> None:
    copy = copy_of(POST, url="https://oak.example/u/abcdef")
    assert dict(fields_of(copy))["list-unsubscribe"] == f"<https://oak.example/u/abcdef>, <mailto:{TOKEN_ADDRESS}>"
    assert read(copy)["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    signed = re.sub(r"\s", "", read(copy)["DKIM-Signature"])
    assert ":list-unsubscribe:list-unsubscribe-post:" in signed


@pytest.mark.parametrize("name", ["From", "Subject", "To", "Reply-To", "List-Unsubscribe-Post", "Cc", "Sender", "Date"])
def test_a_field_that_is_added_breaks_the_signature(name: str) -> None:
    copy = copy_of(POST)
    added = f"{name}: Eve <eve@evil.example>\r\n".encode()
    assert not verifies(added + copy)
    header, body = copy.split(b"\r\n\r\n", 1)
    assert not verifies(header + b"\r\n" + added + b"\r\n" + body)


@pytest.mark.parametrize("name", [name for name, _ in fields_of(copy_of(POST)) if name != "thread-topic"])
def test_every_field_of_the_copy_is_signed(name: str) -> None:
    copy = copy_of(POST)
    changed = re.sub(rb"(?im)^" + name.encode() + rb":", name.encode() + b": changed", copy, count=1)
    assert changed != copy
    assert not verifies(changed)


def test_long_references_are_folded() -> None:
    ids = tuple(f"<{number:040d}@mail.home.example>" for number in range(150))
    copy = copy_of(POST, references=(*ids, f"<{'x' * 895}@y>"))
    assert read(copy)["References"].split() == [PRIVATE, *ids, f"<{'x' * 895}@y>"]
    header = copy.split(b"\r\n\r\n", 1)[0]
    assert max(map(len, header.split(b"\r\n"))) <= 998
    assert sum(len(line) > 78 for line in header.split(b"\r\n")) == 1


def test_ids_beyond_ascii_and_too_long_ones_do_no_harm() -> None:
    copy = copy_of(POST, references=("<å@home.example>", f"<{'å' * 890}@y>"), in_reply_to=("<ö@x>",))
    assert "<å@home.example>".encode() in copy
    assert "å" * 890 not in copy.decode("utf-8")


def test_two_members_copies_differ_only_where_they_are_personal() -> None:
    post = render.rendition(parse(POST), facts_of(POST), "en")
    headers = [
        render.copy(post, private_reference=f"<m.{who}@oak.example>", unsubscribe=who, signer=SIGNER, signed_at=AT)
        for who in ("anna2@oak.example", "bobby2@oak.example")
    ]
    differing = {
        name
        for one, other in zip(*(fields_of(header) for header in headers), strict=True)
        if one != other
        for name in one[:1]
    }
    assert differing == {"dkim-signature", "references", "list-unsubscribe"}
    assert all(verifies(header + post.body) for header in headers)


def test_the_same_copy_is_the_same_each_time() -> None:
    assert copy_of(POST) == copy_of(POST)


@pytest.mark.parametrize("evil", ["x@y>\r\nBcc: <eve@evil.example", "x\ny", "x\0"])
def test_nothing_personal_can_end_its_line(evil: str) -> None:
    post = render.rendition(parse(POST), facts_of(POST), "en")
    with pytest.raises(ValueError, match="cannot stand in"):
        render.copy(post, private_reference=PRIVATE, unsubscribe=evil, signer=SIGNER, signed_at=AT)
    with pytest.raises(ValueError, match="cannot stand in"):
        render.copy(post, private_reference=evil, unsubscribe="x@y", signer=SIGNER, signed_at=AT)


@given(st.text(max_size=120), st.text(max_size=120))
def test_names_and_titles_of_any_kind(name: str, title: str) -> None:
    copy = copy_of(POST, author_name=name, list_title=title)
    message = read(copy)
    assert parseaddr(message["From"])[1] == "anna.lindqvist@oak.example"
    assert parseaddr(message["To"])[1] == "family@oak.example"
    assert shown(parseaddr(" ".join(message["From"].split()))[0]).endswith(" (Family)")
    assert [field for field, _ in fields_of(copy)] == [field for field, _ in fields_of(copy_of(POST))]
    assert max(map(len, copy.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("Anna Lindqvist", "Anna Lindqvist"),
        ("Märta Öberg", "Märta Öberg"),
        ('Anna "Anni" Lindqvist', "Anna Anni Lindqvist"),
        ("Anna Lindqvist <anna@home.example>", "Anna Lindqvist"),
        ("anna@home.example", "anna.lindqvist"),
        ("'anna@home.example'", "anna.lindqvist"),
        ("Anna (anna@home.example)", "Anna"),
        ("Anna via Family", "Anna"),
        ("Anna [family]", "Anna"),
        ("Anna (2)", "Anna"),
        ("Lindqvist, Anna", "Lindqvist, Anna"),
        ("Anna\r\nBcc: eve@evil.example", "Anna Bcc"),
        ("\u202eanna\u202c\u200b", "anna"),
        ("", "anna.lindqvist"),
        ("山田太郎", "山田太郎"),
        ("می‌خواهم", "می‌خواهم"),
        ("=?utf-8?q?Eve?=", "=?utf-8?q?Eve?="),
        ("x" * 200, "x" * 79 + "…"),
    ],
)
def test_the_name_that_others_see(name: str, seen: str) -> None:
    value = " ".join(read(copy_of(POST, author_name=name))["From"].split())
    assert shown(parseaddr(value)[0]) == f"{seen} (Family)"[:80] or seen.endswith("…")
    assert display_name(name, otherwise="anna.lindqvist") == seen


def test_encoded_words_are_short_and_cut_no_character() -> None:
    words = phrase_tokens("Ärztinnen und Ärzte der Straße am Fluß 🏡🏡🏡🏡🏡🏡 und drumherum")
    assert len(words) > 1
    assert all(len(word) <= 75 for word in words)
    assert all(re.fullmatch(r"=\?utf-8\?b\?[A-Za-z0-9+/=]+\?=", word) for word in words)
    assert all("\ufffd" not in shown(word) for word in words)
    assert shown(" ".join(words)) == "Ärztinnen und Ärzte der Straße am Fluß 🏡🏡🏡🏡🏡🏡 und drumherum"


def test_quotes_in_a_phrase_are_escaped() -> None:
    assert mailbox_tokens('The "Oak" \\ Street', "oak@x.example") == ['"The \\"Oak\\" \\\\ Street"', "<oak@x.example>"]
    assert plain_text("Oak\r\nStreet \x00") == "Oak Street"


def test_a_long_name_is_cut_before_its_brackets() -> None:
    long = "Anna " + "Lindqvist " * 12
    assert name_and_place("Anna Lindqvist", "Family") == "Anna Lindqvist (Family)"
    assert name_and_place(long, "Family").endswith("… (Family)")
    assert len(name_and_place(long, "Family")) <= 80
    assert name_and_place("Anna", "p" * 200).startswith("Anna (ppp")
    copy = read(copy_of(POST, author_name=long))
    assert shown(parseaddr(" ".join(copy["From"].split()))[0]).endswith("… (Family)")


def test_without_a_name_an_address_stands_alone() -> None:
    assert mailbox_tokens(" \u200b ", "oak@x.example") == ["<oak@x.example>"]


def test_a_field_is_folded_between_its_tokens() -> None:
    field = header_field("References", [f"<{number}@home.example>" for number in range(20)])
    assert all(len(line) <= 78 for line in field.split(b"\r\n"))
    assert field.replace(b"\r\n ", b" ").count(b"@") == 20
    with pytest.raises(ValueError, match="cannot stand in X"):
        header_field("X", ["a" * 1000])


def test_a_title_of_nothing_is_the_lists_name() -> None:
    assert read(copy_of(POST, list_title=" \u200b "))["To"] == '"family" <family@oak.example>'


def test_a_notice_of_ours_is_signed_as_it_stands() -> None:
    raw = b"From: family@oak.example\r\nSubject: Welcome\r\nAuto-Submitted: auto-generated\r\n\r\nHello\r\n"
    signed = render.notice_copy(raw, SIGNER, AT)
    assert signed.endswith(raw)
    assert verifies(signed)
    assert not verifies(b"Subject: other\r\n" + signed)


@pytest.mark.parametrize(
    ("language", "begins"),
    [
        ("en", "Everyone in "),
        ("de", "Alle in "),
        ("sv-SE", "Alla i "),
        ("FR", "Tout le monde dans "),
        ("es-MX", "Todos en "),
        ("xx", "Everyone in "),
        ("", "Everyone in "),
    ],
)
def test_the_line_speaks_the_members_language(language: str, begins: str) -> None:
    for facts in (FACTS, replace(FACTS, replies=Replies.AUTHOR)):
        line = render.footer_line(facts, language)
        assert line.endswith("family-leave@oak.example.")
        assert "{" not in line
    assert render.footer_line(FACTS, language).startswith(begins + "The Lindqvist–Okafor family ")
