"""Messages that *we* could not handle, set aside with their bytes; never deleted by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from storage.models import Message
from storage.models_shunts import Shunt


@dataclass(frozen=True, slots=True)
class ShuntRow:
    """One row of `shunt ls`."""

    shunt: Shunt
    size: int  # bytes of the message


def set_aside(
    session: Session,
    *,
    content_id: int,
    reason: str,
    envelope_sender: str = "",
    recipients: Sequence[str] = (),
    delivery_id: int | None = None,
    now: datetime,
) -> Shunt:
    """Shunt a message. delivery_id: it failed on its way out."""
    shunt = Shunt(
        content_id=content_id,
        delivery_id=delivery_id,
        envelope_sender=envelope_sender,
        recipients=" ".join(recipients),
        reason=reason,
        received_at=now,
    )
    session.add(shunt)
    session.flush()
    return shunt


def shunt_rows(session: Session) -> list[ShuntRow]:
    """Everything set aside, oldest first."""
    query = select(Shunt, Message.size).join(Message, col(Message.id) == Shunt.content_id).order_by(col(Shunt.id))
    return [ShuntRow(shunt, size) for shunt, size in session.exec(query)]


def shunt_by_id(session: Session, shunt_id: int) -> Shunt | None:
    return session.get(Shunt, shunt_id)


def drop_shunt(session: Session, shunt_id: int) -> bool:
    """Forget it: it was handled after all, or the operator says so. False when there is none."""
    shunt = session.get(Shunt, shunt_id)
    if shunt is None:
        return False
    session.delete(shunt)
    session.flush()
    return True
