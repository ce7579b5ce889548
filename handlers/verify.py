"""DKIM signatures of others (RFC 6376, RFC 8301): which of them may be believed, before dkimpy looks whether they hold.

A signature that leaves room for a stranger's words (no From, a body limit, SHA-1, out of date) counts as none
(spec/mail.md §2.4). So does one that would keep dkimpy busy: its time grows with the square of some inputs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dkim.util import InvalidTagValueList, parse_tag_value

from handlers.message import Message

CLOCKS_DIFFER = timedelta(hours=1)
LARGEST_SIGNATURE = 4096  # bytes of one DKIM-Signature field
LARGEST_KEY_RECORD = 1100  # bytes: a key of 4096 bits and some notes
MOST_NAMES = 100  # in h=
LONGEST_FOLD = 100  # blanks and line ends in a row in a DKIM-Signature field
LONGEST_BLANK = 250  # blanks in a row in the body
MOST_BLANKS = 1_000_000  # in the body
LONGEST_END = 4000  # bytes of blanks and empty lines at the end of the body

_DOMAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SELECTOR = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,200}[a-z0-9_])?")
_SECONDS = re.compile(rb"[0-9]{1,12}")
_BLANKS = re.compile(rb"[ \t\r\n]+")
_FOLD = re.compile(rb"\s{%d}" % (LONGEST_FOLD + 1))
_TAB_AS_BLANK = bytes.maketrans(b"\t", b" ")

Tags = Mapping[bytes, bytes]


class UnusableSignature(ValueError):
    """Why a signature proves nothing; `result` is the word of RFC 8601 §2.7.1, `domain` its d= where readable."""

    def __init__(self, result: str, reason: str, domain: str = "") -> None:
        super().__init__(reason)
        self.result = result
        self.domain = domain


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM-Signature field that may be believed if it turns out to hold."""

    place: int  # among the DKIM-Signature fields, 0 is the topmost
    domain: str  # d=, lower case
    selector: str
    identity_domain: str  # of i=

    @property
    def key_name(self) -> str:
        """Where in DNS its public key stands (RFC 6376 §3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


def read_signature(message: Message, place: int, now: datetime) -> Signature:
    """Raises `UnusableSignature` for one that is broken, too costly to check, or breaks our rules."""
    field = message.all("dkim-signature")[place]
    text = message.raw[field.colon + 1 : field.end]
    if len(text) > LARGEST_SIGNATURE or _FOLD.search(text):
        raise UnusableSignature("policy", "it is too large")
    try:
        tags: Tags = parse_tag_value(text)
        domain = tags[b"d"].decode("ascii").lower()
    except (KeyError, ValueError, InvalidTagValueList):
        raise UnusableSignature("permerror", "it cannot be read") from None
    if not _DOMAIN.fullmatch(domain):
        raise UnusableSignature("permerror", "d= is no domain name")
    reason = _rule_broken(tags, now)
    if reason:
        raise UnusableSignature("policy", reason, domain)
    try:
        selector = tags[b"s"].decode("ascii").lower()
        identity_domain = tags.get(b"i", b"@" + domain.encode()).decode("utf-8").rpartition("@")[2].lower()
    except (KeyError, ValueError):
        raise UnusableSignature("permerror", "it cannot be read", domain) from None
    if not _SELECTOR.fullmatch(selector) or not f".{identity_domain}".endswith(f".{domain}"):
        raise UnusableSignature("permerror", "it cannot be read", domain)
    return Signature(place, domain, selector, identity_domain)


def _rule_broken(tags: Tags, now: datetime) -> str:
    """Which rule of ours a signature breaks, "" for none."""
    signed, expires = (int(tags[name]) if _SECONDS.fullmatch(tags.get(name, b"")) else None for name in (b"t", b"x"))
    names = _BLANKS.sub(b"", tags.get(b"h", b"")).lower().split(b":")
    if b"l" in tags:
        return "l= leaves the end of the body open"
    if tags.get(b"a") != b"rsa-sha256":  # RFC 8301 §3.1 takes rsa-sha1 away; dkimpy has no ed25519 of its own
        return "its algorithm is not trusted"
    if b"from" not in names:  # RFC 6376 §5.4
        return "it does not cover From"
    if len(names) > MOST_NAMES:
        return "it covers too many fields"
    if expires is not None and expires <= now.timestamp():
        return "it has expired"
    if (b"x" in tags and expires is None) or (b"t" in tags and signed is None):
        return "its dates cannot be read"
    if signed is not None and signed > (now + CLOCKS_DIFFER).timestamp():
        return "it is from the future"
    return ""


def key_record(texts: Sequence[bytes], signature: Signature) -> bytes:
    """Its key, found among the TXT records at `signature.key_name` (RFC 6376 §3.6.1), as a record of nothing else.

    Raises `UnusableSignature`.
    """
    if not texts:
        raise UnusableSignature("permerror", "its key is not published", signature.domain)
    reason = ""
    for text in texts[:3]:
        try:
            return b"v=DKIM1; k=rsa; p=" + _key_in(text, signature)
        except UnusableSignature as unusable:
            reason = str(unusable)
    raise UnusableSignature("permerror", reason, signature.domain)


def _key_in(text: bytes, signature: Signature) -> bytes:
    """The p= of a record that allows what is done with it; dkimpy does not look at h= and t=, and misreads s=."""
    if len(text) > LARGEST_KEY_RECORD:
        raise UnusableSignature("permerror", "its key is too large")
    try:
        tags: Tags = parse_tag_value(text)
        key = tags[b"p"]
    except (KeyError, ValueError, InvalidTagValueList):
        raise UnusableSignature("permerror", "its key cannot be read") from None
    if b"v" in tags and (tags[b"v"] != b"DKIM1" or next(iter(tags)) != b"v"):
        raise UnusableSignature("permerror", "its key cannot be read")
    if tags.get(b"k", b"rsa") != b"rsa":
        raise UnusableSignature("permerror", "its key is of another kind")
    if b"h" in tags and b"sha256" not in _words(tags[b"h"]):
        raise UnusableSignature("permerror", "its key is not for SHA-256")
    if not {b"*", b"email"} & _words(tags.get(b"s", b"*")):
        raise UnusableSignature("permerror", "its key is not for mail")
    if b"s" in _words(tags.get(b"t", b"")) and signature.identity_domain != signature.domain:
        raise UnusableSignature("permerror", "its key is not for subdomains")
    if not key:
        raise UnusableSignature("permerror", "its key has been revoked")
    return key


def _words(value: bytes) -> set[bytes]:
    return set(_BLANKS.sub(b"", value).lower().split(b":"))


def takes_too_long(body: bytes) -> bool:
    """Would dkimpy need more than a second for its canonical form? No person's mail is like that."""
    if len(body) - len(body.rstrip(b" \t\r\n")) > LONGEST_END:
        return True
    blanks = body.translate(_TAB_AS_BLANK)
    return blanks.count(b" ") > MOST_BLANKS or b" " * (LONGEST_BLANK + 1) in blanks
