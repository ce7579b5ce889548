"""What groups posts for Outlook."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from handlers.conversation import conversation_fields, conversation_root, read_conversation_root
from handlers.message import parse
from handlers.thread import index_root
from handlers.token import Secret

OLD, NEW = Secret("k1", b"1" * 32), Secret("k2", b"2" * 32)
STARTED = datetime(2026, 11, 22, 8, 14, tzinfo=UTC)
ROOT = conversation_root((OLD,), thread_id=7, started_at=STARTED)


def fields(**changes: object) -> bytes:
    given = {"subject": "The lake", "written_at": STARTED + timedelta(days=1), "is_first": False} | changes
    return b"".join(conversation_fields(ROOT, **given))  # type: ignore[arg-type]


def test_a_root_is_that_of_microsofts_format() -> None:
    raw = base64.b64decode(ROOT)
    assert len(raw) == 22
    since_1601 = int.from_bytes(raw[:6] + b"\0\0", "big") / 10**7
    assert abs(datetime(1601, 1, 1, tzinfo=UTC) + timedelta(seconds=since_1601) - STARTED) < timedelta(seconds=1)


def test_our_roots_tell_the_thread_and_others_none() -> None:
    assert read_conversation_root((NEW, OLD), ROOT) == 7
    assert read_conversation_root((NEW,), ROOT) is None
    forged = bytearray(base64.b64decode(ROOT))
    forged[10] += 1
    assert read_conversation_root((OLD,), base64.b64encode(forged).decode()) is None


def test_an_answer_has_five_bytes_more_and_the_same_root() -> None:
    first, answer = parse(fields(is_first=True) + b"\r\n"), parse(fields() + b"\r\n")
    assert index_root(first) == index_root(answer) == ROOT
    longer = base64.b64decode(answer.value("thread-index") or "")
    assert len(base64.b64decode(first.value("thread-index") or "")) == 22
    assert len(longer) == 27
    seconds = (int.from_bytes(longer[22:26], "big") << 18) / 10**7
    assert abs(seconds - 86400) < 1
    assert parse(fields(written_at=STARTED - timedelta(days=9)) + b"\r\n").value("thread-index")


def test_thread_topic_is_what_the_thread_is_about() -> None:
    assert parse(fields(subject="Кафе am See\r\nBcc: x") + b"\r\n").value("thread-topic") == "Кафе am See Bcc: x"
    assert b"Topic" not in fields(subject="")
