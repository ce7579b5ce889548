"""Stored actions that are reached by mail to LIST-TOKEN@ (contract §3)."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlalchemy import bindparam
from sqlmodel import Session, col, or_, select, update

from storage.models import ActionToken, Membership, TokenAction


class TokenTaken(Exception):
    """This token stands for another action already: mint a new one."""


_LEAVE = select(ActionToken.token).where(
    ActionToken.membership_id == bindparam("membership_id"), ActionToken.action == TokenAction.LEAVE
)


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
    if find_token(session, token):
        raise TokenTaken(token)
    row = ActionToken(
        token=token,
        action=action,
        list_id=membership.list_id,
        member_id=membership.member_id,
        membership_id=cast(int, membership.id),  # it is stored, so it has one
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return row


def find_token(session: Session, token: str) -> ActionToken | None:
    """The action, also when it was used or has expired: look at used_at and expires_at."""
    return session.get(ActionToken, token)


def leave_token(session: Session, membership_id: int) -> str:
    """The List-Unsubscribe token of a membership, "" when it has none."""
    return session.exec(_LEAVE, params={"membership_id": membership_id}).first() or ""


def is_open(session: Session, membership_id: int, action: TokenAction, *, since: datetime) -> bool:
    """Was an action of this kind stored after `since`, and is not used yet?"""
    waiting = select(ActionToken.token).where(
        ActionToken.membership_id == membership_id,
        ActionToken.action == action,
        col(ActionToken.used_at).is_(None),
        col(ActionToken.created_at) > since,
    )
    return session.exec(waiting).first() is not None


def use_token(session: Session, *, token: str, now: datetime) -> bool:
    """Mark a single-use token as used. False when it was used before, has expired, or is unknown."""
    used = session.exec(
        update(ActionToken)
        .where(
            col(ActionToken.token) == token,
            col(ActionToken.used_at).is_(None),
            or_(col(ActionToken.expires_at).is_(None), col(ActionToken.expires_at) > now),
        )
        .values(used_at=now)
    )
    return used.rowcount == 1
