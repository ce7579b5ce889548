"""Statements that run for every mail, built once and then given to SQLite's driver as they are.

SQLAlchemy looks up, checks and wraps each execution anew: some 0.08 ms, where SQLite itself needs 0.01. A post takes a
dozen statements, so this halves what a post costs. PostgreSQL, where the way to the server costs more than that, gets
the same statement by way of SQLAlchemy, which sees broken connections.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, TypeVar, cast

from sqlalchemy import BindParameter, Dialect, Enum, Executable, bindparam, inspect
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import instance_dict, instance_state
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine
from sqlmodel import Session, SQLModel

from storage.models import Moment

R = TypeVar("R", bound=SQLModel)
Row = Sequence[Any]
_Convert = Callable[[Any], Any] | None

DRIVER = "driver"
"""Key of Session.info: the sqlite3.Connection under a session whose transaction has begun, where that is known.

To have the session find it takes as long as a small statement.
"""


class Prepared:
    """One statement of Core. Its parameters have the same names every time."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._for_sqlite: _ForSqlite | None = None

    def rows(self, session: Session, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """Execute it in the session's transaction; what it returns. Raises what SQLAlchemy would raise."""
        driver: sqlite3.Connection | None = session.info.get(DRIVER)
        if driver is None or not driver.in_transaction:  # what has become of it, the session knows
            connection = session.connection()
            if connection.dialect.name != "sqlite":
                result = connection.execute(self._statement, parameters)
                return result.all() if result.returns_rows else ()
            driver = cast(sqlite3.Connection, connection.connection.driver_connection)
        if self._for_sqlite is None:
            self._for_sqlite = _ForSqlite.of(self._statement, parameters, session.get_bind().dialect)
        try:
            return self._for_sqlite.rows(driver, parameters)
        except sqlite3.Error as error:
            raise DBAPIError.instance(
                self._for_sqlite.text,
                None,
                error,
                sqlite3.Error,
                hide_parameters=True,
                dialect=session.get_bind().dialect,
            ) from error

    def first(self, session: Session, parameters: Mapping[str, Any]) -> Row | None:
        """Its first row, None when there is none."""
        return next(iter(self.rows(session, parameters)), None)

    def number(self, session: Session, parameters: Mapping[str, Any]) -> int:
        """The number in its one row: the id of what it has inserted."""
        return cast(int, self.rows(session, parameters)[0][0])


class PreparedAmong:
    """The same for `IN (…)`: `build` makes the statement for so many values."""

    def __init__(self, build: Callable[[list[BindParameter[Any]]], Executable]) -> None:
        self._build = build
        self._of_size: dict[int, Prepared] = {}
        self._names: list[str] = []

    def rows(self, session: Session, values: Sequence[Any], parameters: Mapping[str, Any]) -> Sequence[Row]:
        """Execute it with at least one value. The sizes are powers of two, the last value fills them up."""
        size = 1 << (len(values) - 1).bit_length()
        if size not in self._of_size:
            self._names.extend(f"among_{number}" for number in range(len(self._names), size))
            self._of_size[size] = Prepared(self._build([bindparam(name) for name in self._names[:size]]))
        filled = [*values, *[values[-1]] * (size - len(values))]
        names = self._names[:size]
        return self._of_size[size].rows(session, {**dict(zip(names, filled, strict=True)), **parameters})


def is_on_postgresql(session: Session) -> bool:
    """Where more than one writes at the same time."""
    return DRIVER not in session.info and session.connection().dialect.name == "postgresql"


def detached(kind: type[R], row: Mapping[str, Any]) -> R:
    """The object of a row, all of its columns (`id` is one) by name, as a session would have loaded it and let it go.

    It takes a tenth of the time of the class itself, which checks each value. SQLAlchemy's own way to detach
    (make_transient_to_detached) looks for columns that are missing, and takes as long as all the rest.
    """
    mapper = _mapper(kind)
    made: R = mapper.class_manager.new_instance()
    instance_dict(made).update(row)
    instance_state(made).key = mapper.identity_key_from_primary_key((row["id"],))
    return made


@cache
def _mapper(kind: type[R]) -> Mapper[R]:
    found: Mapper[R] = inspect(kind)
    return found


@dataclass(frozen=True, slots=True)
class _ForSqlite:
    """A compiled statement: its text, and how Python's values become SQLite's and the other way round."""

    text: str
    binds: tuple[tuple[str, Any, _Convert], ...]  # name, value where none is given, conversion; by position
    results: tuple[tuple[int, Callable[[Any], Any]], ...]  # conversions of columns, by position

    @classmethod
    def of(cls, statement: Executable, parameters: Mapping[str, Any], dialect: Dialect) -> _ForSqlite:
        compiled = cast(
            SQLCompiler,
            statement.compile(dialect=dialect, column_keys=list(parameters)),  # type: ignore[attr-defined]
        )
        if compiled.prefetch:
            raise TypeError(f"{compiled.prefetch[0]} has a default in Python: give it a value")
        binds = []
        for name in compiled.positiontup or ():
            bind = compiled.binds[name]
            convert = _moment_written if isinstance(bind.type, Moment) else _writes(bind.type, dialect)
            binds.append((name, None if bind.required else bind.effective_value, convert))
        columns = [column.type for column in getattr(statement, "exported_columns", ())]
        results = [(at, convert) for at, kind in enumerate(columns) if (convert := _reads(kind, dialect))]
        return cls(compiled.string, tuple(binds), tuple(results))

    def rows(self, driver: sqlite3.Connection, parameters: Mapping[str, Any]) -> Sequence[Row]:
        given = parameters.get
        values = [
            convert(given(name, otherwise)) if convert else given(name, otherwise)
            for name, otherwise, convert in self.binds
        ]
        rows: list[Row] = driver.execute(self.text, values).fetchall()
        return [self._converted(row) for row in rows] if self.results else rows

    def _converted(self, row: Row) -> Row:
        values = list(row)
        for at, convert in self.results:
            values[at] = convert(values[at])
        return values


def _writes(kind: TypeEngine[Any], dialect: Dialect) -> _Convert:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _reads(kind: TypeEngine[Any], dialect: Dialect) -> _Convert:
    if isinstance(kind, Moment):
        return _moment_read
    convert = kind.dialect_impl(dialect).result_processor(dialect, None)
    return lru_cache(maxsize=64)(convert) if convert and isinstance(kind, Enum) else convert


@lru_cache(maxsize=64)
def _moment_written(value: datetime | None) -> Any:
    """SQLite's form of a moment: `now` stands in each statement of a post, ten times in all."""
    return _MOMENT_TO_SQLITE(value) if _MOMENT_TO_SQLITE else value


@lru_cache(maxsize=256)
def _moment_read(value: Any) -> datetime | None:
    """The way back: what stands in the rows of a list and of those who write to it is read for each of their posts."""
    return _MOMENT_FROM_SQLITE(value) if _MOMENT_FROM_SQLITE else value


_MOMENT_TO_SQLITE = _writes(Moment(), sqlite_dialect())
_MOMENT_FROM_SQLITE = Moment().dialect_impl(sqlite_dialect()).result_processor(sqlite_dialect(), None)
