"""A community in a database of its own, with a list, its members and a Deliverer to a next hop of the test's choice."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from sqlmodel import Session

from handlers.facts import Host, id_of
from handlers.message import parse
from handlers.sign import Signer
from handlers.token import Secret
from organic_mail.deliver import Deliverer
from organic_mail.senders import Dial
from organic_mail.sending import OverOneHop
from organic_mail.smarthost import NextHop, Tls
from organic_mail.smtp_client import Timeouts, connect
from storage import lists, members, posts, queue
from storage.contents import store_content
from storage.database import Database
from storage.events import latest_events
from storage.keys import add_key
from storage.models import DeliveryState, KeyState
from storage.queue import QueueRow
from tests import dkim_signing
from tests.dkim_signing import public_text, rsa_key
from tests.wire.daemons import PATIENCE

DOMAIN = "oak.example"
URL = "sqlite:///community.db"
LIST_ID = 1
SELECTOR = "om202611a"
LETTER = (
    b"From: Anna <anna@example.org>\r\nTo: family@oak.example\r\nSubject: Sunday\r\n"
    b"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <%d@example.org>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n%s"
)
SECRETS = (Secret("1", b"s" * 32),)
HOST = Host(domain=DOMAIN, name="Oak Street", operator="", language="en", timezone="UTC", secrets=SECRETS)


def signer_of(home: Path) -> Signer:
    return Signer(DOMAIN, SELECTOR, (home / "signing.pem").read_bytes())


def verifies(content: bytes) -> bool:
    record = f"v=DKIM1; k=rsa; p={public_text(rsa_key())}".encode()
    return dkim_signing.verifies(content, lambda name, timeout=5: record)


@dataclass
class Community:
    """`memberships` and members have the ids 1, 2, 3 … in the order they joined."""

    home: Path
    database: Database
    now: datetime = datetime(2026, 11, 22, 12, tzinfo=UTC)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def write(self, fn: Callable[..., Any], **facts: Any) -> Any:
        return self.database.write(lambda session: fn(session, **facts, now=self.now))

    def join(self, *names: str) -> None:
        def join(session: Session, now: datetime) -> None:
            for name in names:
                address = name if "@" in name else f"{name}@example.org"
                alias = name.replace("@", ".")
                member = members.add_member(
                    session, name=name.title(), alias=alias, address=address, key=address, now=now
                )
                token = f"token{member.id:05}"
                members.join(session, list_id=LIST_ID, member_id=id_of(member), leave_token=token, now=now)

        self.write(join)

    def post(self, text: bytes = b"Lunch at one?\r\n") -> int:
        raw = LETTER % (next(self.numbers), text)
        message = parse(raw)
        post = self.write(
            lambda session, now: posts.store_post(
                session,
                list_id=LIST_ID,
                member_id=1,
                author_name="Anna",
                content_id=store_content(session, raw, now),
                message_id=message.message_id,
                original_message_id=message.message_id,
                in_reply_to="",
                references=(),
                subject=message.subject,
                written_at=now,
                received_at=now,
                now=now,
            )
        )
        return int(post.id)

    def rows(self) -> list[QueueRow]:
        """Everything in the queue, sent or not."""

        def read(session: Session) -> list[QueueRow]:
            return [row for state in DeliveryState for row in queue.queue_rows(session, state=state)]

        return sorted(self.database.read(read), key=lambda row: row.id)

    def states(self) -> dict[str, str]:
        return {row.recipient.partition("@")[0]: row.state.value for row in self.rows()}

    def log(self) -> list[tuple[str, str]]:
        return [(event.kind, event.text) for event in self.database.read(latest_events)]

    def deliverer(self, dial: Dial, **changes: Any) -> Deliverer:
        settings: dict[str, Any] = {
            "concurrency": 20,
            "signer": lambda key: signer_of(self.home),
            "who": "here:1:1",
            "clock": lambda: self.now,
            "random_fraction": lambda: 0.5,
        }
        settings["sending"] = partial(OverOneHop, dial)
        return Deliverer(self.database, HOST, **(settings | changes))

    def deliver(self, dial: Dial, *, until: Callable[[], bool] | None = None, **changes: Any) -> None:
        """Run a deliverer until nothing is due or being sent, or until `until` says so after a step."""

        def nothing_left() -> bool:
            return not self.states_now() & {"due", "sending"}

        asyncio.run(self._deliver(dial, until or nothing_left, **changes))

    async def _deliver(self, dial: Dial, done: Callable[[], bool], **changes: Any) -> None:
        step = asyncio.Event()
        told = changes.pop("checkpoint", lambda name: None)

        def checkpoint(name: str) -> None:
            told(name)
            step.set()

        stop = asyncio.Event()
        async with asyncio.timeout(PATIENCE):
            running = asyncio.create_task(self.deliverer(dial, checkpoint=checkpoint, **changes).run(stop))
            running.add_done_callback(lambda _: step.set())
            await step.wait()
            while not running.done() and not done():
                step.clear()
                await step.wait()
            stop.set()
            await running

    def states_now(self) -> set[str]:
        return {state.value for state, count in self.database.read(queue.state_counts).items() if count}

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)


def dial_to(port: int, **changes: Any) -> Dial:
    hop = NextHop("127.0.0.1", port, Tls.WHERE_OFFERED, verified=False)
    return partial(connect, hop, helo=DOMAIN, timeouts=Timeouts(**changes))


@contextmanager
def new_community(home: Path, url: str = URL) -> Iterator[Community]:
    """A list without members. The database at `url` is made when it is SQLite's, else it is there and empty."""
    home.mkdir()
    if url == URL:
        Database.create(url, home=home)
    pem = rsa_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (home / "signing.pem").write_bytes(pem)
    with opened(home, url) as made:
        made.write(lists.create_list, name="family", title="The family")
        made.write(add_key, selector=SELECTOR, public_key=public_text(rsa_key()), state=KeyState.ACTIVE)
        yield made


@contextmanager
def opened(home: Path, url: str = URL) -> Iterator[Community]:
    database = Database.open(url, home=home, owner=True)
    try:
        yield Community(home, database)
    finally:
        database.close()
