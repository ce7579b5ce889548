"""Out through the provider of the one mailbox (RFC 6409), who lets each account send only so much."""

from __future__ import annotations

from handlers.quota import softened
from handlers.reply import Reply
from organic_mail.config import Settings, read_secret
from organic_mail.config_faults import ConfigProblem
from organic_mail.config_values import smarthost
from organic_mail.senders import Dial, Line
from organic_mail.smarthost import NextHop, smarthost_hop
from organic_mail.smtp_client import Connection, Outgoing, Timeouts, connect
from organic_mail.smtp_wire import ConnectionLost

MOST_CONNECTIONS = 2
"""Providers count connections too, and what they let an account send needs no more."""


def submission_hop(settings: Settings) -> NextHop:
    """With the password as its file holds it now: that of the mailbox, where no other is named. Raises Problem."""
    named = smarthost(settings.delivery.smarthost)
    if not named.username:
        return smarthost_hop(named, "")
    if settings.delivery.password_file:
        return smarthost_hop(named, read_secret("delivery.password_file", settings.delivery.password_file))
    return smarthost_hop(named, read_secret("mailbox.password_file", settings.mailbox.password_file))


def submission_dial(settings: Settings) -> Dial:
    """How to reach the provider. Raises Problem when it cannot be used as it is written."""
    submission_hop(settings)

    async def dial() -> Line:
        try:
            hop = submission_hop(settings)  # a new password, or a new access token, counts at once
        except ConfigProblem as problem:
            raise ConnectionLost(str(problem)) from problem
        helo = settings.community.domain
        return SubmissionLine(await connect(hop, helo=helo, timeouts=Timeouts()))

    return dial


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
