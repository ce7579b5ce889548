"""The signature of one hop: from whom a mail comes, for whom it is, and which one it is (spec/federation.md §2.3).

It names the receiver, so that what somebody caught is worth nothing elsewhere, and a number, so that the same mail
twice changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from handlers.peer.control import Fields, canonical
from handlers.peer.keys import PeerKey, is_signed

VERSION = "1"
DIRECT = "direct"
"""In the place of an epoch: the mail came without a link, straight from the server that wrote it."""
_CONTEXT = "organic-hop-v1"


@dataclass(frozen=True, slots=True)
class Hop:
    sender: str  # domain
    to: str  # domain
    epoch: str
    seq: int  # 0 for what has no number: statuses, offers, wants
    what: str  # base64: the digest of the seal, or of the control block
    path: str  # "birch.example!oak.example", the newest first; tells where to look, decides nothing


@dataclass(frozen=True, slots=True)
class SignedHop:
    hop: Hop
    key_id: str
    signature: str  # base64


def hop_fields(hop: Hop) -> Fields:
    return (
        ("v", VERSION),
        ("from", hop.sender),
        ("to", hop.to),
        ("epoch", hop.epoch),
        ("seq", str(hop.seq)),
        ("what", hop.what),
        ("path", hop.path),
    )


def signed_hop(hop: Hop, key: PeerKey) -> SignedHop:
    return SignedHop(hop, key.id, key.sign(_CONTEXT, canonical(hop_fields(hop))))


def hop_is_good(signed: SignedHop, public: bytes) -> bool:
    return is_signed(public, _CONTEXT, canonical(hop_fields(signed.hop)), signed.signature)


def longer_path(path: str, domain: str) -> str:
    """With the server that passes it on before all others."""
    return f"{domain}!{path}" if path else domain


def hops_of(path: str) -> int:
    return path.count("!") + 1
