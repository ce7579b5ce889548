"""Messages that nothing names any more: letters of ours sent long ago, and what people wrote who are erased."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, and_, delete, select, union
from sqlmodel import Session, SQLModel

import storage.every_model  # noqa: F401 - SQLModel.metadata knows the tables once they are loaded
from storage.tables import MADE_AGAIN, delivery, message

BATCH = 1000


def forget_unused(session: Session, *, after: int, before: datetime) -> int | None:
    """Delete what nothing names among the next messages behind the id `after` that came before a moment.

    Returns the id to go on from; None at the end.
    """
    query = select(message.c.id).where(message.c.id > after, message.c.created_at < before)
    ids = session.connection().execute(query.order_by(message.c.id).limit(BATCH)).scalars().all()
    forget_messages(session, ids)
    return ids[-1] if len(ids) == BATCH else None


def forget_messages(session: Session, ids: Collection[int]) -> int:
    """Delete those of these messages that nothing names. Returns how many."""
    if not ids:
        return 0
    connection = session.connection()
    used = union(*(select(column).where(condition) for column, condition in _namings(ids)))
    unused = set(ids) - set(connection.execute(used).scalars())
    for table in MADE_AGAIN:
        connection.execute(delete(table).where(table.c.content_id.in_(unused)))
    return connection.execute(delete(message).where(message.c.id.in_(unused))).rowcount


def names_a_message(column: Column[Any]) -> bool:
    """Does it hold ids of messages, with a foreign key or without?"""
    return column.references(message.c.id) or column.name.endswith("content_id")


def _namings(ids: Collection[int]) -> list[tuple[Column[int], ColumnElement[bool]]]:
    """Every column that names a message, but what can be made again. A copy has the message of its post or letter."""
    tables = [table for table in SQLModel.metadata.tables.values() if table not in MADE_AGAIN]
    columns = [column for table in tables for column in table.c if names_a_message(column)]
    alone = and_(delivery.c.post_id.is_(None), delivery.c.content_id.in_(ids))
    others = [column for column in columns if column is not delivery.c.content_id]
    return [(delivery.c.content_id, alone), *((column, column.in_(ids)) for column in others)]
