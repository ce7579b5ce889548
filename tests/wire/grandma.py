"""A community that checks who writes: the real SMTP server with a name server on loopback.

home.example, where the members are, and elm.example, where strangers are, send from this machine and sign; mail with
another envelope sender and without a signature proves nothing.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from organic_mail.asking_people import remind
from organic_mail.moderation import leave_to_people
from storage import lists, members
from storage.models import Joining, Member
from tests.dkim_signing import key_record, rsa_key, signed
from tests.dns_server import DnsServer
from tests.wire.community import Community, community, mail, port_of, serving
from tests.wire.daemons import PATIENCE

NOWHERE = "m@nowhere.example"  # an envelope sender that proves nothing
OK = (250, "2.0.0")


@dataclass
class Letter:
    """One mail of ours, as its recipient reads it."""

    to: str
    read: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.read["Subject"])

    @property
    def text(self) -> str:
        body = self.read.get_body(("plain",))
        assert body is not None
        return str(body.get_content()).replace("\r\n", "\n")

    @property
    def reply_to(self) -> str:
        return str(self.read["Reply-To"])


@dataclass
class PostOffice:
    people: Community
    dns: DnsServer
    port: int
    written: int = 0

    def send(self, raw: bytes, *recipients: str, sender: str) -> tuple[int, str]:
        """What the server answers to one transaction: the code and the enhanced one."""
        with smtplib.SMTP("127.0.0.1", self.port, "mx.home.example", timeout=PATIENCE) as client:
            client.ehlo()
            client.mail(sender)
            for recipient in recipients or ("family@oak.example",):
                code, text = client.rcpt(recipient)
                if code != 250:
                    return code, text.decode().split()[0]
            code, text = client.data(raw)
            return code, text.decode().split()[0]

    def writes(self, author: str, text: str, *recipients: str, proven: bool = True, **fields: str) -> tuple[int, str]:
        """`author` sends a new mail, from a server that may send for her or from one that may not."""
        self.written += 1
        to = recipients or ("family@oak.example",)
        header = {"to": ", ".join(to), "message_id": f"<{self.written}@{author.partition('@')[2]}>", **fields}
        raw = mail(f"{text}\r\n", author=author, **header)
        return self.send(raw, *to, sender=author if proven else NOWHERE)

    def answers(self, letter: Letter, author: str, text: str, *, proven: bool = True, **fields: str) -> tuple[int, str]:
        header = {"subject": f"Re: {letter.subject}", "in_reply_to": str(letter.read["Message-ID"]), **fields}
        return self.writes(author, text, letter.reply_to, proven=proven, **header)

    def letters(self, to: str = "", *, about: str = "") -> list[Letter]:
        """All that we have written to somebody so far; `about`: words of the Subject."""
        found = [
            Letter(recipient, message_from_bytes(raw, policy=policy.SMTP))  # type: ignore[arg-type]
            for recipient, raw in self.people.notices()
        ]
        return [letter for letter in found if letter.to in (to or letter.to) and about in letter.subject]

    def subjects(self) -> list[str]:
        return [post.subject for post in self.people.posts()]

    def held(self) -> list[str]:
        return [waiting.subject for waiting in self.people.held()]

    def later(self, **passed: float) -> None:
        self.people.clock[0] += timedelta(**passed)

    def timers(self) -> None:
        def act(session: Any) -> None:
            remind(session, self.people.host, self.people.clock[0])
            leave_to_people(session, self.people.host, self.people.clock[0])

        self.people.database.write(act)

    def member_of(self, address: str) -> Member | None:
        return self.people.database.read(lambda session: members.member_of_address(session, address))

    def let(self, joining: Joining, name: str = "family") -> None:
        list_id = self.people.list_named(name).id or 0
        self.people.database.write(lambda session: lists.update_list(session, list_id=list_id, joining=joining))


def signed_by(raw: bytes, domain: str = "home.example") -> bytes:
    return signed(raw, rsa_key(), domain)


@contextmanager
def post_office(template: Path, home: Path, dns: DnsServer, **limits: int) -> Iterator[PostOffice]:
    for domain in ("home.example", "elm.example", "work.example", "example.org"):
        dns.put(domain, TXT=["v=spf1 ip4:127.0.0.1 -all"])
        dns.put(f"s1._domainkey.{domain}", TXT=[key_record(rsa_key())])
    dns.put("nowhere.example", TXT=["v=spf1 -all"])
    changes: dict[str, dict[str, Any]] = {"smtp": {"authentication": "enforce"}, "limits": limits}
    with (
        community(template, home, changes, dns=dns.resolver()) as people,
        serving(people.settings, people.receiver) as doors,
    ):
        yield PostOffice(people, dns, port_of(doors))
