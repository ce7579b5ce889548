"""The values that stand in control blocks: moments, domains, numbers and digests."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime

from handlers.address import address_key, valid_mailbox
from handlers.peer.control import Unreadable

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
_LIST_ID = re.compile(r"<([^<>]{1,253})>")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_DIGEST_BYTES = 32


def moment_text(moment: datetime) -> str:
    """To the second, as RFC 3339 §5.6 writes it in UTC: `2026-11-22T10:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_moment(text: str) -> datetime:
    """Raises Unreadable."""
    if _MOMENT.fullmatch(text) is None:
        raise Unreadable(f"{text[:40]!r} is no moment")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable(f"{text!r} is no moment") from None


def read_domain(text: str) -> str:
    """In its one comparable form, lower case and A-labels (RFC 5890 §2.3.2.1). Raises Unreadable."""
    domain = address_key(f"a@{text.strip().rstrip('.')}").partition("@")[2]
    if _DOMAIN.fullmatch(domain) is None:
        raise Unreadable(f"{text[:80]!r} is no domain")
    return domain


def read_list_id(text: str) -> str:
    """`<garden.oak.example>` in its comparable form (RFC 2919 §2). Raises Unreadable."""
    found = _LIST_ID.fullmatch(text)
    if found is None:
        raise Unreadable(f"{text[:80]!r} names no list")
    return f"<{read_domain(found[1])}>"


def read_mailbox(text: str) -> str:
    """An address in its comparable form. Raises Unreadable."""
    if not valid_mailbox(text, smtputf8=False):
        raise Unreadable(f"{text[:80]!r} is no address")
    return address_key(text)


def read_number(text: str) -> int:
    """A whole number, not below zero. Raises Unreadable."""
    if _NUMBER.fullmatch(text) is None:
        raise Unreadable(f"{text[:40]!r} is no number")
    return int(text)


def read_digest(text: str) -> bytes:
    """The bytes of a SHA-256 digest in base64. Raises Unreadable."""
    try:
        digest = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise Unreadable("a digest is not in base64") from None
    if len(digest) != _DIGEST_BYTES:
        raise Unreadable("a digest has 32 bytes")
    return digest
