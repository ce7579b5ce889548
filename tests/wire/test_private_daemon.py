"""Private mail through the real daemon, from mail programs as they write it: nobody sees an address of the other."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, cast

import dkim
import pytest
from sqlmodel import Session

from handlers.address import Mailbox
from handlers.facts import Host
from organic_mail import joining
from organic_mail.notices import host_of
from storage import lists
from tests import pictures
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import mail
from tests.wire.daemons import SETTINGS, Daemon, daemon, until
from tests.wire.sink import Sink, Transaction

__all__ = ["empty_home", "om"]

ANNA, ROSE = "anna@home.example", "rose.o@work.example"
TO_ANNA, TO_ROSE = "anna.lindqvist@oak.example", "rose.okafor@oak.example"
MAILDIR = 'transport = "maildir"\nmaildir = "mail"'

GMAIL = (
    "Yes, I can keep it.\r\n\r\nOn Sun, Nov 22, 2026 at 8:14 AM Rose Okafor (Family) <\r\nrose.okafor@oak.example> "
    "wrote:\r\n\r\n> On Sat, Nov 21, 2026 at 9:00 PM Anna <anna@home.example> wrote:\r\n>> Can you keep a secret?\r\n"
)
OUTLOOK = (
    '<html><body><p>Yes, I can keep it.</p><div id="appendonsend"></div><hr><div id="divRplyFwdMsg" dir="ltr">'
    "<b>From:</b> Rose Okafor &lt;rose.o@work.example&gt;<br><b>Sent:</b> Sunday, November 22, 2026 8:14 AM<br>"
    "<b>To:</b> Anna &lt;anna@home.example&gt;<br><b>Subject:</b> Secret</div><p>Can you keep it?</p></body></html>\r\n"
)
APPLE = (
    "Yes, I can keep it.\r\n\r\nSkickat från min iPhone\r\n\r\n"
    "> 22 nov. 2026 kl. 08:14 skrev Rose Okafor <rose.o@work.example>:\r\n>\r\n> Can you keep it?\r\n"
)
THUNDERBIRD = (
    "Am 22.11.26 um 08:14 schrieb Rose Okafor <rose.o@work.example>:\r\n> Can you keep it?\r\nYes, I can keep it.\r\n"
)


@pytest.fixture
def family(om: Operator) -> Operator:
    now = datetime(2026, 11, 22, 8, tzinfo=UTC)

    def fill(session: Session, host: Host) -> None:
        made = lists.create_list(session, name="family", title="The family", now=now)
        for name, address, language in (("Anna Lindqvist", ANNA, "en"), ("Rose Okafor", ROSE, "sv")):
            newcomer = joining.Newcomer(Mailbox(name, address), language=language)
            joining.confirm(session, host, mailing_list=made, newcomer=newcomer, now=now, quiet=True)

    with om.opened() as opened:
        host = host_of(opened.settings, opened.secrets, opened.database)
        opened.database.write(lambda session: fill(session, host))
    return om


@contextmanager
def running(om: Operator, sink: Sink) -> Iterator[Daemon]:
    with sink.listening():
        hop = f'transport = "smarthost"\nsmarthost = "smtp://127.0.0.1:{sink.port}"'
        with daemon(om.home, settings=SETTINGS.replace(MAILDIR, hop)) as served:
            yield served
            assert served.end() == 0


def taken(sink: Sink, number: int) -> Transaction:
    """The number-th mail that went out."""
    return cast("Transaction", until(lambda: sink.taken[number - 1] if len(sink.taken) >= number else None))


def read(transaction: Transaction) -> EmailMessage:
    return cast("EmailMessage", email.message_from_bytes(transaction.content, policy=SMTP))  # type: ignore[arg-type]


def verifies(om: Operator, raw: bytes) -> bool:
    texts = {record["name"]: record["value"].encode() for record in om("dns", "show", "--json").json}

    def published(name: bytes, timeout: int = 5) -> Any:
        return texts.get(name.decode().rstrip("."))

    return bool(dkim.verify(raw, dnsfunc=published))


def to_anna(text: str, **fields: str) -> bytes:
    return mail(text, author=f"Rosie <{ROSE}>", to=TO_ANNA, **{"subject": "Secret", **fields})


def test_to_and_fro_with_all_that_hides_the_two(family: Operator) -> None:
    sink = Sink()
    hidden = {
        "Sender": ROSE, "Reply_To": ROSE, "Return_Path": f"<{ROSE}>", "X_Originating_IP": "[192.0.2.1]",
        "Received": f"from x by y for <{ANNA}>; Sun, 22 Nov 2026 08:00:00 +0000", "Cc": f"Anna <{ANNA}>",
        "Disposition_Notification_To": ROSE, "Autocrypt": f"addr={ROSE}; keydata=YQ==", "message_id": f"<1.{ROSE}>",
        "References": "<m.1-aaaaaaabaaaaaaaa-aaaaaaaaaaaaaaaa@oak.example> <0@x.example>",
        "In_Reply_To": "<0@x.example>",
    }  # fmt: skip
    with running(family, sink) as served:
        assert served.send(to_anna("Can you keep it?\r\n", **hidden), author=ROSE, to=TO_ANNA) == 250
        there = taken(sink, 1)
        first = read(there)
        assert there.recipient == ANNA
        assert there.sender.startswith("b-")
        assert (first["From"], first["To"]) == (f'"Rose Okafor (Family)" <{TO_ROSE}>', f"Anna Lindqvist <{TO_ANNA}>")
        assert (first["Reply-To"], first["Subject"]) == (f'"Rose Okafor (Family)" <{TO_ROSE}>', "Secret")
        minted = str(first["Message-ID"])
        assert re.fullmatch(r"<p\.[a-z2-7]+@oak\.example>", minted)
        assert first["In-Reply-To"] == "<0@x.example>"
        assert re.fullmatch(r"<m\.\S+@oak\.example> <0@x\.example>", " ".join(str(first["References"]).split()))
        assert verifies(family, there.content)
        for address in (ROSE.encode(), ANNA.encode(), b"192.0.2.1", b"List-", b"Auto-Submitted", b"Precedence"):
            assert address not in there.content
        answer = mail(GMAIL, author=f"Anna <{ANNA}>", to=TO_ROSE, subject="Re: Secret", message_id="<2@mail.example>",
                      In_Reply_To=minted, References=str(first["References"]) + " " + minted)  # fmt: skip
        assert served.send(answer.replace(b"\r\n\t", b" "), author=ANNA, to=TO_ROSE) == 250
        back = taken(sink, 2)
        second = read(back)
        assert back.recipient == ROSE
        assert (second["From"], second["Message-ID"]) == (f'"Anna Lindqvist (Family)" <{TO_ANNA}>', "<2@mail.example>")
        assert second["In-Reply-To"] == f"<1.{ROSE}>"  # as it is called in her own folder of sent mail
        assert ANNA.encode() not in back.content
        assert b"block" in there.content.lower()
        assert b"blockera" in back.content
    assert family("thread", "ls", "family", "--json").json == []
    assert family("held", "ls", "--json").json == []
    assert family("queue", "ls", "--json").json == []


def test_a_quoted_answer_names_nobodys_address(family: Operator) -> None:
    sink = Sink()
    answers = (
        (GMAIL, "text/plain; charset=utf-8"),
        (OUTLOOK, "text/html; charset=utf-8"),
        (APPLE, "text/plain; charset=utf-8; format=flowed"),
        (THUNDERBIRD, "text/plain; charset=utf-8"),
    )
    with running(family, sink) as served:
        for number, (text, content_type) in enumerate(answers, start=1):
            message_id = f"<{number}@home.example>"
            raw = mail(text, author=f"Anna <{ANNA}>", to=TO_ROSE, message_id=message_id, Content_Type=content_type)
            assert served.send(raw, author=ANNA, to=TO_ROSE) == 250
            body = read(taken(sink, number)).get_content()
            assert "Yes, I can keep it." in body
            assert ROSE not in body
            assert ANNA not in body


def test_photos_lose_their_place_here_too(family: Operator) -> None:
    sink = Sink()
    sent = pictures.post_with((pictures.phone_jpeg(6), "image/jpeg", "IMG_1.JPG")).replace(
        b"family@oak.example", TO_ANNA.encode()
    )
    sent = re.sub(rb"From: [^\r]*", f"From: Rose <{ROSE}>".encode(), sent, count=1)
    with running(family, sink) as served:
        assert served.send(sent, author=ROSE, to=TO_ANNA) == 250
        there = taken(sink, 1)
    assert verifies(family, there.content)
    (photo,) = [part for part in read(there).walk() if part.get_content_type() == "image/jpeg"]
    data = cast("bytes", photo.get_payload(decode=True))
    assert pictures.is_upright(data)
    assert not pictures.telling(data)


def test_who_answers_at_the_return_path_answers_the_writer_alone(family: Operator) -> None:
    sink = Sink()
    with running(family, sink) as served:
        served.send(to_anna("Can you keep it?\r\n"), author=ROSE, to=TO_ANNA)
        path = taken(sink, 1).sender
        answer = mail(
            "Yes\r\n", author=f"Anna <{ANNA}>", to=path, message_id="<2@home.example>", In_Reply_To="<1@home.example>"
        )
        assert served.send(answer, author=ANNA, to=path) == 250
        assert taken(sink, 2).recipient == ROSE
    assert family("thread", "ls", "family", "--json").json == []


def test_what_its_server_refuses_is_told_to_the_writer_without_the_address(family: Operator) -> None:
    def answer(step: str, transaction: Transaction) -> str | None:
        return f"550 5.1.1 <{ANNA}> is unknown here" if step == "RCPT" and transaction.recipient == ANNA else None

    sink = Sink(answer=answer)
    with running(family, sink) as served:
        served.send(to_anna("Can you keep it?\r\n"), author=ROSE, to=TO_ANNA)
        letter = taken(sink, 1)
    assert letter.recipient == ROSE
    assert read(letter)["Subject"] == "Ditt mejl till Anna Lindqvist kom inte fram"  # in her own language
    assert read(letter)["Auto-Submitted"] == "auto-replied"
    assert b"home.example" not in letter.content.replace(b"<1@home.example>", b"")
    assert verifies(family, letter.content)


def report(path: str) -> bytes:
    """As Exchange sends it."""
    return (
        f"From: MAILER-DAEMON@mx.home.example\r\nTo: <{path}>\r\nSubject: Undeliverable: Secret\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\n"
        f"{ANNA} is not here.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.home.exam"
        f"ple\r\n\r\nFinal-Recipient: rfc822; {ANNA}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        f"Diagnostic-Code: smtp; 550 5.1.1 <{ANNA}> unknown\r\n\r\n--b--\r\n"
    ).encode()


def test_a_report_becomes_one_kind_note(family: Operator) -> None:
    sink = Sink()
    with running(family, sink) as served:
        served.send(to_anna("Can you keep it?\r\n"), author=ROSE, to=TO_ANNA)
        path = taken(sink, 1).sender
        assert served.send(report(path), author="", to=path) == 250
        letter = taken(sink, 2)
        assert served.send(report(path).replace(b"Secret", b"Again"), author="", to=path) == 250
        served.send(to_anna("Another\r\n", message_id="<3@work.example>"), author=ROSE, to=TO_ANNA)
        assert taken(sink, 3).recipient == ANNA
    assert letter.recipient == ROSE
    assert read(letter)["Subject"] == "Ditt mejl till Anna Lindqvist kom inte fram"  # in her own language
    assert ANNA.encode() not in letter.content
    assert len(sink.taken) == 3
