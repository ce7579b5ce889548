"""DKIM signatures of others (RFC 6376, RFC 8301, RFC 8463): may they be believed, and are they intact?

The counterpart of `sign`, and linear on every input. A signature that leaves room for a stranger's words (no From, a
body limit, a weak key, out of date) counts as none (spec/mail.md §2.4).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from handlers.message import Field, Message
from handlers.sign import body_hash, canonical_field

SMALLEST_KEY = 1024  # bits (RFC 8301 §3.2)
LARGEST_KEY = 8192
CLOCKS_DIFFER = timedelta(hours=1)

_KEY_KINDS = {b"rsa-sha256": b"rsa", b"ed25519-sha256": b"ed25519"}  # RFC 8301 §3.1 takes rsa-sha1 away
_FORMS = {b"simple", b"relaxed"}
_DOMAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SELECTOR = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,200}[a-z0-9_])?")
_SECONDS = re.compile(rb"\d{1,12}")
_TAG_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")
_BLANKS = re.compile(rb"[ \t\r\n]+")

PublicKey = RSAPublicKey | Ed25519PublicKey


class UnusableSignature(ValueError):
    """Why a signature proves nothing; `result` is the word of RFC 8601 §2.7.1, `domain` its d= where readable."""

    def __init__(self, result: str, reason: str, domain: str = "") -> None:
        super().__init__(reason)
        self.result = result
        self.domain = domain


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM-Signature field that may be believed if it turns out to be intact."""

    field: Field
    domain: str  # d=, lower case
    selector: str
    identity_domain: str  # of i=
    key_kind: bytes  # b"rsa" or b"ed25519"
    header_form: bytes  # b"simple" or b"relaxed"
    body_form: bytes
    names: tuple[str, ...]  # h=, lower case
    body_hash: bytes
    signature: bytes

    @property
    def key_name(self) -> str:
        """Where in DNS its public key stands (RFC 6376 §3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


def read_signature(message: Message, field: Field, now: datetime) -> Signature:
    """Raises `UnusableSignature` for one that is broken or breaks our rules."""
    try:
        tags = tag_list(message.raw[field.colon + 1 : field.end])
        domain = tags[b"d"].decode("ascii").lower()
    except (KeyError, ValueError):
        raise UnusableSignature("permerror", "it cannot be read") from None
    if not _DOMAIN.fullmatch(domain):
        raise UnusableSignature("permerror", "d= is no domain name")
    reason = _rule_broken(tags, now)
    if reason:
        raise UnusableSignature("policy", reason, domain)
    try:
        return _signature(field, domain, tags)
    except (KeyError, ValueError):
        raise UnusableSignature("permerror", "it cannot be read", domain) from None


def _rule_broken(tags: dict[bytes, bytes], now: datetime) -> str:
    """Which rule of ours a signature breaks, "" for none."""
    signed, expires = (int(tags[name]) if _SECONDS.fullmatch(tags.get(name, b"")) else None for name in (b"t", b"x"))
    if b"l" in tags:
        return "l= leaves the end of the body open"
    if tags.get(b"a") not in _KEY_KINDS:
        return "its algorithm is not trusted"
    if b"from" not in _BLANKS.sub(b"", tags.get(b"h", b"")).lower().split(b":"):  # RFC 6376 §5.4
        return "it does not cover From"
    if expires is not None and expires <= now.timestamp():
        return "it has expired"
    if (b"x" in tags and expires is None) or (b"t" in tags and signed is None):
        return "its dates cannot be read"
    if signed is not None and signed > (now + CLOCKS_DIFFER).timestamp():
        return "it is from the future"
    return ""


def _signature(field: Field, domain: str, tags: dict[bytes, bytes]) -> Signature:
    """Raises KeyError and ValueError for what RFC 6376 §3.5 does not allow."""
    header_form, _, body_form = tags.get(b"c", b"simple/simple").lower().partition(b"/")
    selector = tags[b"s"].decode("ascii").lower()
    identity_domain = tags.get(b"i", b"@" + domain.encode()).decode("utf-8").rpartition("@")[2].lower()
    if (
        tags[b"v"] != b"1"
        or b"dns/txt" not in tags.get(b"q", b"dns/txt").lower().split(b":")
        or not _SELECTOR.fullmatch(selector)
        or not f".{identity_domain}".endswith(f".{domain}")
        or not {header_form, body_form or b"simple"} <= _FORMS
    ):
        raise ValueError
    return Signature(
        field=field,
        domain=domain,
        selector=selector,
        identity_domain=identity_domain,
        key_kind=_KEY_KINDS[tags[b"a"]],
        header_form=header_form,
        body_form=body_form or b"simple",
        names=tuple(_BLANKS.sub(b"", tags[b"h"]).lower().decode("ascii").split(":")),
        body_hash=_from_base64(tags[b"bh"]),
        signature=_from_base64(tags[b"b"]),
    )


def public_key(texts: Sequence[bytes], signature: Signature) -> PublicKey:
    """The key among the TXT records at `signature.key_name` (RFC 6376 §3.6.1). Raises `UnusableSignature`."""
    if not texts:
        raise UnusableSignature("permerror", "its key is not published", signature.domain)
    reason = "its key cannot be read"
    for text in texts[:3]:
        try:
            return _key(tag_list(text), signature)
        except UnusableSignature as unusable:
            reason = str(unusable)
        except (KeyError, ValueError, UnsupportedAlgorithm):
            continue
    raise UnusableSignature("permerror", reason, signature.domain)


def _key(tags: dict[bytes, bytes], signature: Signature) -> PublicKey:
    if tags.get(b"v", b"DKIM1") != b"DKIM1" or (b"v" in tags and next(iter(tags)) != b"v"):
        raise ValueError
    if tags.get(b"k", b"rsa").lower() != signature.key_kind:
        raise UnusableSignature("permerror", "its key is of another kind")
    if b"h" in tags and b"sha256" not in _BLANKS.sub(b"", tags[b"h"]).lower().split(b":"):
        raise UnusableSignature("permerror", "its key is not for SHA-256")
    if not {b"*", b"email"} & set(_BLANKS.sub(b"", tags.get(b"s", b"*")).lower().split(b":")):
        raise UnusableSignature("permerror", "its key is not for mail")
    if b"s" in _BLANKS.sub(b"", tags.get(b"t", b"")).split(b":") and signature.identity_domain != signature.domain:
        raise UnusableSignature("permerror", "its key is not for subdomains")
    if not tags[b"p"]:
        raise UnusableSignature("permerror", "its key has been revoked")
    data = _from_base64(tags[b"p"])
    if signature.key_kind == b"ed25519":
        return Ed25519PublicKey.from_public_bytes(data)  # RFC 8463 §4
    key = load_der_public_key(data)
    if not isinstance(key, RSAPublicKey):
        raise ValueError
    if not SMALLEST_KEY <= key.key_size <= LARGEST_KEY:
        raise UnusableSignature("permerror", f"its key has {key.key_size} bits")
    return key


def canonical_body_hash(message: Message, form: bytes) -> bytes:
    """SHA-256 of the body in its simple or relaxed form (RFC 6376 §3.4.3, §3.4.4)."""
    if form == b"relaxed":
        return body_hash(message.body)
    return hashlib.sha256(message.body.rstrip(b"\r\n") + b"\r\n").digest()


def intact(message: Message, signature: Signature, key: PublicKey) -> bool:
    """Are the signed header fields as they were? The body is compared by `canonical_body_hash`."""
    signed = _signed_bytes(message, signature)
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature.signature, hashlib.sha256(signed).digest())  # RFC 8463 §3
        else:
            key.verify(signature.signature, signed, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _signed_bytes(message: Message, signature: Signature) -> bytes:
    """RFC 6376 §3.7: each name of h= takes the lowest field of that name not taken yet (§5.4.2), then the signature."""
    waiting: dict[str, list[Field]] = {}
    for field in message.fields:
        waiting.setdefault(field.name, []).append(field)
    taken = [waiting[name].pop() for name in signature.names if waiting.get(name)]
    form = canonical_field if signature.header_form == b"relaxed" else bytes
    own = form(_without_signature(message.field_bytes(signature.field)))
    return b"".join([*(form(message.field_bytes(field)) for field in taken), own.removesuffix(b"\r\n")])


def _without_signature(field: bytes) -> bytes:
    """The field with the value of b= cut, and the blanks around it."""
    name, _, value = field.partition(b":")
    pieces = value.split(b";")
    for place, piece in enumerate(pieces):
        tag, _, _ = piece.partition(b"=")
        if tag.strip() == b"b":
            pieces[place] = tag + b"="
    return name + b":" + b";".join(pieces)


def tag_list(text: bytes) -> dict[bytes, bytes]:
    """RFC 6376 §3.2, in order. Raises ValueError when it is broken or names a tag twice."""
    tags: dict[bytes, bytes] = {}
    pieces = text.strip(b" \t\r\n").split(b";")
    if not pieces[-1].strip(b" \t\r\n"):
        pieces.pop()
    for piece in pieces:
        name, equals, value = piece.partition(b"=")
        name = name.strip(b" \t\r\n")
        if not equals or not _TAG_NAME.fullmatch(name) or name in tags:
            raise ValueError("no tag list")
        tags[name] = value.strip(b" \t\r\n")
    return tags


def _from_base64(text: bytes) -> bytes:
    return base64.b64decode(_BLANKS.sub(b"", text), validate=True)
