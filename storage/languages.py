"""What language people read."""

from __future__ import annotations

from sqlmodel import Session, col, func, select

from storage.models import Member, Membership, Status

_HERE = (Status.ACTIVE, Status.PAUSED)


def usual_language(session: Session, list_id: int) -> str | None:
    """That of most members of a list (BCP 47); None on an empty one."""
    language = col(Member.language)
    query = (
        select(Member.language)
        .join(Membership, col(Membership.member_id) == Member.id)
        .where(Membership.list_id == list_id, col(Membership.status).in_(_HERE))
        .group_by(language)
        .order_by(func.count().desc(), language)
    )
    return session.exec(query).first()
