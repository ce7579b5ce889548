"""The one community of this database."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, select

from storage.models_community import Community


def create_community(session: Session, *, domain: str, now: datetime) -> Community:
    """Write down whose database this is: once, by `init`."""
    community = Community(domain=domain, created_at=now)
    session.add(community)
    session.flush()
    return community


def the_community(session: Session) -> Community | None:
    return session.exec(select(Community)).first()
