"""The inbox of `organic-mail serve` in mailbox mode, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from organic_mail.home import Opened
from organic_mail.imap_inbox import ImapInbox
from organic_mail.imap_profile import imap_place, imap_secret, own_mailbox
from organic_mail.imap_session import ImapSession
from organic_mail.mailbox_intake import MailboxIntake
from organic_mail.plus_probe import ask
from organic_mail.problem import Problem
from organic_mail.receive import Receiver
from storage.community import the_community

CLOCKS_DIFFER = timedelta(hours=1)  # the provider's and ours

T = TypeVar("T")


def imap_inbox(
    opened: Opened, receiver: Receiver, loop: asyncio.AbstractEventLoop, *, learned: Callable[[], None]
) -> ImapInbox:
    """Runs beside `loop`, on which it receives. `learned`: see `MailboxIntake`. Raises Problem.

    Mail from before this community was made is none of its business.
    """
    settings, database = opened.settings, opened.database
    place, mailbox, community = imap_place(settings), own_mailbox(settings, database), database.read(the_community)
    if mailbox is None or community is None:
        raise Problem("delivery.transport is not mailbox; write it, or leave mailbox.imap alone")

    def connect() -> ImapSession:
        session = ImapSession.open(place, imap_secret(settings))
        now = datetime.now(UTC)
        database.write(lambda writing: ask(writing, receiver.host, mailbox, now))
        return session

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    intake = MailboxIntake(database, receiver, mailbox, max_size=settings.smtp.max_size, run=run, learned=learned)
    since = community.created_at - CLOCKS_DIFFER
    return ImapInbox(connect, intake, database, address=mailbox.key, since=since)
