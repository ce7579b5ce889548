"""What replies of real servers mean for a delivery, and how long we go on trying."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.reply import MalformedReply, Reply, parse_reply
from handlers.retry import REPLY_LENGTH, Fault, classify, clean_reply, next_attempt
from storage.models import DeliveryState

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SENT, DEFERRED, FAILED = DeliveryState.SENT, DeliveryState.DEFERRED, DeliveryState.FAILED

REPLIES = [
    ("250 2.0.0 Ok: queued as 4XyZ", SENT, None),
    ("250 OK", SENT, None),
    # no such address
    ("550 5.1.1 <anna@example.org>: Recipient address rejected: User unknown", FAILED, Fault.ADDRESS_HARD),
    ("550 5.1.2 no such domain", FAILED, Fault.ADDRESS_HARD),
    ("553 5.1.3 bad address syntax", FAILED, Fault.ADDRESS_HARD),
    ("551 5.1.6 she has moved", FAILED, Fault.ADDRESS_HARD),
    ("556 5.1.10 the domain takes no mail", FAILED, Fault.ADDRESS_HARD),
    ("550 5.2.1 The account that you tried to reach is inactive", FAILED, Fault.ADDRESS_HARD),
    ("550 5.5.0 Requested action not taken: mailbox unavailable", FAILED, Fault.ADDRESS_HARD),
    ("550 5.4.1 Recipient address rejected: Access denied", FAILED, Fault.ADDRESS_HARD),
    ("554 delivery error: dd This user doesn't have an account here", FAILED, Fault.ADDRESS_HARD),
    ("550 no mailbox by that name", FAILED, Fault.ADDRESS_HARD),
    ("550", FAILED, Fault.ADDRESS_HARD),
    ("521 this host takes no mail", FAILED, Fault.ADDRESS_HARD),
    # an enhanced code that says it exactly wins over words in the text
    ("550 5.1.1 No such user. See our policy page", FAILED, Fault.ADDRESS_HARD),
    # full
    ("552 5.2.2 The mailbox is over quota", FAILED, Fault.SOFT),
    ("452 4.2.2 The mailbox is over quota", DEFERRED, Fault.SOFT),
    ("554 5.2.0 delivery exception", FAILED, Fault.SOFT),
    # this message only
    ("552 5.3.4 Message size exceeds fixed limit", FAILED, Fault.MESSAGE),
    ("552 too much mail data", FAILED, Fault.MESSAGE),
    ("552 5.2.3 too long for this mailbox", FAILED, Fault.MESSAGE),
    ("554 5.6.0 bare line feed", FAILED, Fault.MESSAGE),
    ("554 5.4.6 too many hops", FAILED, Fault.MESSAGE),
    ("554 Transaction failed", FAILED, Fault.MESSAGE),
    # our reputation and set-up: never the member's
    ("550 5.7.26 This mail has been blocked because the sender is unauthenticated", FAILED, Fault.OURS),
    ("550 5.7.1 Our system has detected that this message is likely unsolicited mail", FAILED, Fault.OURS),
    ("550 5.7.515 Access denied, sending domain does not meet the required level", FAILED, Fault.OURS),
    ("550 5.7.1 User unknown", FAILED, Fault.OURS),
    ("554 5.7.9 Message not accepted for policy reasons", FAILED, Fault.OURS),
    ("554 5.7.1 <anna@example.org>: Relay access denied", FAILED, Fault.OURS),
    ("550 Message rejected because of DMARC", FAILED, Fault.OURS),
    ("550 looks like spam to me", FAILED, Fault.OURS),
    ("550 Your address 192.0.2.1 is blocked", FAILED, Fault.OURS),
    ("550 5.1.0 Sender address rejected: not ours", FAILED, Fault.OURS),
    ("550 5.1.8 bad sender's system address; sender rejected", FAILED, Fault.OURS),
    ("503 5.5.1 bad sequence of commands", FAILED, Fault.OURS),
    ("500 command unrecognised", FAILED, Fault.OURS),
    # later
    ("421 4.7.28 an unusual rate of mail", DEFERRED, Fault.OURS),
    ("451 4.7.500 Server busy", DEFERRED, Fault.OURS),
    ("450 4.2.0 greylisted", DEFERRED, Fault.SOFT),
    ("450 4.1.2 domain not found", DEFERRED, None),
    ("451 4.3.0 local trouble", DEFERRED, None),
    ("421 closing", DEFERRED, None),
    ("354 go ahead, twice", DEFERRED, None),
    # the two codes disagree: nothing is lost for that
    ("450 5.1.1 no such user", DEFERRED, None),
    ("550 4.4.7 expired", DEFERRED, None),
    # ours to put right, so the mail waits
    ("530 5.7.0 Must issue a STARTTLS command first", DEFERRED, Fault.OURS),
    ("535 5.7.8 credentials", DEFERRED, Fault.OURS),
]


@pytest.mark.parametrize(("line", "state", "fault"), REPLIES, ids=[line[:40] for line, _, _ in REPLIES])
def test_a_reply_is_sent_deferred_or_failed_and_somebodys_fault(
    line: str, state: DeliveryState, fault: Fault | None
) -> None:
    outcome = classify(parse_reply([line.encode()]))
    assert (outcome.state, outcome.fault) == (state, fault)


@given(st.integers(200, 599), st.integers(0, 999), st.text(max_size=80))
def test_no_policy_refusal_is_ever_about_the_address(code: int, detail: int, text: str) -> None:
    outcome = classify(Reply(code, f"{code // 100}.7.{detail}", text))
    assert outcome.fault not in {Fault.ADDRESS_HARD, Fault.SOFT}


@given(st.integers(400, 499), st.text(max_size=10), st.text(max_size=80))
def test_no_temporary_reply_ends_a_delivery(code: int, enhanced: str, text: str) -> None:
    assert classify(Reply(code, enhanced, text)).state is DEFERRED


def test_the_waits_grow_and_end_after_five_days() -> None:
    waits = []
    attempts = 1
    while (due := next_attempt(attempts, NOON, 0.5)) is not None:
        waits.append(due - NOON)
        attempts += 1
    minutes = [round(wait / timedelta(minutes=1)) for wait in waits]
    assert minutes[:9] == [1, 5, 15, 30, 60, 120, 240, 480, 480]
    assert set(minutes[9:]) == {480}
    assert timedelta(days=4) < sum(waits, timedelta()) <= timedelta(days=5)


@given(st.integers(1, 21), st.floats(0, 1, exclude_max=True))
def test_jitter_is_at_most_a_tenth(attempts: int, fraction: float) -> None:
    middle = next_attempt(attempts, NOON, 0.5)
    due = next_attempt(attempts, NOON, fraction)
    assert middle is not None
    assert due is not None
    assert abs((due - middle) / (middle - NOON)) <= 0.1 + 1e-9


def test_a_row_that_was_tried_far_too_often_is_given_up() -> None:
    assert next_attempt(10_000, NOON, 0.5) is None


def test_a_reply_of_several_lines_is_one_text_without_its_codes() -> None:
    reply = parse_reply([b"550-5.7.26 This mail", b"550-5.7.26  is unauthenticated.", b"550 5.7.26 gsmtp"])
    assert reply == Reply(550, "5.7.26", "This mail\nis unauthenticated.\ngsmtp")


def test_words_are_understood_across_the_lines_of_a_reply() -> None:
    reply = parse_reply([b"554-This user does", b"554 not exist"])
    assert classify(reply).fault is Fault.ADDRESS_HARD


def test_bytes_that_are_no_utf_8_do_not_matter() -> None:
    assert parse_reply([b"550 5.1.1 Fr\xe4ulein unbekannt"]) == Reply(550, "5.1.1", "Fr\ufffdulein unbekannt")


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b""],
        [b"25"],
        [b"2500 ok"],
        [b"150 early"],
        [b"600 late"],
        [b"250-more"],
        [b"250 a", b"250 b"],
        [b"250-a", b"550 b"],
        [b"HTTP/1.1 400 Bad Request"],
        [b"25\xb2 ok"],
        [b"250\tok"],
    ],
)
def test_what_is_no_reply_is_told_apart(lines: list[bytes]) -> None:
    with pytest.raises(MalformedReply):
        parse_reply(lines)


@given(st.text(max_size=2000))
def test_kept_text_is_one_short_visible_line(text: str) -> None:
    kept = clean_reply(text)
    assert len(kept) <= REPLY_LENGTH
    assert all(c == " " or c.isprintable() for c in kept)


def test_kept_text_loses_escapes_and_direction_marks() -> None:
    assert clean_reply("550 \x1b[31mred\u202e\r\nX: y\x00") == "550 [31mred X: y"
