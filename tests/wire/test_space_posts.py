"""Posts between real daemons: written on one server, read on another, answered, and taken back."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.dns_server import DnsServer
from tests.wire.daemons import PATIENCE, until
from tests.wire.neighbours import Neighbour, Street, befriend
from tests.wire.sink import Sink

MAILBOXES = "127.0.0.90"


@dataclass
class Members:
    """Ana at oak, Bob at pine, and what lies in their mailboxes."""

    oak: Neighbour
    pine: Neighbour
    port: int
    sink: Sink = field(default_factory=Sink)

    def writes(self, server: Neighbour, author: str, to: str, subject: str, text: str, **more: str) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = author, to, subject
        mail["Message-ID"] = f"<{subject.replace(' ', '.').lower()}@home.example>"
        for name, value in more.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(text)
        with smtplib.SMTP(server.address, self.port, timeout=PATIENCE) as client:
            client.send_message(mail)
        return mail

    def got(self, recipient: str, subject: str) -> list[EmailMessage]:
        found = [
            message_from_bytes(each.content, policy=policy.default)
            for each in self.sink.taken
            if each.recipient == recipient
        ]
        return [mail for mail in found if isinstance(mail, EmailMessage) and mail["Subject"] == subject]

    def one(self, recipient: str, subject: str) -> EmailMessage:
        mails: list[EmailMessage] = until(lambda: self.got(recipient, subject))
        assert len(mails) == 1
        return mails[0]


@pytest.fixture
def members(tmp_path: Path, dns_server: DnsServer) -> Iterator[Members]:
    street = Street(tmp_path, dns_server)
    dns_server.put("home.example", MX=["10 mx.home.example."], TXT=["v=spf1 ip4:127.0.0.0/8 -all"])
    dns_server.put("mx.home.example", A=[MAILBOXES])
    oak, pine = street.neighbour("oak", lists=("garden",)), street.neighbour("pine", lists=("plum",))
    with ExitStack() as running:
        made = Members(oak, pine, street.port)
        running.enter_context(made.sink.listening(street.port, MAILBOXES))
        for server, name, person in (
            (oak, "garden", "Ana R. <ana@home.example>"),
            (pine, "plum", "Bob P. <bob@home.example>"),
        ):
            server("member", "add", name, person, "--confirmed", "--quiet")
            running.enter_context(server.serving())
        befriend(oak, pine)
        oak("space", "create", "plum-street", "--list", "garden", "--title", "Plum Street", "--notice", "0")
        oak("space", "invite", "plum-street", "pine.example", "plum")
        pine("space", "accept", "plum-street", "--list", "plum")
        both = {"oak.example": "active", "pine.example": "active"}
        until(lambda: pine.entries("plum-street") == both)
        yield made


def test_a_post_goes_to_the_other_server_and_its_answer_comes_back(members: Members) -> None:
    """F27, F28, F41: nothing leaves that was written to the list, and no address ever does."""
    oak, pine = members.oak, members.pine
    oak("member", "set", "ana@home.example", "share=always")
    pine("member", "set", "bob@home.example", "share=always")
    members.writes(oak, "Ana R. <ana@home.example>", "garden@oak.example", "At home", "For us alone.")
    members.writes(
        oak, "Ana R. <ana@home.example>", "garden-plum-street@oak.example", "Apples", "Write to ana@home.example!"
    )

    copy = members.one("bob@home.example", "Apples")
    assert copy["From"].addresses[0].display_name == "Ana R. (garden, oak.example)"
    assert copy["From"].addresses[0].domain == "pine.example"
    assert str(copy["To"]) == '"Plum Street, 2 servers" <plum-plum-street@pine.example>'
    assert str(copy["Reply-To"]) == str(copy["To"])
    assert copy["Message-ID"].endswith("@oak.example>")
    assert copy["List-Id"].endswith("<plum.pine.example>")
    assert "Write to [Ana R.]!" in copy.get_content()
    assert b"ana@home.example" not in bytes(copy)
    assert members.got("bob@home.example", "At home") == []

    members.writes(
        pine,
        "Bob P. <bob@home.example>",
        "plum-plum-street@pine.example",
        "Re: Apples",
        "Gladly, thank you.",
        In_Reply_To=copy["Message-ID"],
    )
    answer = members.one("ana@home.example", "Re: Apples")
    assert answer["In-Reply-To"] == "<apples@home.example>"
    assert answer["From"].addresses[0].display_name == "Bob P. (plum, pine.example)"
    thread = oak.json("thread", "ls", "garden")
    assert sorted(each["posts"] for each in thread) == [1, 2]
