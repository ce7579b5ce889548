"""Who may neither write nor join: on one list, or on all of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, literal_column, or_
from sqlalchemy import select as select_rows
from sqlmodel import Session, col, select

from storage.models import MailingList
from storage.models_bans import Ban
from storage.prepared import Prepared
from storage.tables import ban

# as a parameter, SQLite would plan the statement anew each time, in case that this one can use an index
_HAS_A_STAR = ban.c.pattern.like(literal_column("'%*%'"))
_CONCERNING = Prepared(
    select_rows(ban.c.pattern).where(
        or_(ban.c.list_id.is_(None), ban.c.list_id == bindparam("list_id")),
        or_(ban.c.pattern == bindparam("key"), _HAS_A_STAR),
    )
)


def patterns_concerning(session: Session, *, key: str, list_id: int | None) -> list[str]:
    """The patterns in force for one list (None: for all) that this address key may fit: its own, and all with a *."""
    return [pattern for (pattern,) in _CONCERNING.rows(session, {"key": key, "list_id": list_id})]


def add_ban(session: Session, *, pattern: str, list_id: int | None, now: datetime) -> bool:
    """list_id None: on all lists. False when it was there already."""
    if _found(session, pattern, list_id) is not None:
        return False
    session.add(Ban(pattern=pattern, list_id=list_id, created_at=now))
    session.flush()
    return True


def remove_ban(session: Session, *, pattern: str, list_id: int | None) -> bool:
    """False when there is none."""
    found = _found(session, pattern, list_id)
    if found is None:
        return False
    session.delete(found)
    session.flush()
    return True


def all_bans(session: Session) -> list[tuple[Ban, str]]:
    """Those of all lists first, then by list and pattern; each with its list's name ("": all lists)."""
    query = (
        select(Ban, MailingList.name)
        .outerjoin(MailingList, col(MailingList.id) == Ban.list_id)
        .where(or_(col(Ban.list_id).is_(None), col(MailingList.removed_at).is_(None)))
    )
    found = [(each, name or "") for each, name in session.exec(query)]
    return sorted(found, key=lambda row: (row[1], row[0].pattern))


def _found(session: Session, pattern: str, list_id: int | None) -> Ban | None:
    return session.exec(select(Ban).where(Ban.pattern == pattern, col(Ban.list_id) == list_id)).first()
