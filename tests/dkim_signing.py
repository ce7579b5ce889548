"""Signs messages with any DKIM tags that a test wants, honest or not; canonicalised by dkimpy, not by our code."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Sequence
from functools import cache
from types import SimpleNamespace
from unittest import mock

import dkim
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from dkim.canonicalization import CanonicalizationPolicy

Key = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
_SIGNED_AT = re.compile(rb"^DKIM-Signature:(?:[^\r]|\r\n[ \t])*?[; \t]t=(\d+)", re.MULTILINE | re.IGNORECASE)


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def public_text(key: Key) -> str:
    """The p= of the key record."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        data = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    else:
        data = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(data).decode()


def key_record(key: Key) -> str:
    kind = "ed25519" if isinstance(key, ed25519.Ed25519PrivateKey) else "rsa"
    return f"v=DKIM1; k={kind}; p={public_text(key)}"


def signed(
    raw: bytes,
    key: Key,
    domain: str,
    *,
    names: Sequence[str] = ("from", "to", "subject", "date"),
    form: str = "relaxed/relaxed",
    algorithm: str = "",
    selector: str = "s1",
    body_length: int | None = None,
    **tags: str,
) -> bytes:
    """*raw* with a DKIM-Signature on top. *tags* are added as they stand; an empty one leaves out a usual tag."""
    fields, body = dkim.rfc822_parse(raw)
    policy = CanonicalizationPolicy.from_c_value(form.encode())
    body = policy.canonicalize_body(body)[:body_length]
    algorithm = algorithm or ("ed25519-sha256" if isinstance(key, ed25519.Ed25519PrivateKey) else "rsa-sha256")
    digest = hashlib.sha1 if algorithm.endswith("sha1") else hashlib.sha256
    usual = {
        "v": "1",
        "a": algorithm,
        "c": form,
        "d": domain,
        "s": selector,
        "h": ":".join(names),
        "bh": base64.b64encode(digest(body).digest()).decode(),
        **({} if body_length is None else {"l": str(body_length)}),
    }
    written = "; ".join(f"{name}={value}" for name, value in {**usual, **tags}.items() if value)
    own = [b"DKIM-Signature", f" {written}; b=".encode()]
    chosen = dkim.select_headers(policy.canonicalize_headers(fields), [name.lower().encode() for name in names])
    canonical = [*chosen, *policy.canonicalize_headers([own])]
    data = b"".join(name + b":" + value for name, value in canonical).removesuffix(b"\r\n")
    if isinstance(key, ed25519.Ed25519PrivateKey):
        signature = key.sign(hashlib.sha256(data).digest())
    else:
        signature = key.sign(data, PKCS1v15(), SHA1() if digest is hashlib.sha1 else SHA256())
    return own[0] + b":" + own[1] + base64.b64encode(signature) + b"\r\n" + raw


def verifies(raw: bytes, published: Callable[..., bytes | None]) -> bool:
    """Does dkimpy find it well signed, at the moment when it was signed?

    It looks at the clock itself, our signatures expire, and many tests are of one day in November for ever.
    `published`: what DNS has under a name.
    """
    found = _SIGNED_AT.search(raw.partition(b"\r\n\r\n")[0])
    at = float(found[1]) if found else time.time()
    with mock.patch.object(dkim, "time", SimpleNamespace(time=lambda: at)):
        return bool(dkim.verify(raw, dnsfunc=published))
