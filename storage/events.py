"""What happened, in plain words: `organic-mail log`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert
from sqlmodel import Session, col, select

from storage.models import Event
from storage.prepared import Prepared
from storage.tables import event

_RECORD = Prepared(insert(event))


def record(
    session: Session,
    kind: str,
    text: str,
    *,
    now: datetime,
    list_id: int | None = None,
    post_id: int | None = None,
    member_id: int | None = None,
    content_id: int | None = None,
) -> None:
    """Write one line of the log. kind: one word, see models.Event."""
    row = {
        "at": now,
        "kind": kind,
        "text": text,
        "list_id": list_id,
        "post_id": post_id,
        "member_id": member_id,
        "content_id": content_id,
    }
    _RECORD.rows(session, row)


def latest_events(session: Session, *, list_id: int | None = None, limit: int = 100) -> list[Event]:
    """The last lines of the log, oldest first."""
    query = select(Event).order_by(col(Event.id).desc()).limit(limit)
    if list_id is not None:
        query = query.where(Event.list_id == list_id)
    return list(reversed(session.exec(query).all()))


def events_after(session: Session, event_id: int, *, list_id: int | None = None, limit: int = 1000) -> list[Event]:
    """The lines that came after one, oldest first: for `log --follow`."""
    query = select(Event).where(col(Event.id) > event_id).order_by(col(Event.id)).limit(limit)
    if list_id is not None:
        query = query.where(Event.list_id == list_id)
    return list(session.exec(query).all())
