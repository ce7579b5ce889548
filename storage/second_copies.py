"""Members who stand in To or Cc of a post have it already, and may want no second copy of it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select
from sqlmodel import Session

from storage.queue import DUE
from storage.tables import address, delivery, membership


def spare_named(session: Session, *, post_id: int, keys: Collection[str]) -> int:
    """Drop the copies of those among these addresses who want it so. Returns how many."""
    if not keys:
        return 0
    named = select(address.c.member_id).where(address.c.key.in_(keys))
    content = select(membership.c.id).where(membership.c.member_id.in_(named), membership.c.second_copy.is_(False))
    spared = delete(delivery).where(delivery.c.post_id == post_id, delivery.c.membership_id.in_(content), DUE)
    return session.connection().execute(spared).rowcount
