"""Messages that wait for a person to decide."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from storage.models import HeldPost, HeldState


def hold(
    session: Session,
    *,
    list_id: int | None,
    content_id: int,
    member_id: int | None,
    envelope_sender: str,
    recipient: str,
    author: str,
    subject: str,
    reason: str,
    now: datetime,
) -> HeldPost:
    """Keep a message until somebody decides. author: name and address of From; reason: one plain sentence."""
    raise NotImplementedError


def held_by_id(session: Session, held_id: int) -> HeldPost | None:
    raise NotImplementedError


def waiting(session: Session) -> list[tuple[HeldPost, str]]:
    """What waits, oldest first, each with its list's name ("" without a list)."""
    raise NotImplementedError


def waiting_of_member(session: Session, member_id: int) -> list[HeldPost]:
    """What waits of one author, oldest first."""
    raise NotImplementedError


def decide(session: Session, *, held_id: int, state: HeldState, now: datetime) -> bool:
    """Write down the decision. False when somebody decided before, or there is no such message: do nothing then."""
    raise NotImplementedError
