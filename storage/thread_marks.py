"""Marks of threads: base subjects, and what Exchange calls a conversation. They help where Message-IDs are lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select, text
from sqlmodel import Session

from storage.models import Moment
from storage.prepared import Prepared
from storage.tables import thread_mark

LONGEST_MARK = 500  # characters

_REMEMBER = Prepared(
    text(
        "INSERT INTO thread_mark (list_id, mark, thread_id, written_at)"
        " VALUES (:list_id, :mark, :thread_id, :written_at)"
        " ON CONFLICT (list_id, mark, thread_id) DO UPDATE SET written_at = excluded.written_at"
    ).bindparams(bindparam("written_at", type_=Moment()))
)
_COPY = text(
    "INSERT INTO thread_mark (list_id, mark, thread_id, written_at)"
    " SELECT list_id, mark, :to_thread, written_at FROM thread_mark WHERE thread_id = :from_thread"
    " ON CONFLICT DO NOTHING"
)
_HAS = Prepared(
    select(thread_mark.c.thread_id).where(
        thread_mark.c.list_id == bindparam("list_id"),
        thread_mark.c.mark == bindparam("mark"),
        thread_mark.c.thread_id == bindparam("thread_id"),
    )
)
_LAST = Prepared(
    select(thread_mark.c.thread_id, thread_mark.c.written_at)
    .where(thread_mark.c.list_id == bindparam("list_id"), thread_mark.c.mark == bindparam("mark"))
    .order_by(thread_mark.c.written_at.desc(), thread_mark.c.thread_id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Marked:
    """A thread that has a mark, and the Date of its last post with it."""

    thread_id: int
    written_at: datetime


def subject_mark(base_subject: str) -> str:
    return f"subject:{base_subject}"[:LONGEST_MARK]


def index_mark(root: str) -> str:
    return f"index:{root}"[:LONGEST_MARK]


def remember_marks(
    session: Session, *, list_id: int, thread_id: int, marks: Iterable[str], written_at: datetime
) -> None:
    """A post of the thread has these marks."""
    for mark in marks:
        row = {"list_id": list_id, "mark": mark, "thread_id": thread_id, "written_at": written_at}
        _REMEMBER.rows(session, row)


def has_mark(session: Session, *, list_id: int, thread_id: int, mark: str) -> bool:
    return _HAS.first(session, {"list_id": list_id, "mark": mark, "thread_id": thread_id}) is not None


def last_marked(session: Session, *, list_id: int, mark: str) -> Marked | None:
    """The thread of the list that was last written to with this mark, by the Dates."""
    row = _LAST.first(session, {"list_id": list_id, "mark": mark})
    return Marked(*row) if row else None


def index_of(session: Session, thread_id: int) -> str:
    """The root of a Thread-Index that one of its posts has, "" for none."""
    beginning = index_mark("")
    mark = thread_mark.c.mark
    found = select(mark).where(thread_mark.c.thread_id == thread_id, mark.startswith(beginning, autoescape=True))
    row = session.connection().execute(found.order_by(thread_mark.c.written_at, mark).limit(1)).first()
    return str(row[0]).removeprefix(beginning) if row else ""


def copy_marks(connection: Connection, *, from_thread: int, to_thread: int) -> None:
    connection.execute(_COPY, {"from_thread": from_thread, "to_thread": to_thread})


def forget_marks(connection: Connection, thread_id: int) -> None:
    connection.execute(delete(thread_mark).where(thread_mark.c.thread_id == thread_id))
