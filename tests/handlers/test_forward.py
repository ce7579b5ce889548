from __future__ import annotations

from email import message_from_bytes, policy

import pytest

from handlers.decide import decide
from handlers.incoming import Verdict
from handlers.outcome import Forward, Hold
from handlers.route import Kind
from handlers.token import private_reference
from tests.handlers.letters import HOST, NOW, letter, stranger


def forward(text="Please call me.\r\n", *, owners=("olu@example.org",), **fields):
    incoming = letter(text, route=Kind.OWNER, address="family-owner@oak.example", **fields)
    return incoming, decide(incoming, stranger(incoming, owners=owners), NOW)


def test_a_stranger_reaches_the_owners():
    incoming, outcome = forward(
        "Caf\N{LATIN SMALL LETTER E WITH ACUTE}\r\n",
        **{
            "from": "Sven Müller <sven@elm.example>",
            "content_type": "text/plain; charset=utf-8",
            "mime_version": "1.0",
        },
    )
    (action,) = outcome.actions
    assert isinstance(action, Forward)
    assert action.recipients == ("olu@example.org",)
    read = message_from_bytes(action.content, policy=policy.SMTP)
    (sender,) = read["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Sven Müller (via family-owner)", "family-owner@oak.example")
    assert read["Reply-To"].addresses[0].addr_spec == "sven@elm.example"
    assert read["To"] == "family-owner@oak.example"
    assert read["Subject"] == "Lunch on Sunday"
    assert read["Message-ID"] == "<1@home.example>"
    assert read["Content-Type"].params["charset"] == "utf-8"
    assert action.content.partition(b"\r\n\r\n")[2] == incoming.message.body


def test_what_may_not_go_on_does_not():
    private = private_reference(HOST.secrets, member_id=1, thread_id=1, domain=HOST.domain)
    _, outcome = forward(
        cc="rose@home.example",
        bcc="tom@home.example",
        dkim_signature="v=1; d=home.example",
        received="from home.example by elm.example; Sun, 22 Nov 2026 08:00:00 +0000",
        disposition_notification_to="anna@home.example",
        references=f"{private} <0@elm.example>",
        in_reply_to="<0@elm.example>",
    )
    content = outcome.actions[0].content
    for gone in (b"rose@", b"tom@", b"DKIM", b"Received", b"Disposition", private.encode()):
        assert gone not in content
    assert b"References: <0@elm.example>\r\n" in content
    assert b"in-reply-to: <0@elm.example>\r\n" in content


def test_a_writer_without_a_name_is_answered():
    _, outcome = forward(**{"from": "sven@elm.example"})
    assert b"\r\nReply-To: <sven@elm.example>\r\n" in outcome.actions[0].content


def test_a_name_that_would_break_the_header():
    _, outcome = forward(**{"from": '"Sven\\" <x@y.example>, (Boss)" <sven@elm.example>'})
    read = message_from_bytes(outcome.actions[0].content, policy=policy.SMTP)
    assert [address.addr_spec for address in read["From"].addresses] == ["family-owner@oak.example"]


def test_what_is_missing_is_made():
    _, outcome = forward(message_id=None, date=None)
    read = message_from_bytes(outcome.actions[0].content, policy=policy.SMTP)
    assert read["Message-ID"].endswith("@oak.example>")
    assert read["Date"].datetime == NOW


@pytest.mark.parametrize("fields", [{"auto_submitted": "auto-replied"}, {"sender": ""}])
def test_automatic_mail_waits_and_asks_nobody(fields):
    _, outcome = forward(**fields)
    (hold,) = outcome.actions
    assert isinstance(hold, Hold)
    assert not hold.ask


def test_without_anybody_to_read_it_waits():
    _, outcome = forward(owners=())
    assert isinstance(outcome.actions[0], Hold)


def test_a_forged_author_is_refused():
    assert forward(verdict=Verdict.REFUSED)[1].reply.enhanced == "5.7.26"
