"""A community on loopback for tests: a database, the receiver and the real SMTP server, without delivery."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

from sqlmodel import col, select

from handlers.address import Mailbox
from handlers.facts import Host, id_of
from handlers.incoming import Authentication, Envelope, Verdict
from handlers.token import Secret
from organic_mail import joining, receive
from organic_mail.config import Settings
from organic_mail.notices import host_of
from organic_mail.receive import Receiver
from organic_mail.smtp_server import Doors, start_smtp
from storage import events, held, lists, members, posts, queue, tokens
from storage.contents import read_content
from storage.database import Database
from storage.models import (
    Delivery,
    DeliveryState,
    Event,
    HeldPost,
    MailingList,
    Membership,
    Post,
    Posting,
    Role,
    Status,
    TokenAction,
)
from tests.wire.daemons import PATIENCE

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
DOMAIN = "oak.example"
SECRETS = (Secret("k1", b"0" * 32),)
LISTS = {"family": Posting.MEMBERS, "news": Posting.ANNOUNCE, "garden": Posting.MODERATED}
PEOPLE = {"Anna Lindqvist": Role.OWNER, "Rose Okafor": Role.MEMBER, "Tom Okafor": Role.MEMBER}
ROSE_LEAVES, GRETA_JOINS = "k7m2q9xwab", "y5t2c8nbcd"


class NoDns:
    """Nothing in these tests may ask DNS."""


@dataclass
class Community:
    """Lists family, news (announce) and garden (moderated); Anna owns them, Rose and Tom are members of each.

    Greta is invited to family. Addresses are FIRSTNAME@home.example; the operator is olu@example.org.
    """

    database: Database
    settings: Settings
    receiver: Receiver
    host: Host
    clock: list[datetime]  # the one entry is what the receiver takes for now

    def receive(self, raw: bytes, *recipients: str, sender: str = "anna@home.example") -> tuple[int, str]:
        """Code and enhanced code of the reply to one transaction, without sockets."""
        reply = asyncio.run(self.receiver.receive(Envelope(sender, recipients or ("family@oak.example",)), raw))
        return reply.code, reply.enhanced

    def list_named(self, name: str = "family") -> MailingList:
        found = self.database.read(lambda session: lists.list_named(session, name))
        assert found is not None
        return found

    def membership(self, person: str, name: str = "family") -> Membership:
        def look(session: Any) -> Membership | None:
            member = members.member_of_address(session, f"{person}@home.example")
            mailing_list = lists.list_named(session, name)
            return members.membership(session, id_of(mailing_list), id_of(member)) if member and mailing_list else None

        found = self.database.read(look)
        assert found is not None
        return found

    def posts(self) -> list[Post]:
        def look(session: Any) -> list[Post]:
            found = []
            for number in range(1, 1000):
                post = posts.post_by_id(session, number)
                if post is None:
                    return found
                found.append(post)
            return found

        return self.database.read(look)

    def held(self) -> list[HeldPost]:
        return [waiting for waiting, _ in self.database.read(held.waiting)]

    def copies(self) -> list[str]:
        """To whom copies of posts wait."""
        return [row.recipient for row in self.database.read(queue.queue_rows) if row.post_id is not None]

    def notices(self) -> list[tuple[str, bytes]]:
        """Recipient and bytes of each letter of ours that waits."""

        def look(session: Any) -> list[tuple[str, bytes]]:
            of_ours = select(Delivery).where(col(Delivery.post_id).is_(None), col(Delivery.private_id).is_(None))
            rows = session.exec(of_ours.where(Delivery.state != DeliveryState.SENT).order_by(col(Delivery.id)))
            return [(row.recipient, read_content(session, row.content_id)) for row in rows]

        return self.database.read(look)

    def log(self) -> list[Event]:
        return self.database.read(events.latest_events)

    def content(self, content_id: int) -> bytes:
        return self.database.read(lambda session: read_content(session, content_id))


@contextmanager
def community(
    template: Path, home: Path, changes: Mapping[str, Mapping[str, Any]] | None = None, *, dns: Any = None
) -> Iterator[Community]:
    """`template`: an empty database file of the newest revision. `changes`: settings by section."""
    shutil.copy(template, home / "community.db")
    database = Database.open("sqlite:///community.db", home=home, owner=True)
    sections: dict[str, dict[str, Any]] = {
        "community": {"domain": DOMAIN, "name": "Oak Street", "operator": "olu@example.org"},
        "smtp": {"listen": ("127.0.0.1:0",), "authentication": "off"},
    }
    for section, values in (changes or {}).items():
        sections.setdefault(section, {}).update(values)
    settings = Settings(**sections)
    host = host_of(settings, SECRETS, database)
    clock = [NOW]
    receiver = Receiver(database, settings, SECRETS, dns=dns or NoDns(), clock=lambda: clock[0])
    try:
        database.write(lambda session: _fill(session, host))
        yield Community(database, settings, receiver, host, clock)
    finally:
        receiver.close()
        database.close()


def _fill(session: Any, host: Host) -> None:
    for name, posting in LISTS.items():
        mailing_list = lists.create_list(session, name=name, title=f"The {name}", posting=posting, now=NOW)
        for person, role in PEOPLE.items():
            address = f"{person.split()[0].lower()}@home.example"
            newcomer = joining.Newcomer(Mailbox(person, address), role=role)
            joining.confirm(session, host, mailing_list=mailing_list, newcomer=newcomer, now=NOW, quiet=True)
    family = lists.list_named(session, "family")
    assert family is not None
    greta = joining.Newcomer(Mailbox("Greta", "greta@home.example"))
    invited = joining.invite(session, host, mailing_list=family, newcomer=greta, inviter="Anna", now=NOW, quiet=True)
    rose = members.member_of_address(session, "rose@home.example")
    assert rose is not None
    roses = members.membership(session, id_of(family), id_of(rose))
    assert roses is not None
    for token, action, membership in (
        (ROSE_LEAVES, TokenAction.LEAVE, roses),
        (GRETA_JOINS, TokenAction.JOIN, invited),
    ):
        until = NOW + timedelta(days=30) if action is TokenAction.JOIN else None
        tokens.add_token(session, token=token, action=action, membership=membership, now=NOW, expires_at=until)


@contextmanager
def serving(settings: Settings, intake: Any, **more: Any) -> Iterator[Doors]:
    """The SMTP server on an event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()

    def call(work: Callable[[], Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work(), loop).result(PATIENCE)

    try:
        doors = call(lambda: start_smtp(settings, intake, **more))
        yield doors
        call(lambda: doors.close(5))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def port_of(doors: Doors) -> int:
    return int(doors.addresses[0].rpartition(":")[2])


def believed(monkeypatch: Any, verdict: Verdict, *, signed_by_us: bool = False) -> None:
    """From now on this is what authentication says."""

    async def authenticate(*_: Any) -> Authentication:
        return Authentication(verdict, signed_by_us=signed_by_us)

    monkeypatch.setattr(receive, "authenticate", authenticate)


def mail(
    text: str = "Hello everyone.\r\n",
    *,
    author: str = "Anna Lindqvist <anna@home.example>",
    to: str = "family@oak.example",
    subject: str = "Lunch on Sunday",
    message_id: str = "<1@home.example>",
    **more: str,
) -> bytes:
    """A plain message; `more`: other fields, with _ for - in their names."""
    fields = {
        "From": author,
        "To": to,
        "Subject": subject,
        "Message-ID": message_id,
        "Date": "Sun, 22 Nov 2026 08:00:00 +0100",
    }
    fields.update({name.replace("_", "-"): value for name, value in more.items()})
    header = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"{header}\r\n{text}".encode()


__all__ = [
    "DOMAIN", "GRETA_JOINS", "NOW", "ROSE_LEAVES", "SECRETS", "Community", "Status", "believed", "community", "mail",
    "port_of", "serving",
]  # fmt: skip
