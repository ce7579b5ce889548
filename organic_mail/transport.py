"""Which way mail leaves: `delivery.transport` as something that opens lines to the next hop."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import SystemRandom

from organic_mail.config import Settings, read_secret
from organic_mail.config_values import smarthost
from organic_mail.direct import Direct
from organic_mail.lines import Lines
from organic_mail.maildir import MaildirLine
from organic_mail.mta_sts import HttpsFetch, MtaSts, PolicyFolder
from organic_mail.problem import Problem
from organic_mail.resolver import Dns
from organic_mail.routes import Router
from organic_mail.senders import Dial, Line
from organic_mail.sending import Calls, OpenSending, OverOneHop, Sending
from organic_mail.smarthost import NextHop, smarthost_hop
from organic_mail.smtp_client import Connection, Timeouts, connect
from organic_mail.smtp_wire import ConnectionLost
from organic_mail.submission import SubmissionLine
from organic_mail.tls_out import LevelFolder


def sending_of(settings: Settings, *, home: Path, dns: Dns) -> OpenSending:
    """How mail leaves. Raises Problem when the next hop cannot be used as it is written."""
    if settings.delivery.transport == "direct":
        return partial(_to_each_server, settings, home, dns)
    return partial(OverOneHop, dial_of(settings))


def check_next_hop(settings: Settings) -> None:
    """Raises Problem when the next hop cannot be used as it is written."""
    if settings.delivery.transport != "direct":  # that one asks DNS
        dial_of(settings)


def _to_each_server(settings: Settings, home: Path, dns: Dns, calls: Calls) -> Sending:
    delivery, domain = settings.delivery, settings.community.domain
    chance = SystemRandom()
    levels = LevelFolder(home / "tls")
    sts = None
    if delivery.mta_sts:
        fetch = HttpsFetch(dns, allow_private=delivery.allow_private_addresses)
        sts = MtaSts(dns, fetch, PolicyFolder(home / "mta-sts"), chance)
    router = Router(
        dns,
        levels,
        sts,
        own_names={domain},
        allow_private=delivery.allow_private_addresses,
        chance=chance,
        clock=lambda: datetime.now(UTC),
    )
    dial = partial(connect, helo=domain, timeouts=Timeouts())
    return Direct(router, Lines(dial, levels, port=delivery.port), calls)


def dial_of(settings: Settings) -> Dial:
    """How to reach the one next hop of `settings`. Raises Problem when it cannot be used as it is written."""
    delivery = settings.delivery
    match delivery.transport:
        case "maildir":
            return partial(_open_maildirs, Path(delivery.maildir))
        case "smarthost":
            fixed_hop(settings)
            return partial(_open_smarthost, settings)
        case "mailbox":
            fixed_hop(settings)
            return partial(_open_submission, settings)
        case other:
            raise Problem(f'delivery.transport: "{other}" has no one next hop')


def fixed_hop(settings: Settings) -> NextHop:
    """The smarthost, and how to log in there: to the provider of a mailbox mostly as to the mailbox. Raises Problem."""
    delivery, hop = settings.delivery, smarthost(settings.delivery.smarthost)
    secret = ""
    if delivery.password_file:
        secret = read_secret("delivery.password_file", delivery.password_file)
    elif delivery.transport == "mailbox" and hop.username:
        secret = read_secret("mailbox.password_file", settings.mailbox.password_file)
    return smarthost_hop(hop, secret)


async def _open_submission(settings: Settings) -> Line:
    return SubmissionLine(await _open_smarthost(settings))


async def _open_smarthost(settings: Settings) -> Connection:
    """The password is read each time: an access token is another one every hour."""
    try:
        hop = fixed_hop(settings)
    except Problem as problem:
        raise ConnectionLost(str(problem)) from None
    return await connect(hop, helo=settings.community.domain, timeouts=Timeouts())


async def _open_maildirs(root: Path) -> Line:
    return MaildirLine(root)
