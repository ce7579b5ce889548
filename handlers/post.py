"""A message for everyone on a list: refused, held, or a post."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from datetime import datetime

from handlers.address import Mailbox
from handlers.facts import Facts, Host, id_of
from handlers.header_field import display_name, plain_text
from handlers.incoming import Incoming
from handlers.message import Message
from handlers.outcome import ACCEPTED, Outcome, Publish
from handlers.policy import POSTING, first_answer
from handlers.token import minted_message_id
from storage.models import Member

_SEPARATOR = re.compile(r"[^a-z0-9\u0080-\U0010ffff]+")
_DOMAIN = re.compile(r"[a-z0-9\u0080-\U0010ffff](?:[a-z0-9.\u0080-\U0010ffff-]*[a-z0-9\u0080-\U0010ffff])?")
_STARTS = 12  # places in a local part where an address may begin


def decide_post(incoming: Incoming, facts: Facts, now: datetime, *, answers: str = "") -> Outcome:
    """`answers`: the Message-ID of the post that it surely answers, "" when only its own header can tell."""
    outcome = first_answer(POSTING, incoming, facts)
    if outcome is not None:
        return outcome
    return Outcome(ACCEPTED, (published(incoming.message, facts, now, answers=answers),))


def published(message: Message, facts: Facts, now: datetime, *, answers: str = "") -> Publish:
    """The post that a message becomes. Raises LookupError when `facts` names no list.

    Message-IDs of the copies are the author's own; one that tells a member's address is replaced by a minted one,
    wherever it stands, so that all of a conversation still fits together (contract §5).
    """
    if facts.mailing_list is None:
        raise LookupError("a post needs a list")
    host, hiding = facts.host, facts.hiding
    original = message.message_id
    parents = [_shown(parent, host, hiding) for parent in message.in_reply_to if not is_private(parent, host.domain)]
    return Publish(
        list_id=id_of(facts.mailing_list),
        member_id=facts.member_id,
        author_name=shown_name(facts.member, facts.author),
        message_id=_shown(original, host, hiding) if original else own_message_id(message, host),
        original_message_id=original,
        in_reply_to=next(iter(parents), answers),
        references=shown_ids(message.references, host, hiding),
        subject=message.subject,
        written_at=message.date or now,
        space=facts.space,
    )


def own_message_id(message: Message, host: Host) -> str:
    """The Message-ID that a message without one has with us."""
    return minted_message_id(host.secrets, hashlib.sha256(message.raw).hexdigest(), host.domain)


def shown_ids(message_ids: Iterable[str], host: Host, hiding: Collection[str]) -> tuple[str, ...]:
    """References or In-Reply-To as the copies have them, without private entries. `hiding` as for `published`."""
    return tuple(
        dict.fromkeys(_shown(parent, host, hiding) for parent in message_ids if not is_private(parent, host.domain))
    )


def is_private(message_id: str, domain: str) -> bool:
    """One of the References entries that tell us whose copy was answered: never passed on (contract §5)."""
    folded = message_id.lower()
    return folded.startswith("<m.") and folded.endswith(f"@{domain}>")


def shown_name(member: Member | None, author: Mailbox | None) -> str:
    """How the members know her: her name with us, else what she calls herself, never an address."""
    own = plain_text(member.name) if member else ""
    return own or display_name(author.name if author else "", otherwise=member.alias if member else "Somebody")


def addresses_in(message_ids: Iterable[str]) -> set[str]:
    """Keys of all addresses that could stand in these Message-IDs: storage knows which of them are members'."""
    return {key for message_id in message_ids for key in _addresses_in(message_id)}


def _addresses_in(message_id: str) -> set[str]:
    """`<2026.anna=oak.example@host>` may hold the address 2026.anna@oak.example, or anna@oak.example."""
    inside = message_id.strip("<>").casefold().replace("%40", "@").replace("=40", "@")
    found: set[str] = set()
    for at in re.finditer("[@=]", inside):
        domain = _DOMAIN.match(inside, at.end())
        if domain is None:
            continue
        local = inside[max(0, at.start() - 64) : at.start()]
        starts = [0, *(separator.end() for separator in _SEPARATOR.finditer(local))]
        found.update(f"{local[start:]}@{domain[0]}" for start in starts[-_STARTS:] if local[start:])
    return found


def _shown(message_id: str, host: Host, hiding: Collection[str]) -> str:
    unfit = _unfit(message_id, hiding)
    return minted_message_id(host.secrets, message_id, host.domain) if unfit else message_id


def _unfit(message_id: str, hiding: Collection[str]) -> bool:
    """It tells a member's address, or cannot pass a server without SMTPUTF8."""
    return not message_id.isascii() or bool(hiding and not _addresses_in(message_id).isdisjoint(hiding))
