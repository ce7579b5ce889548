"""What the provider of an ordinary mailbox says to an account that has sent its share."""

from __future__ import annotations

import re
from dataclasses import replace

from handlers.reply import Reply

_TOO_MUCH = re.compile(
    r"\b(?:daily|hourly|sending|submission) (?:\w+ ){0,3}(?:limit|quota)|\brate limit|limit for (?:message )?recipients"
    r"|per (?:day|hour) (?:limit|quota|exceeded)|quotaexceeded|too many (?:messages|mails|emails|recipients)"
    r"|sent too (?:many|much)",
    re.IGNORECASE,
)
_MAILBOX_FULL = "2.2"


def softened(reply: Reply) -> Reply:
    """What a provider refuses for good because of its limits for today is wanted again tomorrow."""
    detail = reply.enhanced.partition(".")[2]
    if reply.code // 100 != 5 or detail == _MAILBOX_FULL or not (detail == "4.5" or _TOO_MUCH.search(reply.text)):
        return reply
    return replace(reply, code=452, enhanced=f"4.{detail or '3.2'}")
