"""One mail to several lists of a space: the one that it names first lets it go, the others know it again.

spec/federation.md §2.5. All of them see the same To and Cc, so all of them decide alike.
"""

from __future__ import annotations

from datetime import datetime

from handlers.address import address_key, parse_mailboxes
from handlers.message import Message
from handlers.peer.roster import Entry, Roster
from handlers.peer.space import list_name


def lists_named(message: Message, roster: Roster, now: datetime) -> tuple[Entry, ...]:
    """The lists at whose address for the space it was written, the first-named one first, each once."""
    at: dict[str, Entry] = {}
    for entry in roster.active(now):
        name = list_name(entry.list_id, entry.domain)
        at |= {address_key(f"{name}{mark}{roster.name}@{entry.domain}"): entry for mark in "-+"}
    values = filter(None, (message.value(field) for field in ("to", "cc")))
    keys = (address_key(mailbox.address) for value in values for mailbox in parse_mailboxes(value))
    return tuple(dict.fromkeys(at[key] for key in keys if key in at))
