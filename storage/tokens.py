"""Stored actions that are reached by mail to LIST-TOKEN@ (contract §3)."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from storage.models import ActionToken, Membership, TokenAction


class TokenTaken(Exception):
    """This token stands for another action already: mint a new one."""


def add_token(
    session: Session,
    *,
    token: str,
    action: TokenAction,
    membership: Membership,
    now: datetime,
    expires_at: datetime | None = None,
) -> ActionToken:
    """Store one action. token: lower-case Crockford base32, freshly minted. Raises TokenTaken."""
    raise NotImplementedError


def find_token(session: Session, token: str) -> ActionToken | None:
    """The action, also when it was used or has expired: look at used_at and expires_at."""
    raise NotImplementedError


def leave_token(session: Session, membership_id: int) -> str:
    """The List-Unsubscribe token of a membership, "" when it has none."""
    raise NotImplementedError


def use_token(session: Session, *, token: str, now: datetime) -> bool:
    """Mark a single-use token as used. False when it was used before, has expired, or is unknown."""
    raise NotImplementedError
