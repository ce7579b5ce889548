"""DKIM selectors. The private keys are files; see models.SigningKey."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from storage.models import KeyState, SigningKey


def signing_keys(session: Session) -> list[SigningKey]:
    """All selectors, oldest first."""
    raise NotImplementedError


def active_key(session: Session) -> SigningKey | None:
    """The selector that signs now."""
    raise NotImplementedError


def add_key(session: Session, *, selector: str, public_key: str, state: KeyState, now: datetime) -> SigningKey:
    """Add a selector. public_key: base64 DER, the p= of its record (RFC 6376 §3.6.1)."""
    raise NotImplementedError


def activate_key(session: Session, *, selector: str, now: datetime) -> None:
    """This selector signs from now on; the one that did is retired. Raises LookupError for an unknown selector."""
    raise NotImplementedError
