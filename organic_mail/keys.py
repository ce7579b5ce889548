"""The keys of a HOME: DKIM keys (RFC 6376 §3.6.1) that overlap when they are rotated, and the secret under our tokens.

Private keys are files, HOME/keys/SELECTOR.pem; storage.keys knows which selector signs. A selector goes from NEXT
(published, not signing) over ACTIVE to RETIRED, and is published in every state for as long as a copy signed with it
may still be on its way.
"""

from __future__ import annotations

import base64
import os
import re
import secrets as randomness
import string
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlmodel import Session

from handlers.token import Secret, Secrets
from organic_mail.dns_records import DnsRecord, dkim_name, dkim_value
from organic_mail.problem import Problem
from storage import keys as selectors
from storage.database import Database
from storage.models import KeyState, SigningKey

if TYPE_CHECKING:
    from organic_mail.resolver import Dns

RSA_BITS = 2048  # RFC 8301 §3.2
PUBLISHED_AFTER_RETIREMENT = timedelta(days=30)
REVOKED_AFTER_RETIREMENT = timedelta(days=365)
"""Until when an empty record says that the key no longer counts; then the record may go."""


def write_private(path: Path, content: bytes) -> None:
    """A new file of mode 0600 whatever the umask is; on the disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def new_selector(now: datetime, taken: Collection[str]) -> str:
    """om202611a, om202611b, …: when it was made stands in its name."""
    month = f"om{now:%Y%m}"
    for letter in string.ascii_lowercase:
        if month + letter not in taken:
            return month + letter
    raise Problem("26 keys were made this month; wait for the next one")


def make_signing_key(keys: Path, selector: str) -> str:
    """Makes HOME/keys/SELECTOR.pem and returns its public key, base64 of DER."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(keys / f"{selector}.pem", pem)
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(public).decode("ascii")


def make_secret(keys: Path, kid: str) -> None:
    """Makes HOME/keys/hmac-KID.key: 32 random bytes, written in hex."""
    write_private(keys / f"hmac-{kid}.key", randomness.token_hex(32).encode("ascii") + b"\n")


def read_secrets(keys: Path) -> Secrets:
    """All of HOME/keys/hmac-*.key, the newest first. Raises Problem."""
    files = sorted(
        (int(m[1]), file) for file in _listing(keys) if (m := re.fullmatch(r"hmac-(\d{1,8})\.key", file.name))
    )
    if not files:
        raise Problem(
            f"{keys}/hmac-1.key is missing, so answers to what was sent are not known again; "
            f"put it back from the backup, or make a new one: (umask 077; openssl rand -hex 32 > {keys}/hmac-1.key)"
        )
    return tuple(Secret(str(kid), _secret_in(file)) for kid, file in reversed(files))


def _listing(keys: Path) -> list[Path]:
    try:
        return list(keys.iterdir())
    except FileNotFoundError:
        return []
    except OSError as fault:
        raise Problem(f"{keys} cannot be read ({fault.strerror}); run as the account that owns it") from None


def _secret_in(file: Path) -> bytes:
    try:
        secret = bytes.fromhex(file.read_text("ascii"))
    except OSError as fault:
        raise Problem(f"{file} cannot be read ({fault.strerror}); run as the account that owns it") from None
    except ValueError:
        secret = b""
    if len(secret) < 32:
        raise Problem(f"{file} holds no secret (64 hex digits); put it back from the backup")
    return secret


def private_key(keys: Path, key: SigningKey) -> bytes:
    """The PEM of a selector, checked to belong to the public key that is published. Raises Problem."""
    file = keys / f"{key.selector}.pem"
    try:
        pem = file.read_bytes()
        public = serialization.load_pem_private_key(pem, None).public_key()
    except FileNotFoundError:
        raise Problem(
            f"{file} is missing; put it back from the backup, or sign with a new key: organic-mail keys rotate --now"
        ) from None
    except OSError as fault:
        raise Problem(f"{file} cannot be read ({fault.strerror}); run as the account that owns it") from None
    except (ValueError, TypeError):
        raise Problem(
            f"{file} holds no private key; put it back from the backup, or sign with a new one: "
            "organic-mail keys rotate --now"
        ) from None
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if base64.b64encode(der).decode("ascii") != key.public_key:
        raise Problem(f"{file} is not the key whose record is published; put the right one back from the backup")
    return pem


def to_publish(session: Session, now: datetime) -> list[tuple[str, str]]:
    """(selector, public key) of everything that belongs into DNS now; the key is "" for one that is revoked."""
    return [
        (key.selector, "" if is_revoked(key, now) else key.public_key)
        for key in selectors.signing_keys(session)
        if key.retired_at is None or key.retired_at > now - REVOKED_AFTER_RETIREMENT
    ]


def is_revoked(key: SigningKey, now: datetime) -> bool:
    """Is nothing on its way any more that it signed? Its record is then published empty (RFC 6376 §3.6.1)."""
    return key.retired_at is not None and key.retired_at <= now - PUBLISHED_AFTER_RETIREMENT


def remove_revoked(database: Database, keys: Path, now: datetime) -> list[str]:
    """Remove the private keys that sign nothing and prove nothing any more. Returns their selectors."""
    removed = []
    for key in database.read(selectors.signing_keys):
        file = keys / f"{key.selector}.pem"
        if is_revoked(key, now) and file.exists():
            file.unlink()
            removed.append(key.selector)
    return removed


def make_next_key(database: Database, keys: Path, *, now: datetime) -> SigningKey:
    """Makes the key that will sign next. Its file is on the disk before the row is."""
    known = database.read(selectors.signing_keys)
    selector = new_selector(now, {key.selector for key in known} | {file.stem for file in _listing(keys)})
    public_key = make_signing_key(keys, selector)
    return database.write(
        lambda session: selectors.add_key(
            session, selector=selector, public_key=public_key, state=KeyState.NEXT, now=now
        )
    )


def next_key(database: Database) -> SigningKey | None:
    """The key that was made by `rotate` and does not sign yet."""
    known = database.read(selectors.signing_keys)
    return next((key for key in known if key.state is KeyState.NEXT), None)


def record_of(key: SigningKey, domain: str) -> DnsRecord:
    return DnsRecord(dkim_name(key.selector, domain), "TXT", dkim_value(key.public_key))


def is_published(key: SigningKey, domain: str, dns: Dns) -> bool:
    """Does DNS have this key? Raises DnsTrouble when nobody can say."""
    from organic_mail.resolver import NoSuchName  # takes long to import, and most commands ask nobody

    try:
        texts = dns.txt(dkim_name(key.selector, domain))
    except NoSuchName:
        return False
    return any(key.public_key in re.sub(r"\s", "", text.decode("ascii", "replace")) for text in texts)


def switch_key(database: Database, selector: str, now: datetime) -> None:
    """This key signs from now on. The one before stays published while its copies are on their way."""
    database.write(lambda session: selectors.activate_key(session, selector=selector, now=now))
