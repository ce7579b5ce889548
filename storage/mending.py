"""What a wrong clock has written into the queue is put right."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update
from sqlmodel import Session

from storage.queue import DUE, SENDING
from storage.tables import delivery

FARTHEST = timedelta(hours=26)
"""Nothing is put off for longer: the longest pauses are the eight hours between attempts and a mailbox's day."""


def mend_times(session: Session, now: datetime) -> int:
    """Bring near what is due, or leased, so far in the future that only a wrong clock can have said it.

    It becomes due spread over an hour. Returns how many deliveries that are.
    """
    far = now + FARTHEST
    connection = session.connection()
    connection.execute(update(delivery).where(SENDING, delivery.c.lease_until > far).values(lease_until=now))
    ids = connection.execute(select(delivery.c.id).where(DUE, delivery.c.due_at > far)).scalars().all()
    if ids:
        soon = [{"row": row, "soon": now + timedelta(minutes=row % 60)} for row in ids]
        mend = update(delivery).where(delivery.c.id == bindparam("row")).values(due_at=bindparam("soon"))
        connection.execute(mend, soon)
    return len(ids)
