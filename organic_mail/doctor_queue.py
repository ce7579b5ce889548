"""The checks of `doctor` on what waits: for its turn, for the operator, for a moderator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlmodel import Session

from organic_mail.finding import Finding, note, ok, warning
from organic_mail.home import Opened
from storage.held import waiting as waiting_posts
from storage.models import DeliveryState
from storage.queue import next_due, state_counts
from storage.shunts import shunt_rows

LATE = timedelta(minutes=15)


def waiting(opened: Opened, now: datetime) -> Iterator[Finding]:
    """One finding for each kind of waiting, and one good one where nothing waits too long."""
    found = [*opened.database.read(lambda session: list(_queue(session, now))), *opened.database.read(_set_aside)]
    yield from found or [ok("queue", "nothing waits longer than it should")]


def _queue(session: Session, now: datetime) -> Iterator[Finding]:
    counts, oldest = state_counts(session), next_due(session)
    if oldest is not None and now - oldest > LATE:
        yield warning(
            "queue",
            f"mail has been due since {oldest:%Y-%m-%d %H:%M} UTC, and nobody sends it",
            "see that `serve` runs, and what organic-mail log says",
        )
    for state, what, cure in (
        (DeliveryState.HELD, "held until you have looked", "organic-mail queue ls --state held, then retry or drop"),
        (DeliveryState.FAILED, "given up", "organic-mail queue ls --state failed says why; then retry or drop"),
    ):
        if counts[state]:
            yield note("queue", f"deliveries {what}: {counts[state]}", cure)


def _set_aside(session: Session) -> list[Finding]:
    found = []
    if shunts := shunt_rows(session):
        said = f"messages that we could not handle: {len(shunts)}, the first at {shunts[0].shunt.received_at:%Y-%m-%d}"
        found.append(warning("shunt", said, "organic-mail shunt ls; after an upgrade: organic-mail shunt retry ID"))
    if held := waiting_posts(session):
        oldest = min(post.received_at for post, _ in held)
        said = f"posts that wait for a moderator: {len(held)}, the first since {oldest:%Y-%m-%d}"
        found.append(note("held", said, "organic-mail held ls, then approve, reject or discard"))
    return found
