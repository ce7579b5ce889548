"""Out through the provider of the one mailbox (RFC 6409), who lets each account send only so much."""

from __future__ import annotations

from handlers.quota import softened
from handlers.reply import Reply
from organic_mail.smtp_client import Connection, Outgoing

MOST_CONNECTIONS = 2
"""Providers count connections too, and what they let an account send needs no more."""


class SubmissionLine:
    """A connection on which "you have sent too much" means: later."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def usable(self) -> bool:
        return self._connection.usable

    @property
    def copies(self) -> int:
        return self._connection.copies

    def takes_octets_of(self, copy: Outgoing) -> bool:
        return self._connection.takes_octets_of(copy)

    async def send(self, copy: Outgoing, following: Outgoing | None = None) -> Reply:
        return softened(await self._connection.send(copy, following))

    async def quit(self) -> None:
        await self._connection.quit()
