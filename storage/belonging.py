"""Which rows belong to a member: read off the tables themselves, so that no new table is ever left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, Table, false, or_, select
from sqlmodel import Session, SQLModel

import storage.every_model  # noqa: F401 - SQLModel.metadata knows the tables once they are loaded
from storage.tables import member, membership


@dataclass(frozen=True, slots=True)
class Person:
    """Whose rows are meant."""

    member_id: int
    membership_ids: tuple[int, ...]
    keys: tuple[str, ...]  # of all her addresses


def person_of(session: Session, member_id: int) -> Person:
    """Raises LookupError for an unknown member."""
    connection = session.connection()
    address = SQLModel.metadata.tables["address"]
    keys = connection.execute(select(address.c.key).where(address.c.member_id == member_id)).scalars().all()
    if not keys:
        raise LookupError(f"no member {member_id}")
    ids = connection.execute(select(membership.c.id).where(membership.c.member_id == member_id)).scalars().all()
    return Person(member_id, tuple(ids), tuple(keys))


def belonging(person: Person) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Every table with rows of hers, and the condition that finds them."""
    for table in SQLModel.metadata.sorted_tables:
        found = [_is_hers(column, person) for column in table.c]
        if table is member:
            found.append(member.c.id == person.member_id)
        condition = or_(false(), *(each for each in found if each is not None))
        if any(each is not None for each in found):
            yield table, condition


def naming(table: Table, whose: Table) -> list[Column[object]]:
    """The columns of a table that name a row of another one."""
    return [column for column in table.c if column.references(whose.c.id)]


def _is_hers(column: Column[object], person: Person) -> ColumnElement[bool] | None:
    if column.references(member.c.id) or column.name.endswith("member_id"):
        return column == person.member_id
    if column.references(membership.c.id) or column.name == "membership_id":
        return column.in_(person.membership_ids)
    if column.name == "key" and "member_id" in column.table.c:
        return column.in_(person.keys)
    return None
