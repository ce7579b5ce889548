"""The card of a server: who runs it, by which key it is known, what it can do. It signs the card itself."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime

from handlers.peer.control import Control, Fields, Unreadable, canonical
from handlers.peer.keys import PeerKey, is_signed, key_id, public_key
from handlers.peer.value import moment_text, read_digest, read_domain, read_mailbox, read_moment

CAPABILITIES = ("relay/1", "retract/1", "edit/1", "private/1", "offer/1", "ledger/1")

_CONTEXT = "organic-card-v1"
_LONGEST = 200
_MOST_CAPABILITIES = 50


@dataclass(frozen=True, slots=True)
class Card:
    domain: str
    operator: str  # the name of the community, for people
    contact: str  # where its operator is reached, "" where she does not want to say
    software: str
    key: bytes  # Ed25519, raw
    next: str  # base64 of the SHA-256 of the key that comes next
    relay: str  # an address
    capabilities: tuple[str, ...]
    limits: str
    rules: str
    issued: datetime
    enc: str = ""  # of a later version

    @property
    def key_id(self) -> str:
        return key_id(self.key)


def write_card(card: Card, key: PeerKey) -> Control:
    unsigned: Fields = (
        ("v", "1"),
        ("type", "card"),
        ("domain", card.domain),
        ("operator", card.operator),
        ("contact", card.contact),
        ("software", card.software),
        ("key", base64.b64encode(card.key).decode()),
        ("next", card.next),
        ("enc", card.enc),
        ("relay", card.relay),
        ("caps", " ".join(card.capabilities)),
        ("limits", card.limits),
        ("rules", card.rules),
        ("issued", moment_text(card.issued)),
    )
    return Control((*unsigned, ("s", key.sign(_CONTEXT, canonical(unsigned)))))


def read_card(control: Control) -> Card:
    """Checked against its own signature; its domain may be written in letters of any script. Raises Unreadable."""
    if control.first("v") != "1" or control.type != "card":
        raise Unreadable("it is no card")
    try:
        key = public_key(control.first("key"))
    except ValueError:
        raise Unreadable("the key of the card cannot be read") from None
    if not is_signed(key, _CONTEXT, canonical(control.without("s").fields), control.first("s")):
        raise Unreadable("the card is not signed by its own key")
    read_digest(control.first("next"))
    return Card(
        domain=read_domain(control.first("domain")),
        operator=control.first("operator")[:_LONGEST],
        contact=control.first("contact")[:_LONGEST],
        software=control.first("software")[:_LONGEST],
        key=key,
        next=control.first("next"),
        relay=read_mailbox(control.first("relay")),
        capabilities=tuple(control.first("caps").split()[:_MOST_CAPABILITIES]),
        limits=control.first("limits")[:_LONGEST],
        rules=control.first("rules")[:_LONGEST],
        issued=read_moment(control.first("issued")),
        enc=control.first("enc")[:_LONGEST],
    )


def enclosed(name: str, control: Control) -> Fields:
    """A block inside another one, line by line, so that people can read it, too."""
    return tuple((name, f"{inner}:{value}") for inner, value in control.fields)


def opened(name: str, control: Control) -> Control:
    """The block that `enclosed` put there. Raises Unreadable."""
    fields = []
    for line in control.all(name):
        inner, colon, value = line.partition(":")
        if not colon:
            raise Unreadable(f"a line of {name} has no name")
        fields.append((inner, value))
    if not fields:
        raise Unreadable(f"{name} is missing")
    canonical(fields)
    return Control(tuple(fields))
