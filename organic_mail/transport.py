"""Which way mail leaves: `delivery.transport` as something that opens lines to the next hop."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from organic_mail.config import Settings, read_secret
from organic_mail.config_values import smarthost
from organic_mail.maildir import MaildirLine
from organic_mail.problem import Problem
from organic_mail.senders import Dial, Line
from organic_mail.smarthost import smarthost_hop
from organic_mail.smtp_client import Timeouts, connect


def dial_of(settings: Settings) -> Dial:
    """How to reach the next hop of `settings`. Raises Problem when it cannot be used as it is written."""
    delivery = settings.delivery
    match delivery.transport:
        case "maildir":
            return partial(_open_maildirs, Path(delivery.maildir))
        case "smarthost":
            secret = read_secret("delivery.password_file", delivery.password_file) if delivery.password_file else ""
            hop = smarthost_hop(smarthost(delivery.smarthost), secret)
            return partial(connect, hop, helo=settings.community.domain, timeouts=Timeouts())
        case other:
            raise Problem(f'delivery.transport: "{other}" does not deliver yet; write "smarthost" or "maildir"')


async def _open_maildirs(root: Path) -> Line:
    return MaildirLine(root)
