"""A community that is read from a real mailbox: Dovecot, the inbox in its thread, and the receiver behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

from handlers.one_mailbox import OneMailbox
from organic_mail.imap_inbox import ImapInbox, Pace
from organic_mail.imap_profile import imap_place, imap_secret
from organic_mail.imap_session import ImapSession
from organic_mail.mailbox_intake import MailboxIntake
from storage import lists
from tests.interop.dovecot import SECRET, Dovecot
from tests.wire.community import Community, community
from tests.wire.daemons import PATIENCE, until

BOX = "box@provider.example"
QUICK = Pace(idle=60, poll=0.05, junk=0.05, first_retry=0.02, longest_retry=0.05, refused=0.05)


@dataclass
class Watched:
    """`sessions`: how often a connection was opened."""

    people: Community
    server: Dovecot
    stop: Event = field(default_factory=Event)
    sessions: int = 0
    learned: Event = field(default_factory=Event)

    def posts(self) -> list[str]:
        return [post.subject for post in self.people.posts()]


@contextmanager
def mailbox_community(
    template: Path, home: Path, server: Dovecot, *, plus: bool = False, only: str = "", max_size: int = 10**6
) -> Iterator[Community]:
    """`only`: the one list that there is."""
    (home / "secret").write_text(SECRET)
    (home / "secret").chmod(0o600)
    changes: Mapping[str, Mapping[str, Any]] = {
        "delivery": {"transport": "mailbox", "smarthost": "smtp://127.0.0.1:9"},
        "mailbox": {"imap": server.url, "password_file": str(home / "secret")},
        "smtp": {"max_size": max_size},
    }
    with community(template, home, changes) as people:
        people.clock[0] = datetime.now(UTC)
        people.receiver.host = people.host = with_plus(people.host, plus=plus)
        others = {"family", "news", "garden"} - {only} if only else set()
        for list_id in [people.list_named(name).id or 0 for name in others]:
            people.database.write(partial(lists.remove_list, list_id=list_id, now=people.clock[0]))
        yield people


def with_plus(host: Any, *, plus: bool) -> Any:
    return replace(host, mailbox=OneMailbox(BOX, plus=plus))


@contextmanager
def watching(
    people: Community, server: Dovecot, *, pace: Pace = QUICK, port: int | None = None, since: datetime | None = None,
    connect: Callable[[], ImapSession] | None = None,
) -> Iterator[Watched]:  # fmt: skip
    """The inbox at work; stopped at the end, and what broke it raised. `port`: of what stands in between."""
    watched = Watched(people, server)
    place = imap_place(people.settings)
    if port is not None:
        place = replace(place, port=port)
    broken: list[BaseException] = []

    def open_session() -> ImapSession:
        watched.sessions += 1
        return ImapSession.open(place, imap_secret(people.settings))

    def run() -> None:
        try:
            with asyncio.Runner() as runner:
                mailbox = people.host.mailbox
                assert mailbox is not None
                intake = MailboxIntake(
                    people.database, people.receiver, mailbox, max_size=people.settings.smtp.max_size,
                    run=runner.run, learned=watched.learned.set,
                )  # fmt: skip
                inbox = ImapInbox(
                    connect or open_session, intake, people.database, address=BOX,
                    since=since or datetime.now(UTC) - timedelta(hours=1), pace=pace,
                )  # fmt: skip
                inbox.run(watched.stop)
        except BaseException as error:
            broken.append(error)

    thread = Thread(target=run)
    thread.start()
    try:
        yield watched
    finally:
        watched.stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        if broken:
            raise broken[0]


__all__ = ["BOX", "QUICK", "Watched", "mailbox_community", "until", "watching", "with_plus"]
