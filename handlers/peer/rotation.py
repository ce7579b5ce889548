"""A server changes its key: both say so, and the new one was promised before (spec/federation.md §2.3)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta

from handlers.peer.control import Control, Unreadable, canonical
from handlers.peer.keys import PeerKey, is_signed, key_hash, key_id, public_key
from handlers.peer.value import moment_text, read_digest, read_domain, read_moment

OLD_KEY_HOLDS = timedelta(days=14)
"""What was signed with it is still on its way."""

_CONTEXT = "organic-rotate-v1"
_SIGNATURES = ("k", "s", "k.new", "s.new")


@dataclass(frozen=True, slots=True)
class Rotation:
    domain: str
    old_id: str
    key: bytes
    next: str
    compromised_since: datetime | None
    at: datetime


def write_rotation(rotation: Rotation, old: PeerKey, new: PeerKey) -> Control:
    since = rotation.compromised_since
    fields = (
        ("v", "1"),
        ("type", "rotate"),
        ("from", rotation.domain),
        ("old", old.id),
        ("key", base64.b64encode(new.public).decode()),
        ("next", rotation.next),
        ("compromised-since", moment_text(since) if since else ""),
        ("at", moment_text(rotation.at)),
    )
    signed = canonical(fields)
    proofs = (
        ("k", old.id),
        ("s", old.sign(_CONTEXT, signed)),
        ("k.new", new.id),
        ("s.new", new.sign(_CONTEXT, signed)),
    )
    return Control((*fields, *proofs))


def read_rotation(control: Control) -> Rotation:
    """Unjudged. Raises Unreadable."""
    if control.first("v") != "1" or control.type != "rotate":
        raise Unreadable("it is no rotation")
    try:
        key = public_key(control.first("key"))
    except ValueError:
        raise Unreadable("the new key cannot be read") from None
    read_digest(control.first("next"))
    since = control.first("compromised-since")
    return Rotation(
        domain=read_domain(control.first("from")),
        old_id=control.first("old"),
        key=key,
        next=control.first("next"),
        compromised_since=read_moment(since) if since else None,
        at=read_moment(control.first("at")),
    )


def is_rightful(control: Control, rotation: Rotation, *, key: bytes, promised: str) -> bool:
    """Signed by the `key` that we know and by the new one. promised: the hash of the next key, "" where nobody said."""
    signed = canonical(control.without(*_SIGNATURES).fields)
    return (
        rotation.old_id == key_id(key)
        and promised in ("", key_hash(rotation.key))
        and is_signed(key, _CONTEXT, signed, control.get("s") or "")
        and is_signed(rotation.key, _CONTEXT, signed, control.get("s.new") or "")
    )
