"""Messages that *we* could not handle, set aside with their bytes; never deleted by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from storage.models import Shunt


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
    raise NotImplementedError


def shunt_rows(session: Session) -> list[ShuntRow]:
    """Everything set aside, oldest first."""
    raise NotImplementedError


def shunt_by_id(session: Session, shunt_id: int) -> Shunt | None:
    raise NotImplementedError


def drop_shunt(session: Session, shunt_id: int) -> bool:
    """Forget it: it was handled after all, or the operator says so. False when there is none."""
    raise NotImplementedError
