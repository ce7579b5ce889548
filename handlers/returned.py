"""A report about mail of ours that came to the one mailbox: what it tells of the mail that it is about.

With a return path of our own its address tells that. In mailbox mode the provider puts its own there, and what is left
are the Message-IDs in what the report gives back (spec/mail.md §3.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from handlers import dsn, mime
from handlers.automatic import is_report
from handlers.incoming import Envelope
from handlers.message import MalformedMessage, Message

MOST_TEXT = 64 * 1024  # bytes of each part
MOST_IDS = 400

_ID = re.compile(r"<[^<>\s@]{1,200}@[^<>\s@]{1,255}>")
_OWN_ID = re.compile(rf"^(?:x-)?(?:original-)?message-id:\s*({_ID.pattern})", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Returned:
    """`ids`: every Message-ID in the report, those that look like the returned mail's own first; `addresses`: who did
    not get it."""

    ids: tuple[str, ...]
    addresses: tuple[str, ...]


def returned(envelope: Envelope, message: Message) -> Returned | None:
    """None for what no program wrote about a mail that came back, or about one that somebody complained of."""
    if not is_report(message) and envelope.sender:
        return None
    try:
        all_parts = mime.parts(message)
    except MalformedMessage:
        return None
    if not is_report(message) and not dsn.is_report(message, all_parts):
        return None
    texts = [mime.decoded(message, part)[:MOST_TEXT].decode("latin-1") for part in all_parts if not part.is_multipart]
    own = [each for text in texts for each in _OWN_ID.findall(text)]
    others = [each for text in texts for each in _ID.findall(text)]
    ids = tuple(dict.fromkeys((*own, *message.in_reply_to, *others, *message.references)))[:MOST_IDS]
    return Returned(ids, tuple(failure.address for failure in dsn.failures(message)))
