"""DKIM selectors. The private keys are files; see models.SigningKey."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from storage.models import KeyState, SigningKey


def signing_keys(session: Session) -> list[SigningKey]:
    """All selectors, oldest first."""
    return list(session.exec(select(SigningKey).order_by(col(SigningKey.created_at), col(SigningKey.selector))))


def active_key(session: Session) -> SigningKey | None:
    """The selector that signs now."""
    return session.exec(select(SigningKey).where(SigningKey.state == KeyState.ACTIVE)).first()


def add_key(session: Session, *, selector: str, public_key: str, state: KeyState, now: datetime) -> SigningKey:
    """Add a selector. public_key: base64 DER, the p= of its record (RFC 6376 §3.6.1)."""
    key = SigningKey(selector=selector, public_key=public_key, state=state, created_at=now)
    session.add(key)
    session.flush()
    return key


def activate_key(session: Session, *, selector: str, now: datetime) -> None:
    """This selector signs from now on; the one that did is retired. Raises LookupError for an unknown selector."""
    key = session.get(SigningKey, selector)
    if key is None:
        raise LookupError(f"no selector {selector}")
    for signing in session.exec(select(SigningKey).where(SigningKey.state == KeyState.ACTIVE)):
        signing.state = KeyState.RETIRED
        signing.retired_at = now
    key.state = KeyState.ACTIVE
    key.retired_at = None
    session.flush()
