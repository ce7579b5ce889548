"""Who reads: each call in a transaction of its own, which sees what was committed before it and nothing that comes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from threading import Lock
from typing import Protocol, TypeVar, cast

from sqlalchemy import Engine
from sqlmodel import Session

from storage.prepared import DRIVER
from storage.trouble import in_plain_words

T = TypeVar("T")

MOST_KEPT = 8
"""Sessions that stay open while nobody reads."""


class Reader(Protocol):
    def read(self, fn: Callable[[Session], T]) -> T: ...
    def close(self) -> None: ...


class PoolReader:
    """PostgreSQL: a connection of the pool, and a session that ends with the call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read(self, fn: Callable[[Session], T]) -> T:
        with in_plain_words(), Session(self._engine, expire_on_commit=False) as session:
            return fn(session)

    def close(self) -> None:
        self._engine.dispose()


class KeptReader:
    """SQLite: whoever reads takes a session that another read has left, or makes one.

    To make a session and to take a connection out of the pool costs more than the two reads of a post themselves.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: list[_Kept] = []
        self._era = 0
        self._door = Lock()
        self._closed = False

    def read(self, fn: Callable[[Session], T]) -> T:
        with in_plain_words():
            kept = self._taken() or _Kept(self._engine, self._era)
            try:
                kept.begin()
                result = fn(kept.session)
                kept.end()
            except BaseException:  # whatever state it is in now, nobody needs to know
                kept.close()
                raise
        self._leave(kept)
        return result

    def renew(self) -> None:
        """The files are opened again for the next read; one that is still under way closes its own."""
        with self._door:
            self._era += 1
        while kept := self._taken():
            kept.close()

    def close(self) -> None:
        with self._door:
            self._closed = True
        self.renew()
        self._engine.dispose()

    def _taken(self) -> _Kept | None:
        with self._door:
            return self._idle.pop() if self._idle else None

    def _leave(self, kept: _Kept) -> None:
        with self._door:
            if kept.era == self._era and not self._closed and len(self._idle) < MOST_KEPT:
                self._idle.append(kept)
                return
        kept.close()


class _Kept:
    """A session that knows one transaction for all its life: the real ones begin and end below it."""

    def __init__(self, engine: Engine, era: int) -> None:
        self.era = era
        self._connection = engine.connect()
        self._driver = cast(sqlite3.Connection, self._connection.connection.driver_connection)
        self.session = Session(self._connection, expire_on_commit=False, info={DRIVER: self._driver})
        self.session.connection()  # SQLAlchemy begins here what it takes for its transaction
        self._driver.rollback()

    def begin(self) -> None:
        self._driver.execute("BEGIN")

    def end(self) -> None:
        """Nothing that was read stays: the next one asks the database as it is then."""
        if any(True for _ in self.session):  # mostly there is nothing, and to look costs a tenth of letting go
            self.session.expunge_all()
        self._driver.rollback()

    def close(self) -> None:
        self.session.close()
        self._connection.invalidate()  # the pool keeps it otherwise
        self._connection.close()
