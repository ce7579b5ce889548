"""What was taken from the wire, so that a second arrival is recognised (RFC 1047)."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session


def remember(session: Session, fingerprint: bytes, now: datetime) -> bool:
    """True the first time, False when this arrival is known. Call it in the transaction that stores the message."""
    raise NotImplementedError


def prune_arrivals(session: Session, *, before: datetime, limit: int = 1000) -> int:
    """Forget at most `limit` arrivals older than a moment. Returns how many: call again while it is > 0."""
    raise NotImplementedError
