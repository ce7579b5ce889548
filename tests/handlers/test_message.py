"""Headers as spans of bytes, and what stands in single fields."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.encoded_word import decode_words
from handlers.field_value import field_text, message_ids, moment, unfolded
from handlers.message import MalformedMessage, Message, parse
from tests.growth import costs_at_most, grows_linearly

DATA = Path(__file__).parents[2].parent / "shared" / "data"
PLAIN = b"From: Anna <anna@oak.example>\r\nSubject: Lake\r\n photos\r\n\r\nHello\r\n"


def cases(name: str) -> list[dict[str, Any]]:
    return list(json.loads((DATA / f"headers-{name}" / "cases.json").read_text()).values())


def names(message: Message) -> list[str]:
    return [field.name for field in message.fields]


def test_fields_are_spans_of_the_bytes() -> None:
    message = parse(PLAIN)
    assert [message.field_bytes(field) for field in message.fields] == [
        b"From: Anna <anna@oak.example>\r\n",
        b"Subject: Lake\r\n photos\r\n",
    ]
    assert message.raw[message.fields[1].colon : message.fields[1].colon + 1] == b":"
    assert message.body == b"Hello\r\n"
    assert message.subject == "Lake photos"
    assert message.raw_value("subject") == b"Lake photos"
    assert message.value("to") is None
    assert message.all("from") == message.fields[:1]


def test_a_bare_carriage_return_breaks_no_value() -> None:
    message = parse(b"Subject: one\rBcc: two\r\n\r\n")
    assert message.subject == "one Bcc: two"
    assert message.raw_value("subject") == b"one Bcc: two"


def test_lines_of_old_archives_end_in_a_line_feed() -> None:
    message = parse(PLAIN.replace(b"\r\n", b"\n"))
    assert message.subject == "Lake photos"
    assert message.body == b"Hello\n"


@pytest.mark.parametrize(
    ("raw", "expected", "body"),
    [
        (b"From anna Mon Nov 1 10:00\r\nFrom: a@b.c\r\nTo: d@e.f\r\n\r\nHi", ["from", "to"], b"Hi"),
        (b"From: a@b.c\r\nSubject: one\r\nbroken here\r\nTo: d@e.f\r\n\r\nHi", ["from", "subject", "to"], b"Hi"),
        (b"From: a@b.c\r\nDear all,\r\nwe are back.\r\n", ["from"], b"Dear all,\r\nwe are back.\r\n"),
        (b"Dear all,\r\nwe are back.\r\n", [], b"Dear all,\r\nwe are back.\r\n"),
        (b"\r\nDear all", [], b"Dear all"),
        (b"From : a@b.c\r\n\r\nHi", ["from"], b"Hi"),
        (b"From: a@b.c", ["from"], b""),
        (b"", [], b""),
    ],
)
def test_what_is_no_field_loses_as_little_as_possible(raw: bytes, expected: list[str], body: bytes) -> None:
    message = parse(raw)
    assert names(message) == expected
    assert message.body == body


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"From: a@b.c\r\n\r\nnul \0 here", "NUL"),
        (b"From: a@b.c\r\nFrom: d@e.f\r\n\r\n", "more than one From"),
        (b"Subject: a\r\nsubject: b\r\n\r\n", "more than one Subject"),
        (b"Message-ID: <a@b>\r\nMessage-Id: <a@b>\r\n\r\n", "more than one Message-Id"),
        (b"Date: x\r\nDate: y\r\n\r\n", "more than one Date"),
        (b"X: y\r\n" * 501 + b"\r\n", "too many lines"),
        (b"X: y\r\n" + b" z\r\n" * 500 + b"\r\n", "too many lines"),
        (b"X: " + b"y" * 16_500 + b"\r\n\r\n", "too long"),
        (b"X: y\r\n" + b" " + b"z" * 9_000 + b"\r\n " + b"z" * 9_000 + b"\r\n\r\n", "too long"),
        (b"".join(b"X-%d: " % n + b"y" * 8_000 + b"\r\n" for n in range(9)) + b"\r\n", "too large"),
        (b"Subject: " + b"y" * 8_200 + b"\r\n\r\n", "8 KiB"),
        (b"To: " + b"a@b.example,\r\n " * 490 + b"\r\n" * 2, None),
        (b"DKIM-Signature: v=1\r\n" * 11 + b"\r\n", "signatures"),
        (b"DKIM-Signature: v=1\r\n" * 10 + b"\r\n", None),
        (b"X: y\r\n" * 500 + b"\r\n" + b"body line\r\n" * 20_000, None),
    ],
)
def test_caps_are_refused_with_a_reason(raw: bytes, reason: str | None) -> None:
    if reason is None:
        parse(raw)
        return
    with pytest.raises(MalformedMessage, match=reason) as refused:
        parse(raw)
    assert refused.value.reason.endswith(".")


def test_a_huge_line_is_refused_or_taken() -> None:
    assert parse(b"a" * 20_000_000).body_start == 0
    with pytest.raises(MalformedMessage):
        parse(b"a:" + b"a" * 20_000_000)


@pytest.mark.parametrize("begin", [b"", b"a:"])
def test_a_huge_line_costs_no_more_than_to_look_through_it(begin: bytes) -> None:
    line = begin + b"a" * 20_000_000

    def read() -> None:
        with suppress(MalformedMessage):
            parse(line)

    assert costs_at_most(20, read, lambda: line.count(b"\0"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=?utf-8?q?J=C3=B6rg?=", "Jörg"),
        ("=?utf-8?b?SsO2cmc=?= Berg", "Jörg Berg"),
        ("=?UTF-8*de?Q?J=C3=B6rg_Berg?=", "Jörg Berg"),
        ("=?utf-8?b?4oI=?=\r\n =?utf-8?b?rA==?=", "€"),
        ("=?utf-8?q?a?= =?iso-8859-1?q?=E4?=", "aä"),
        ("=?iso-8859-1?q?caf=E9=80?=", "café€"),
        ("=?utf-8?q?How_are_you=3F?=", "How are you?"),
        ("=?utf-8?q?How are you??=", "How are you?"),
        ("=?x-unknown?q?J=C3=B6rg?=", "Jörg"),
        ("=?utf-8?b?SsO2cmc?=", "Jörg"),
        ("=?utf-8?b?SsO2!cmc=?=", "Jörg"),
        ("=?utf-8?q?=0D=0ABcc:_x?=", "  Bcc: x"),
        ("=?utf-8?z?abc?=", "=?utf-8?z?abc?="),
        ("=?utf-8?q?never ends", "=?utf-8?q?never ends"),
        ("=?utf-8?q?a=?utf-8?q?b?=", "=?utf-8?q?ab"),
        ("a =? b", "a =? b"),
        ("a\x1b[31m b\u2028c", "a [31m b c"),
        ("=?utf-8?q?\ud800?=", "?"),
    ],
)
def test_encoded_words(text: str, expected: str) -> None:
    assert decode_words(text) == expected


@pytest.mark.parametrize(("words", "end"), [("=?utf-8?q?=C3=A4?= x =?utf-8?b?w6Q=?= ", ""), ("=?utf-8?q?", "?=")])
def test_many_encoded_words_take_linear_time(words: str, end: str) -> None:
    assert grows_linearly(lambda count: decode_words(words * count + end), 2_500)


@given(st.text())
def test_encoded_words_never_fail_nor_break_a_line(text: str) -> None:
    decoded = decode_words(text.replace("\r", "").replace("\n", ""))
    assert "\r" not in decoded
    assert "\n" not in decoded
    decode_words("=?utf-8?q?" + text + "?=")
    decode_words("=?" + text + "?b?aaaa?=")


def test_unstructured_cases() -> None:
    right = 0
    for case in cases("unstructured"):
        read = decode_words(field_text(unfolded(case["header"].encode())))
        right += "".join(read.split()) == "".join(case["expected"].split())
    assert right >= 14


def test_id_cases() -> None:
    for case in cases("id"):
        read = message_ids(field_text(unfolded(case["header"].encode())))
        assert list(read) == [f"<{''.join(expected.split())}>" for expected in case["expected"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<a@b>, <c@d>", ("<a@b>", "<c@d>")),
        ("<a@b><c@d> <a@b>", ("<a@b>", "<c@d>")),
        ('Your message of "Tue, 3 Nov" <a@b>', ("<a@b>",)),
        ("message of Tue (Anna) from a@b", ("<a@b>",)),
        ("<\r\n a@b>", ("<a@b>",)),
        ("<>", ()),
        ("", ()),
        (f"<{'x' * 2000}@b>", ()),
    ],
)
def test_ids(text: str, expected: tuple[str, ...]) -> None:
    assert message_ids(text) == expected


def test_of_too_many_references_the_root_and_the_nearest_stay() -> None:
    ids = message_ids(" ".join(f"<{number}@b>" for number in range(1000)))
    assert len(ids) == 200
    assert (ids[0], ids[1], ids[-1]) == ("<0@b>", "<801@b>", "<999@b>")


def test_date_cases() -> None:
    right = 0
    for case in cases("date"):
        expected = case["expected"]
        if expected is not None:
            offset = timedelta(hours=expected.pop("tz_hour"), minutes=expected.pop("tz_minute"))
            sign = -1 if expected.pop("tz_before_gmt") else 1
            expected = datetime(**expected, tzinfo=timezone(sign * offset))
        right += moment(field_text(unfolded(case["header"].encode()))) == expected
    assert right >= 18


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 22 Nov 2026 08:14:05 +0100", datetime(2026, 11, 22, 7, 14, 5, tzinfo=UTC)),
        ("22 Nov 26 08:14 EST", datetime(2026, 11, 22, 13, 14, tzinfo=UTC)),
        ("22 Nov 98 08:14 GMT", datetime(1998, 11, 22, 8, 14, tzinfo=UTC)),
        ("Sun Nov 22 08:14:05 2026", datetime(2026, 11, 22, 8, 14, 5, tzinfo=UTC)),
        ("2026-11-22T08:14:05Z", datetime(2026, 11, 22, 8, 14, 5, tzinfo=UTC)),
        ("22 Nov 2026 23:59:60 +0000", datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)),
        ("31 Feb 2026 08:14:05 +0100", None),
        ("22 Nov 0026 08:14:05 +0100", None),
        ("22 Nov 9999 08:14:05 -1200", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates(text: str, expected: datetime | None) -> None:
    assert moment(text) == expected


def test_a_message_knows_its_ids_and_date() -> None:
    message = parse(
        b"Message-ID: <c@oak.example>\r\nIn-Reply-To: <b@oak.example>\r\nReferences: <a@oak.example>\r\n"
        b"\t<b@oak.example>\r\nDate: Sun, 22 Nov 2026 08:14:05 +0100\r\n\r\n"
    )
    assert message.message_id == "<c@oak.example>"
    assert message.in_reply_to == ("<b@oak.example>",)
    assert message.references == ("<a@oak.example>", "<b@oak.example>")
    assert message.date == datetime(2026, 11, 22, 7, 14, 5, tzinfo=UTC)
    bare = parse(b"\r\n")
    assert (bare.message_id, bare.subject, bare.date, bare.references) == ("", "", None, ())
