"""A community with readers of letters, for tests: posts in, letters written, and each letter as its reader gets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

from handlers.facts import id_of
from handlers.letter_mail import Reader, edition_of, letter_copy
from organic_mail.letters_due import write_due_letters, write_letters_now, write_wished_letters
from storage import members, queue
from storage.contents import read_content
from storage.models import DeliveryMode, DeliveryState, Post
from storage.posts import thread_posts
from storage.threads import threads_of
from tests.wire.community import DOMAIN, Community, mail

STOCKHOLM = ZoneInfo("Europe/Stockholm")
SUNDAY = datetime(2026, 11, 22, 7, 5, tzinfo=STOCKHOLM).astimezone(UTC)


@dataclass(frozen=True)
class Got:
    """One letter: recipient, Message-ID and the whole mail, unsigned."""

    recipient: str
    message_id: str
    raw: bytes

    @property
    def read(self) -> EmailMessage:
        found: Any = message_from_bytes(self.raw, policy=policy.SMTP)
        return found

    @property
    def text(self) -> str:
        return self.read.get_body(("plain",)).get_content().replace("\r\n", "\n")  # type: ignore[union-attr]

    @property
    def html(self) -> str:
        return self.read.get_body(("html",)).get_content()  # type: ignore[union-attr]


def reads_letters(
    people: Community, person: str, delivery: DeliveryMode = DeliveryMode.DAILY, *, name: str = "family", **more: Any
) -> None:
    """`more`: language, timezone, hour of the member."""
    membership = people.membership(person, name)
    weekday = more.pop("weekday", None)
    own_posts = more.pop("own_posts", None)

    def write(session: Any) -> None:
        members.update_member(session, member_id=membership.member_id, **{"timezone": "Europe/Stockholm", **more})
        members.update_membership(
            session, membership_id=id_of(membership), delivery=delivery, weekday=weekday, own_posts=own_posts
        )

    people.database.write(write)


def says(people: Community, text: str, subject: str = "Back from the lake", number: int = 1, **more: str) -> None:
    """A post of Anna's, unless `author` is another."""
    fields = {"message_id": f"<{number}@home.example>", **more}
    code, _ = people.receive(mail(text, subject=subject, **fields))
    assert code == 250


def due(people: Community, now: datetime = SUNDAY) -> list[Got]:
    """The letters that are written at a moment."""
    before = {row.id for row in _letters(people)}
    write_due_letters(people.database, people.host, now)
    return [got(people, row) for row in _letters(people) if row.id not in before]


def arrived(people: Community) -> None:
    """What waits in the queue has been sent."""

    def settle(session: Any) -> None:
        rows = queue.claim(session, who="test:1:1", now=SUNDAY + timedelta(days=400), limit=10_000)
        queue.settle(session, [queue.Settled(row.id, DeliveryState.SENT, "250 OK") for row in rows], SUNDAY)

    people.database.write(settle)


def at_once(people: Community, now: datetime = SUNDAY) -> list[Got]:
    return _new(people, lambda: write_letters_now(people.database, people.host, people.list_named(), now))


def wished(people: Community, now: datetime = SUNDAY) -> list[Got]:
    return _new(people, lambda: write_wished_letters(people.database, people.host, now))


def _new(people: Community, write: Callable[[], object]) -> list[Got]:
    before = {row.id for row in _letters(people)}
    write()
    return [got(people, row) for row in _letters(people) if row.id not in before]


def _letters(people: Community) -> list[Any]:
    def claim(session: Any) -> list[Any]:
        rows = queue.claim(session, who="test:1:1", now=SUNDAY + timedelta(days=400))
        queue.release(session, [row.id for row in rows])
        return [row for row in rows if row.letter_id is not None]

    return people.database.write(claim)


def got(people: Community, row: Any) -> Got:
    edition = edition_of(people.database.read(lambda session: read_content(session, row.content_id)))
    reader = Reader(
        row.reader_name, row.recipient, row.letter_message_id, unsubscribe=f"family-{row.leave_token}@{DOMAIN}"
    )
    start = letter_copy(edition, reader, None, row.created_at)
    return Got(row.recipient, row.letter_message_id, start + edition.pieces[-1])


def conversations(people: Community, name: str = "family") -> dict[str, list[Post]]:
    """Subject → posts of each thread of a list."""

    def look(session: Any) -> dict[str, list[Post]]:
        found = threads_of(session, id_of(people.list_named(name)))
        return {each.subject: thread_posts(session, id_of(each)) for each in found}

    return people.database.read(look)


def step(hours: float = 0, days: float = 0) -> datetime:
    return SUNDAY + timedelta(hours=hours, days=days)
