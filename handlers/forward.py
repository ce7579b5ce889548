"""Mail to the people who run a list or the server: it goes on to them under the list's name (contract §3)."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime

from handlers.address import Mailbox
from handlers.facts import Facts
from handlers.header_field import header_field, mailbox_tokens, name_and_place
from handlers.incoming import Incoming
from handlers.outcome import ACCEPTED, Forward, Outcome
from handlers.policy import PEOPLE, first_answer, held, owner_address, writer
from handlers.post import is_private, own_message_id, shown_name

_KEPT = frozenset({"subject", "date", "in-reply-to", "mime-version", "auto-submitted"})


def decide_forward(incoming: Incoming, facts: Facts, now: datetime) -> Outcome:
    outcome = first_answer(PEOPLE, incoming, facts)
    if outcome is not None:
        return outcome
    if facts.author is None or not facts.owners:
        return held(facts, f"{writer(incoming, facts)} wrote to {incoming.route.address}.")
    return Outcome(ACCEPTED, (Forward(facts.owners, forwarded(incoming, facts, facts.author, now), facts.list_id),))


def forwarded(incoming: Incoming, facts: Facts, author: Mailbox, now: datetime) -> bytes:
    """The message under a From of ours that can be signed. Its body stays as it is; an answer goes to the writer."""
    message, host = incoming.message, facts.host
    local = owner_address(facts).partition("@")[0]
    lines = [
        header_field(
            "From", mailbox_tokens(name_and_place(shown_name(None, author), f"via {local}"), host.sent_from(local))
        ),
        header_field("Reply-To", mailbox_tokens(author.name, author.address)),
        header_field("To", [host.written_to(local)]),
    ]
    seen: set[str] = set()
    for field in message.fields:
        if (field.name in _KEPT or field.name.startswith("content-")) and field.name not in seen:
            seen.add(field.name)
            lines.append(message.field_bytes(field))
    if "date" not in seen:
        lines.append(header_field("Date", [format_datetime(now)]))
    lines.append(header_field("Message-ID", [message.message_id or own_message_id(message, host)]))
    references = [parent for parent in message.references if not is_private(parent, host.domain)]
    if references:
        lines.append(header_field("References", references))
    return b"".join(lines) + b"\r\n" + message.body
