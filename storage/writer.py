"""Who writes: one thread that commits in groups (the owner of a SQLite file), or each caller by itself."""

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Any, Protocol, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from storage.trouble import StorageTrouble, cause_of, in_plain_words, is_conflict

T = TypeVar("T")

GROUP_LIMIT = 200
"""Most functions that one commit waits for."""

ATTEMPTS = 5
"""How often a transaction runs before a conflict with another writer of PostgreSQL is told to the caller."""


class Writer(Protocol):
    def write(self, fn: Callable[[Session], T]) -> T: ...
    def submit(self, fn: Callable[[Session], T]) -> Future[T]: ...
    def changed(self) -> bool: ...
    def close(self) -> None: ...


class CallersWriter:
    """Every caller writes in a transaction of its own: PostgreSQL, and whoever does not own the SQLite file."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="storage")

    def write(self, fn: Callable[[Session], T]) -> T:
        attempt = 1
        while True:
            try:
                with in_plain_words(), Session(self._engine, expire_on_commit=False) as session, session.begin():
                    return fn(session)
            except (SQLAlchemyError, StorageTrouble) as error:
                if attempt == ATTEMPTS or not is_conflict(error):
                    raise
                attempt += 1

    def submit(self, fn: Callable[[Session], T]) -> Future[T]:
        return self._threads.submit(self.write, fn)

    def changed(self) -> bool:
        return True

    def close(self) -> None:
        self._threads.shutdown(wait=True)
        self._engine.dispose()


@dataclass(frozen=True, slots=True)
class _Submitted:
    fn: Callable[[Session], Any]
    future: Future[Any] = field(default_factory=Future)


class GroupWriter:
    """The one thread that writes to a SQLite file while `serve` owns it.

    What was submitted while the last commit was under way is committed together. Each function runs in a savepoint
    of its own, so one that raises takes only its own writes with it; when the database itself fails, all of them do.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection = engine.connect()
        self._using_connection = Lock()
        self._data_version = self._read_data_version()
        self._waiting: queue.SimpleQueue[_Submitted | None] = queue.SimpleQueue()
        self._door = Lock()  # nothing is put behind the None that ends the thread
        self._closed = False
        self._thread = Thread(target=self._run, name="storage-writer", daemon=True)
        self._thread.start()

    def write(self, fn: Callable[[Session], T]) -> T:
        return self.submit(fn).result()

    def submit(self, fn: Callable[[Session], T]) -> Future[T]:
        submitted = _Submitted(fn)
        with self._door:
            if self._closed:
                raise StorageTrouble("the database is closed: the program is stopping")
            self._waiting.put(submitted)
        return submitted.future

    def changed(self) -> bool:
        with self._using_connection:
            before, self._data_version = self._data_version, self._read_data_version()
        return self._data_version is None or self._data_version != before

    def close(self) -> None:
        with self._door:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        self._thread.join()
        self._connection.close()
        self._engine.dispose()

    def _read_data_version(self) -> int | None:
        """A number that changes when another connection commits, but not when this one does."""
        try:
            version: int = self._connection.connection.driver_connection.execute("PRAGMA data_version").fetchone()[0]  # type: ignore[union-attr]
        except (sqlite3.Error, SQLAlchemyError):
            return None
        return version

    def _run(self) -> None:
        closing = False
        while not closing:
            entries = [self._waiting.get()]
            with suppress(queue.Empty):
                while len(entries) < GROUP_LIMIT:
                    entries.append(self._waiting.get_nowait())
            closing = None in entries
            group = [entry for entry in entries if entry and entry.future.set_running_or_notify_cancel()]
            if group:
                self._commit_together(group)

    def _commit_together(self, group: list[_Submitted]) -> None:
        """Futures are done only after the commit: who waits for one may say 250."""
        try:
            with in_plain_words(), self._using_connection, self._connection.begin():
                outcomes = [self._run_in_savepoint(submitted.fn) for submitted in group]
        except BaseException as error:
            for submitted in group:
                submitted.future.set_exception(error)
            return
        for submitted, (result, raised) in zip(group, outcomes, strict=True):
            if raised is None:
                submitted.future.set_result(result)
            else:
                submitted.future.set_exception(raised)

    def _run_in_savepoint(self, fn: Callable[[Session], Any]) -> tuple[Any, BaseException | None]:
        with Session(self._connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            try:
                result = fn(session)
                session.commit()
            except BaseException as error:
                if isinstance(error, SQLAlchemyError) and cause_of(error):
                    # SQLite may have rolled back everything, savepoints too: start afresh
                    self._connection.invalidate()
                    raise
                return None, error
            return result, None
