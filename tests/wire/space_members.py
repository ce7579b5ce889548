"""People of several servers that share a space, and what lies in their mailboxes."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import combinations
from pathlib import Path

from tests.dns_server import DnsServer
from tests.wire.cutting import Gate
from tests.wire.daemons import PATIENCE, until
from tests.wire.neighbours import Neighbour, Street, agreed, befriend
from tests.wire.sink import Sink

MAILBOXES = "127.0.0.90"
SPACE = "plum-street"


@dataclass
class Members:
    """One person at each server: ana at oak's garden, bob at pine's plum, cid at birch's choir."""

    servers: dict[str, Neighbour]
    port: int
    sink: Sink = field(default_factory=Sink)
    gates: dict[str, Gate] = field(default_factory=dict)  # before servers, where a test wants some

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

    def subjects(self, recipient: str) -> list[str]:
        raw = [each.content for each in self.sink.taken if each.recipient == recipient]
        return [str(message_from_bytes(each, policy=policy.default)["Subject"]) for each in raw]

    def one(self, recipient: str, subject: str) -> EmailMessage:
        mails: list[EmailMessage] = until(lambda: self.got(recipient, subject))
        assert len(mails) == 1
        return mails[0]


PEOPLE = {
    "oak": ("garden", "Ana R. <ana@home.example>"),
    "pine": ("plum", "Bob P. <bob@home.example>"),
    "birch": ("choir", "Cid Q. <cid@home.example>"),
}


@contextmanager
def space_of(folder: Path, dns: DnsServer, *names: str, gated: bool = False) -> Iterator[Members]:
    """Servers of which each is linked with all others, one person on each, in one space. All of them run."""
    street = Street(folder, dns)
    dns.put("home.example", MX=["10 mx.home.example."], TXT=["v=spf1 ip4:127.0.0.0/8 -all"])
    dns.put("mx.home.example", A=[MAILBOXES])
    servers = {name: street.neighbour(name, lists=(PEOPLE[name][0],)) for name in names}
    first = servers[names[0]]
    with ExitStack() as running:
        made = Members(servers, street.port)
        running.enter_context(made.sink.listening(street.port, MAILBOXES))
        for name, server in servers.items():
            server("member", "add", *PEOPLE[name], "--confirmed", "--quiet")
            if gated:
                gate = Gate(server.address.replace("127.0.0.", "127.0.1."), street.port, server.address)
                made.gates[name] = running.enter_context(gate.standing())
                dns.remove(f"mx.{server.domain}")
                dns.put(f"mx.{server.domain}", A=[gate.address])
            running.enter_context(server.serving())
        for one, other in combinations(servers.values(), 2):
            befriend(one, other)
        first("space", "create", SPACE, "--list", PEOPLE[names[0]][0], "--title", "Plum Street", "--notice", "0")
        for name in names[1:]:
            first("space", "invite", SPACE, servers[name].domain, PEOPLE[name][0])
            servers[name]("space", "accept", SPACE, "--list", PEOPLE[name][0])
        wait_until_all_are_in(list(servers.values()))
        yield made


def wait_until_all_are_in(servers: list[Neighbour]) -> None:
    """Where that does not come, what each of them has waiting and has noted is shown."""
    all_in = {server.domain: "active" for server in servers}
    try:
        for server in servers:
            agreed(lambda server=server: server.entries(SPACE) == all_in, *servers)
    except AssertionError as late:
        told = [server(*words) for server in servers for words in (("space", "show", SPACE), ("queue", "ls"), ("log",))]
        raise AssertionError("\n".join(told)) from late
