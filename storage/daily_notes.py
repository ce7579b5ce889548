"""What was not shared since the last note, and that each day has one note."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, delete, select

from storage.models import Event
from storage.models_people import DailyNote

OPERATOR = 0
"""Where a list stands otherwise."""

_KEPT = timedelta(days=60)
_FIRST = timedelta(days=1)  # so far back the first note looks


def begin_note(session: Session, list_id: int, day: date, now: datetime) -> tuple[int, int] | None:
    """Write down that this day has its note. Between which ids of the log it looks; None when the day had one.

    None on the first day of all, too: who has just begun sees for herself, and reads of it the next morning.
    """
    if session.get(DailyNote, (list_id, day)):
        return None
    before: int | None = session.exec(select(func.max(DailyNote.read_to)).where(DailyNote.list_id == list_id)).one()
    newest = session.exec(select(func.max(Event.id))).one() or before or 0
    if before is None:
        old = select(func.max(Event.id)).where(col(Event.at) <= now - _FIRST)
        session.add(DailyNote(list_id=list_id, day=day, read_to=session.exec(old).one() or 0, noted_at=now))
        session.flush()
        return None
    session.exec(delete(DailyNote).where(col(DailyNote.list_id) == list_id, col(DailyNote.day) < day - _KEPT))
    session.add(DailyNote(list_id=list_id, day=day, read_to=max(newest, before), noted_at=now))
    session.flush()
    return before, newest


def lines_between(
    session: Session, after: int, until: int, kinds: Collection[str], *, only: int | None, without: Collection[int]
) -> list[Event]:
    """Lines of the log of these kinds, oldest first: of one list, or of all but some."""
    query = select(Event).where(col(Event.id) > after, col(Event.id) <= until, col(Event.kind).in_(kinds))
    if only is not None:
        query = query.where(Event.list_id == only)
    else:
        query = query.where(col(Event.list_id).is_(None) | col(Event.list_id).not_in(without))
    return list(session.exec(query.order_by(col(Event.id))))
