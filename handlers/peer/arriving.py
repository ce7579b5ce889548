"""Mail to organic-peer@ and organic-peer-TOKEN@: what SMTP answers. Nobody else is ever answered.

What it means is decided where it is written down, because that depends on what came a moment before.
"""

from __future__ import annotations

from handlers.address import address_key
from handlers.facts import Facts
from handlers.incoming import Incoming, Verdict
from handlers.outcome import ACCEPTED, FromPeer, Outcome
from handlers.peer.control import Unreadable
from handlers.peer.handshake import from_domain
from handlers.peer.letter import HANDSHAKE, read_letter
from handlers.policy import dropped, refused
from handlers.reply import Reply

_NOT_PROVEN = Reply(550, "5.7.1", "We could not make sure which server sent this email, so we have not read it")
_ENOUGH_FOR_NOW = Reply(451, "4.4.5", "You have sent as much as our servers agreed on. Please try again later")
_DNS_TROUBLE = Reply(451, "4.7.5", "We cannot make sure who sent this email just now. Please try again later")


def decide_peer(incoming: Incoming, facts: Facts) -> Outcome:
    """Over a link the signature of the hop counts; a handshake is from whom DKIM says (spec/federation.md §2.3)."""
    if incoming.route.token:
        if facts.peer_waits:
            return Outcome(_ENOUGH_FOR_NOW)
        return Outcome(ACCEPTED, (FromPeer(),))
    try:
        control = read_letter(incoming.message)
        domain = from_domain(control)
        if control.type not in HANDSHAKE:
            raise Unreadable("it does not come over a link")
    except Unreadable as problem:
        return dropped(facts, f"What came to {incoming.route.address} begins nothing with another server: {problem}.")
    if incoming.authentication.verdict is Verdict.UNCERTAIN:
        return Outcome(_DNS_TROUBLE)
    if incoming.authentication.verdict is not Verdict.ALIGNED or domain != _author_domain(facts):
        return refused(incoming, facts, _NOT_PROVEN, f"nothing proves that it comes from {domain}")
    return Outcome(ACCEPTED, (FromPeer(),))


def _author_domain(facts: Facts) -> str:
    return address_key(facts.author.address).rpartition("@")[2] if facts.author else ""
