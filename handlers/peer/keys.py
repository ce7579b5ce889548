"""The key that a server is known by among its peers (spec/federation.md §2.1): Ed25519, pinned by people."""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ID_LENGTH = 16
_KEY_BYTES = 32


class PeerKey:
    """Our own key. `private`: its 32 raw bytes (RFC 8032 §5.1.5)."""

    def __init__(self, private: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._key.public_key().public_bytes_raw()
        self.id = key_id(self.public)

    def sign(self, context: str, signed: bytes) -> str:
        """Over the context, a line feed and the canonical bytes; in base64."""
        return base64.b64encode(self._key.sign(context.encode() + b"\n" + signed)).decode()


def key_id(public: bytes) -> str:
    """The first characters of its digest, as operators see it."""
    return base64.b32encode(hashlib.sha256(public).digest()).decode().lower()[:_ID_LENGTH]


def key_hash(public: bytes) -> str:
    """How a server names its next key before anybody may see it."""
    return base64.b64encode(hashlib.sha256(public).digest()).decode()


def is_signed(public: bytes, context: str, signed: bytes, signature: str) -> bool:
    """Did the owner of the key sign it in this context?"""
    try:
        key = Ed25519PublicKey.from_public_bytes(public)
        key.verify(base64.b64decode(signature, validate=True), context.encode() + b"\n" + signed)
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def public_key(text: str) -> bytes:
    """The 32 bytes of a key in base64. Raises ValueError for anything else."""
    public = base64.b64decode(text, validate=True)
    if len(public) != _KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return public
