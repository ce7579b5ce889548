"""All DKIM signatures of a message (RFC 6376), those that could speak for its author first. dkimpy verifies them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

import dkim

from handlers.message import Message
from handlers.verdict import Evidence
from handlers.verify import Signature, UnusableSignature, key_record, read_signature, takes_too_long
from organic_mail.resolver import TRY_SECONDS, Dns, DnsTrouble, NoSuchName

MOST_EXAMINED = 5
MOST_HASHED = 50_000_000  # bytes of body, for all signatures together
SMALLEST_KEY = 1024  # bits (RFC 8301 §3.2)

logging.getLogger("dkimpy").disabled = True  # what it says about strangers' mail is not for our log


def check(message: Message, dns: Dns, now: datetime, matters: Callable[[str], bool]) -> tuple[Evidence, ...]:
    """One `Evidence` for each signature, in the order in which they were looked at. Never raises.

    *matters* says whether a signature of a domain can change anything: those are examined first, and only they may
    wait long for DNS.
    """
    readable: list[Signature] = []
    found: list[Evidence] = []
    for place in range(len(message.all("dkim-signature"))):
        try:
            readable.append(read_signature(message, place, now))
        except UnusableSignature as unusable:
            found.append(_proves_nothing(unusable))
    if not readable:
        return tuple(found)
    checker = _checker(message)
    if checker is None:
        return (*found, *(Evidence("dkim", each.domain, "policy", "it cannot be checked safely") for each in readable))
    readable.sort(key=lambda signature: not matters(signature.domain))
    most = max(2, min(MOST_EXAMINED, MOST_HASHED // len(message.raw)))
    for signature in readable[:most]:
        patience = dns if matters(signature.domain) else dns.within(TRY_SECONDS)
        found.append(_examined(checker, signature, patience))
    found.extend(Evidence("dkim", spare.domain, "policy", "not examined") for spare in readable[most:])
    return tuple(found)


def _checker(message: Message) -> dkim.DKIM | None:
    """dkimpy with the message in it; None when it would take too long, or reads another header than we do."""
    header, body = message.raw[: message.body_start], message.body
    if takes_too_long(body):
        return None
    try:
        checker = dkim.DKIM(header, minkey=SMALLEST_KEY)
    except dkim.MessageFormatError:
        return None
    if b"".join(name + b":" + value for name, value in checker.headers) + b"\r\n" != header:
        return None
    checker.body = body  # not through its parser, which would make a list of all lines
    return checker


def _examined(checker: dkim.DKIM, signature: Signature, dns: Dns) -> Evidence:
    try:
        record = key_record(dns.txt(signature.key_name), signature)
    except NoSuchName:
        return Evidence("dkim", signature.domain, "permerror", "its key is not published")
    except DnsTrouble as trouble:
        return Evidence("dkim", signature.domain, "temperror", str(trouble))
    except UnusableSignature as unusable:
        return _proves_nothing(unusable)

    def texts(name: bytes, timeout: float) -> bytes | None:  # noqa: ARG001 - how dkimpy asks
        return record if name.decode("ascii", "replace").lower() == f"{signature.key_name}." else None

    try:
        holds = checker.verify(signature.place, dnsfunc=texts)
    except dkim.DKIMException as fault:
        return Evidence("dkim", signature.domain, "fail", str(fault))
    except Exception as fault:  # whatever a stranger's key or signature does to the library is its fault
        return Evidence("dkim", signature.domain, "permerror", type(fault).__name__)
    if not holds or all(name.strip().lower() != b"from" for name, _ in checker.signed_headers):
        return Evidence("dkim", signature.domain, "fail", "the header was changed, or the key is another one")
    return Evidence("dkim", signature.domain, "pass")


def _proves_nothing(unusable: UnusableSignature) -> Evidence:
    return Evidence("dkim", unusable.domain, unusable.result, str(unusable))
