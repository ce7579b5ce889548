"""All DKIM signatures of a message (RFC 6376), those that could speak for its author first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from handlers.message import Field, Message
from handlers.verdict import Evidence
from handlers.verify import (
    Signature,
    UnusableSignature,
    canonical_body_hash,
    intact,
    public_key,
    read_signature,
)
from organic_mail.resolver import TRY_SECONDS, Dns, DnsTrouble, NoSuchName

MOST_EXAMINED = 5


def check(message: Message, dns: Dns, now: datetime, matters: Callable[[str], bool]) -> tuple[Evidence, ...]:
    """One `Evidence` for each signature, in the order in which they were looked at. Never raises.

    *matters* says whether a signature of a domain can change anything: those are examined first, and only they may
    wait long for DNS.
    """
    readable: list[Signature] = []
    found: list[Evidence] = []
    for field in message.all("dkim-signature"):
        signature = _read(message, field, now)
        if isinstance(signature, Evidence):
            found.append(signature)
        else:
            readable.append(signature)
    readable.sort(key=lambda signature: not matters(signature.domain))
    body_hashes: dict[bytes, bytes] = {}
    for signature in readable[:MOST_EXAMINED]:
        patience = dns if matters(signature.domain) else dns.within(TRY_SECONDS)
        found.append(_examined(message, signature, patience, body_hashes))
    found.extend(Evidence("dkim", spare.domain, "policy", "not examined") for spare in readable[MOST_EXAMINED:])
    return tuple(found)


def _read(message: Message, field: Field, now: datetime) -> Signature | Evidence:
    try:
        return read_signature(message, field, now)
    except UnusableSignature as unusable:
        return Evidence("dkim", unusable.domain, unusable.result, str(unusable))


def _examined(message: Message, signature: Signature, dns: Dns, body_hashes: dict[bytes, bytes]) -> Evidence:
    form = signature.body_form
    if form not in body_hashes:
        body_hashes[form] = canonical_body_hash(message, form)
    if body_hashes[form] != signature.body_hash:
        return Evidence("dkim", signature.domain, "fail", "the body was changed")
    try:
        key = public_key(dns.txt(signature.key_name), signature)
    except NoSuchName:
        return Evidence("dkim", signature.domain, "permerror", "its key is not published")
    except DnsTrouble as trouble:
        return Evidence("dkim", signature.domain, "temperror", str(trouble))
    except UnusableSignature as unusable:
        return Evidence("dkim", signature.domain, unusable.result, str(unusable))
    if not intact(message, signature, key):
        return Evidence("dkim", signature.domain, "fail", "the header was changed")
    return Evidence("dkim", signature.domain, "pass")
