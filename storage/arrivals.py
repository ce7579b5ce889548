"""What was taken from the wire, so that a second arrival is recognised (RFC 1047)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, select, text
from sqlmodel import Session

from storage.models import Moment
from storage.prepared import Prepared
from storage.tables import arrival

_REMEMBER = Prepared(
    text(
        "INSERT INTO arrival (fingerprint, received_at) VALUES (:fingerprint, :now) ON CONFLICT DO NOTHING RETURNING 1"
    ).bindparams(bindparam("now", type_=Moment()))
)


def remember(session: Session, fingerprint: bytes, now: datetime) -> bool:
    """True the first time, False when this arrival is known. Call it in the transaction that stores the message."""
    return _REMEMBER.first(session, {"fingerprint": fingerprint, "now": now}) is not None


def is_known(session: Session, fingerprint: bytes) -> bool:
    """Has this arrival been remembered?"""
    return session.connection().execute(select(arrival).where(arrival.c.fingerprint == fingerprint)).first() is not None


def prune_arrivals(session: Session, *, before: datetime, limit: int = 1000) -> int:
    """Forget at most `limit` arrivals older than a moment. Returns how many: call again while it is > 0."""
    old = select(arrival.c.fingerprint).where(arrival.c.received_at < before).limit(limit)
    return session.connection().execute(delete(arrival).where(arrival.c.fingerprint.in_(old))).rowcount
