"""DKIM signatures (RFC 6376): rsa-sha256, relaxed/relaxed, oversigned, no l= (spec/mail.md §1.6).

dkimpy canonicalises, cryptography signs. What is equal for all copies of a post is canonicalised and hashed once; then
a signature costs little more than its RSA operation.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from dkim.canonicalization import Relaxed

SHARED_FIELDS = (
    "from", "to", "cc", "subject", "date", "message-id", "reply-to", "sender", "in-reply-to", "mime-version",
    "content-type", "content-transfer-encoding", "list-id", "list-post", "list-help", "list-owner", "list-archive",
    "author", "auto-submitted", "precedence", "archived-at",
)  # fmt: skip
"""The signed fields that all copies of a post in one language have in common."""

PERSONAL_FIELDS = ("references", "list-unsubscribe", "list-unsubscribe-post")
"""The signed fields that each copy has of its own. They come last, so that the shared ones can be prepared."""

# Named once more than they stand in the header, so that adding another one breaks the signature (RFC 6376 §8.15).
_OVERSIGNED = (
    "from", "to", "cc", "subject", "date", "reply-to", "sender", "message-id", "content-type", "list-unsubscribe",
    "list-unsubscribe-post",
)  # fmt: skip
_VALID = timedelta(days=14)  # longer than we try to deliver, and a limit to replay
_BLANKS = re.compile(rb"[ \t]+")
_SEVERAL_BLANKS = re.compile(rb"[ \t]{2,}")


class Signer:
    """The private key that signs for a domain under a selector; loaded once, used by any number of threads.

    Raises ValueError when the PEM holds no RSA key.
    """

    __slots__ = ("_key", "_start", "domain", "selector")

    def __init__(self, domain: str, selector: str, private_key_pem: bytes) -> None:
        key = load_pem_private_key(private_key_pem, password=None)
        if not isinstance(key, RSAPrivateKey):
            raise ValueError(f"the key of selector {selector} is no RSA key")
        self._key = key
        self._start = f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain};\r\n\ts={selector}; t="
        self.domain = domain
        self.selector = selector

    def sign(self, fields: Sequence[bytes], body_hash: bytes, signed_at: datetime) -> bytes:
        """The DKIM-Signature field, CRLF included, for whole header `fields` and a body with this `body_hash`."""
        return self.sign_canonical(canonical(fields, SHARED_FIELDS + PERSONAL_FIELDS), body_hash, signed_at)

    def sign_canonical(self, fields: bytes, body_hash: bytes, signed_at: datetime) -> bytes:
        """The same for fields that are canonical and in order already: the shared ones, then the personal ones."""
        signed = int(signed_at.timestamp())
        expires = signed + int(_VALID.total_seconds())
        encoded_hash = base64.b64encode(body_hash).decode("ascii")
        field = f"{self._start}{signed}; x={expires};\r\n{_SIGNED_NAMES};\r\n\tbh={encoded_hash};\r\n\tb=".encode(
            "ascii"
        )
        signature = base64.b64encode(self._key.sign(fields + canonical_field(field)[:-2], _PADDING, _HASH))
        lines = [signature[start : start + 72] for start in range(0, len(signature), 72)]
        return field + b"\r\n\t ".join(lines) + b"\r\n"


def body_hash(body: bytes) -> bytes:
    """SHA-256 of the body in relaxed canonical form (RFC 6376 §3.4.4), for bh=; its lines end in CRLF."""
    whole = body if body.endswith(b"\r\n") or not body else body + b"\r\n"
    single = _SEVERAL_BLANKS.sub(b" ", whole)  # else dkimpy takes time with the square of a run of blanks
    return hashlib.sha256(Relaxed.canonicalize_body(single)).digest()


def canonical(fields: Iterable[bytes], names: Sequence[str]) -> bytes:
    """Those of the header `fields` whose names are given, in the order of the names, in relaxed canonical form.

    Raises ValueError when one of them stands twice: an oversigned name would cover it, and not what is added later.
    """
    found: dict[str, bytes] = {}
    for name, value in Relaxed.canonicalize_headers([field.split(b":", 1) for field in fields]):
        known = name.decode("ascii")
        if known in names:
            if known in found:
                raise ValueError(f"two {known} fields cannot be signed")
            found[known] = name + b":" + value
    return b"".join(found[name] for name in names if name in found)


def canonical_field(field: bytes) -> bytes:
    """The same for one field that each copy has of its own: in a third of the time that dkimpy takes."""
    name, _, value = field.partition(b":")
    line = _BLANKS.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")
    return name.rstrip(b" \t").lower() + b":" + line + b"\r\n"


def _folded_names(names: Sequence[str]) -> str:
    """`h=` with all names, in lines of at most 78 characters (RFC 6376 §3.5 allows a fold behind a colon)."""
    lines = ["\th="]
    for place, name in enumerate(names):
        piece = name if place == len(names) - 1 else name + ":"
        if len(lines[-1]) + len(piece) > 76:
            lines.append("\t ")
        lines[-1] += piece
    return "\r\n".join(lines)


_SIGNED_NAMES = _folded_names(SHARED_FIELDS + PERSONAL_FIELDS + _OVERSIGNED)
_PADDING = PKCS1v15()
_HASH = SHA256()
