"""What happened, in plain words: `organic-mail log`."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from storage.models import Event


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
    raise NotImplementedError


def latest_events(session: Session, *, list_id: int | None = None, limit: int = 100) -> list[Event]:
    """The last lines of the log, oldest first."""
    raise NotImplementedError


def events_after(session: Session, event_id: int, *, list_id: int | None = None, limit: int = 1000) -> list[Event]:
    """The lines that came after one, oldest first: for `log --follow`."""
    raise NotImplementedError
