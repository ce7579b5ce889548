"""What other servers have reported of our posts: so that they cannot do it without end."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from storage.models_remote import PeerReport

KEPT = timedelta(days=46)
"""A report that is older than 45 days is not taken."""


def remember_report(session: Session, *, peer: str, digest: str, now: datetime) -> bool:
    """False when this one came before."""
    session.exec(delete(PeerReport).where(col(PeerReport.received_at) < now - KEPT))
    if session.get(PeerReport, (peer, digest)) is not None:
        return False
    session.add(PeerReport(peer=peer, digest=digest, received_at=now))
    session.flush()
    return True


def count_reports(session: Session, *, peer: str, since: datetime) -> int:
    query = select(func.count()).where(PeerReport.peer == peer, col(PeerReport.received_at) > since)
    return session.exec(query).one()
