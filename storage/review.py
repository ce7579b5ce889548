"""After a restore: what was on its way waits for a person, because much of it may have arrived long ago."""

from __future__ import annotations

from sqlalchemy import null, update
from sqlmodel import Session

from storage.models import DeliveryState
from storage.tables import delivery

REVIEW = "review: it was due when the backup was made, and may have been sent since"


def hold_unfinished(session: Session) -> int:
    """Hold every delivery that was due, deferred or being sent (spec/mail.md §3.6). Returns how many."""
    unfinished = delivery.c.state.in_([DeliveryState.DUE, DeliveryState.SENDING, DeliveryState.DEFERRED])
    held = (
        update(delivery)
        .where(unfinished)
        .values(state=DeliveryState.HELD, last_reply=REVIEW, lease_until=null(), claimed_by=null())
    )
    return session.connection().execute(held).rowcount
