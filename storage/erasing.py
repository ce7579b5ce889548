"""A member is erased: every row of hers goes, in whatever table it is; what others hold on to stays without her.

A post keeps its place in its thread, so that answers keep theirs; its words, subject and author go.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Table, delete, select, update
from sqlmodel import Session, SQLModel, col
from sqlmodel import select as select_rows

from storage.belonging import Person, belonging, naming
from storage.contents import store_content
from storage.models_people import Erasure, PastAlias
from storage.posts import remove_post
from storage.tables import delivery, event, letter_edition, letter_entry, post, thread, thread_mark
from storage.thread_marks import subject_mark
from storage.unused import forget_messages, names_a_message

REMOVED = b"Subject: (removed)\r\n\r\nIts author took this away.\r\n"
"""What stands in the place of words that are taken away."""
_KEPT = frozenset({"post", "event", "bounce", "suppression"})
"""Tables whose rows stay, without her."""
_ERASURE = SQLModel.metadata.tables["erasure"]


def erase(session: Session, person: Person, *, alias_mark: str, now: datetime) -> None:
    """Delete all rows of a person. alias_mark: what stands for her alias, so that nobody else gets it."""
    contents = empty_posts(session, _posts_of(session, person), now)
    for table, condition in belonging(person):
        if table.name not in _KEPT:
            contents |= _delete(session, table, condition)
    session.connection().execute(
        update(event).where(event.c.member_id == person.member_id).values(text="About somebody who is forgotten.")
    )
    for name in sorted(_KEPT - {"post"}):
        table = SQLModel.metadata.tables[name]
        contents |= _contents(session, table, table.c.member_id == person.member_id)
        without = {"member_id": None, **({"content_id": None} if "content_id" in table.c else {})}
        session.connection().execute(update(table).where(table.c.member_id == person.member_id).values(without))
    forget_messages(session, contents)
    session.merge(PastAlias(mark=alias_mark))
    note_erasure(session, now)


def note_erasure(session: Session, now: datetime) -> None:
    """The log of the database is swept in a while, so that it holds nothing of it either."""
    session.add(Erasure(erased_at=now))
    session.flush()


def delete_rows(session: Session, table: Table, ids: Collection[int]) -> None:
    """Rows of a table with what hangs on them, and their messages when nothing else names them."""
    forget_messages(session, _delete(session, table, table.c.id.in_(ids)))


def is_past_alias(session: Session, marks: Collection[str]) -> bool:
    return session.exec(select_rows(PastAlias).where(col(PastAlias.mark).in_(marks))).first() is not None


def open_erasures(session: Session) -> list[int]:
    """Ids of those after which nobody has swept."""
    return [each for each in session.exec(select_rows(Erasure.id).where(col(Erasure.swept_at).is_(None))) if each]


def swept(session: Session, ids: Collection[int], now: datetime) -> None:
    session.connection().execute(update(_ERASURE).where(_ERASURE.c.id.in_(ids)).values(swept_at=now))


def empty_posts(session: Session, ids: Collection[int], now: datetime) -> set[int]:
    """Leave of posts only their places. Returns the ids of the messages that they were (storage.unused)."""
    connection = session.connection()
    thread_ids = set(connection.execute(select(post.c.thread_id).where(post.c.id.in_(ids))).scalars())
    for post_id in ids:
        remove_post(session, post_id=post_id, now=now)
    contents = _contents(session, post, post.c.id.in_(ids))
    nothing = store_content(session, REMOVED, now)
    for table in SQLModel.metadata.sorted_tables:  # the mail that it was cut from, its hearts and buttons
        for column in naming(table, post):
            if table is letter_edition:  # whose memory it was; the letter is looked through for her name
                connection.execute(update(table).where(column.in_(ids)).values({column.name: None}))
            elif table is not delivery:
                contents |= _delete(session, table, column.in_(ids))
    connection.execute(update(delivery).where(delivery.c.post_id.in_(ids)).values(content_id=nothing))
    connection.execute(
        update(post)
        .where(post.c.id.in_(ids))
        .values(member_id=None, author_name="", subject="", original_message_id="", content_id=nothing)
    )
    for thread_id in thread_ids:
        _rename(session, thread_id)
    connection.execute(update(event).where(event.c.post_id.in_(ids)).values(text="A post was taken away."))
    return contents


def _posts_of(session: Session, person: Person) -> list[int]:
    return list(session.connection().execute(select(post.c.id).where(post.c.member_id == person.member_id)).scalars())


def _rename(session: Session, thread_id: int) -> None:
    """The subject of a conversation is what the first of those wrote who are left in it; they find it by theirs."""
    connection = session.connection()
    left = select(post.c.subject).where(post.c.thread_id == thread_id, post.c.removed_at.is_(None)).order_by(post.c.id)
    subjects = connection.execute(left).scalars().all()
    subject = subjects[0] if subjects else ""
    connection.execute(update(thread).where(thread.c.id == thread_id).values(subject=subject))
    connection.execute(update(letter_entry).where(letter_entry.c.thread_id == thread_id).values(title=subject))
    marks = connection.execute(select(thread_mark.c.mark).where(thread_mark.c.thread_id == thread_id)).scalars().all()
    for mark in marks:
        words = mark.removeprefix(subject_mark(""))
        if words == mark or not any(each.casefold().endswith(words) for each in subjects):
            connection.execute(
                delete(thread_mark).where(thread_mark.c.thread_id == thread_id, thread_mark.c.mark == mark)
            )


def _delete(session: Session, table: Table, condition: ColumnElement[bool]) -> set[int]:
    """Rows with all that names them. Returns the ids of the messages that they named."""
    connection, contents = session.connection(), _contents(session, table, condition)
    for child in SQLModel.metadata.sorted_tables:
        for key in child.foreign_keys:
            if key.column.table is not table:
                continue
            column = key.parent
            named = connection.execute(select(key.column).where(condition)).scalars().all()
            if named and child.name in _KEPT:
                connection.execute(update(child).where(column.in_(named)).values({column.name: None}))
            elif named:
                contents |= _delete(session, child, column.in_(named))
    connection.execute(delete(table).where(condition))
    return contents


def _contents(session: Session, table: Table, condition: ColumnElement[bool]) -> set[int]:
    columns = [column for column in table.c if names_a_message(column)]
    found = (session.connection().execute(select(column).where(condition)).scalars() for column in columns)
    return {content_id for ids in found for content_id in ids if content_id is not None}
