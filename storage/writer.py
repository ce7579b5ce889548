"""Who writes: one thread that commits in groups (the owner of a SQLite file), or each caller by itself."""

from __future__ import annotations

import queue
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from storage.open_files import OpenFiles
from storage.prepared import DRIVER
from storage.trouble import SQLITE_CAUSES, StorageTrouble, in_plain_words, is_conflict, is_of_the_disk

T = TypeVar("T")

GROUP_LIMIT = 200
"""Most functions that one commit waits for."""

GATHERING = 0.02
"""Seconds for which a commit waits at most for company that is announced (`preparing`); who writes alone never waits.

A commit of one post costs 1.3 ms of CPU, of four posts 0.7 ms each, of fifteen 0.5 ms. And whoever prepares does not
fight with a thread that waits for the interpreter.
"""

CHECKPOINT_ROWS = 5000
"""After so many changed rows, some four megabytes of posts, the WAL is moved into the file (spec/mail.md D8).

That is done when those who waited for the commit have their answer: it takes three times as long as the commit.
"""

ATTEMPTS = 5
"""How often a transaction runs before a conflict with another writer of PostgreSQL is told to the caller."""


class Writer(Protocol):
    def write(self, fn: Callable[[Session], T]) -> T: ...
    def submit(self, fn: Callable[[Session], T]) -> Future[T]: ...
    def preparing(self) -> AbstractContextManager[None]: ...
    def changed(self) -> bool: ...
    def empty_log(self) -> bool: ...
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

    def preparing(self) -> AbstractContextManager[None]:
        return nullcontext()

    def changed(self) -> bool:
        return True

    def empty_log(self) -> bool:
        return self._engine.dialect.name != "sqlite"  # SQLite's is the owner's; PostgreSQL looks after its own

    def close(self) -> None:
        self._threads.shutdown(wait=True)
        self._engine.dispose()


@dataclass(frozen=True, slots=True)
class _Submitted:
    fn: Callable[[Session], Any]
    future: Future[Any] = field(default_factory=Future)


_Outcome = tuple[Any, BaseException | None]


class _Announcement:
    """`preparing`, twice for each post: a generator would cost as much as a statement."""

    __slots__ = ("_writer",)

    def __init__(self, writer: GroupWriter) -> None:
        self._writer = writer

    def __enter__(self) -> None:
        self._writer.announce()

    def __exit__(self, *_: object) -> None:
        self._writer.arrive()


class GroupWriter:
    """The one thread that writes to a SQLite file while `serve` owns it.

    What was submitted while the last commit was under way is committed together. When one of the functions raises,
    all run once more, each in a savepoint, so that it takes only its own writes with it (a savepoint for every function
    would cost as much as three statements). When the database itself fails, all of them fail.

    A commit counts when the files are still in place after it. An error of the disk stops all writing until everything
    that was ever committed has been written again and is synced: after a failed fsync the kernel may take for written
    what is not, and SQLite, opening the file again, what was never acknowledged.

    `renew`: called when who reads has to open the files again.
    """

    def __init__(self, engine: Engine, files: OpenFiles, *, renew: Callable[[], None]) -> None:
        self._engine = engine
        self._files = files
        self._renew = renew
        self._is_fresh = True
        self._is_proven = False
        self._connection = engine.connect()
        self._using_connection = Lock()
        self._data_version = self._read_data_version()
        self._waiting: queue.SimpleQueue[_Submitted | None] = queue.SimpleQueue()
        self._door = Lock()  # nothing is put behind the None that ends the thread
        self._closed = False
        self._preparing = 0  # writes that will be submitted in a moment
        self._gathers = False  # the writer waits for them
        self._all_submitted = Event()
        self._rows_in_file = 0  # how many this connection had changed at the last checkpoint
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

    def preparing(self) -> AbstractContextManager[None]:
        return _Announcement(self)

    def announce(self) -> None:
        """One more write will be submitted in a moment."""
        with self._door:
            self._preparing += 1

    def arrive(self) -> None:
        """It was submitted, or will not be."""
        with self._door:
            self._preparing -= 1
            if self._gathers and not self._preparing:
                self._gathers = False
                self._all_submitted.set()

    def changed(self) -> bool:
        with self._using_connection:
            before, self._data_version = self._data_version, self._read_data_version()
        return self._data_version is None or self._data_version != before

    def empty_log(self) -> bool:
        with self._using_connection, suppress(sqlite3.Error, SQLAlchemyError):
            busy, _, _ = self._driver_connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy
        return False

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
        with suppress(sqlite3.Error, SQLAlchemyError):
            return cast(int, self._driver_connection().execute("PRAGMA data_version").fetchone()[0])
        return None

    def _run(self) -> None:
        closing = False
        while not closing:
            entries = [self._waiting.get()]
            self._wait_for_company()
            with suppress(queue.Empty):
                while len(entries) < GROUP_LIMIT:
                    entries.append(self._waiting.get_nowait())
            closing = None in entries
            group = [entry for entry in entries if entry and entry.future.set_running_or_notify_cancel()]
            if group:
                self._commit_together(group)
                self._checkpoint_when_due()

    def _wait_for_company(self) -> None:
        until = time.monotonic() + GATHERING
        while self._waiting.qsize() < GROUP_LIMIT and (left := until - time.monotonic()) > 0:
            with self._door:
                self._gathers = self._preparing > 0
                if not self._gathers:
                    return
                self._all_submitted.clear()
            self._all_submitted.wait(left)
        self._gathers = False

    def _commit_together(self, group: list[_Submitted]) -> None:
        """Futures are done only after the commit: who waits for one may say 250."""
        try:
            outcomes = self._run_all(group, savepoints=False)
        except BaseException as error:
            outcomes = self._outcomes_after(error, group)
        for submitted, (result, raised) in zip(group, outcomes, strict=True):
            if raised is None:
                submitted.future.set_result(result)
            else:
                submitted.future.set_exception(raised)

    def _checkpoint_when_due(self) -> None:
        with self._using_connection, suppress(sqlite3.Error, SQLAlchemyError):  # the next commit will have it too
            driver = self._driver_connection()
            if driver.total_changes - self._rows_in_file >= CHECKPOINT_ROWS:
                self._rows_in_file = driver.total_changes
                driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _outcomes_after(self, error: BaseException, group: list[_Submitted]) -> list[_Outcome]:
        """Nothing was kept: was it the database's fault, or that of one function among many?"""
        if isinstance(error, StorageTrouble) or len(group) == 1:
            return [(None, error)] * len(group)
        try:
            return self._run_all(group, savepoints=True)
        except BaseException as trouble:
            return [(None, trouble)] * len(group)

    def _run_all(self, group: list[_Submitted], *, savepoints: bool) -> list[_Outcome]:
        with self._using_connection, in_plain_words():
            self._get_ready()
            transaction = self._connection.begin()
            try:
                if savepoints:
                    outcomes = [self._run_in_savepoint(submitted.fn) for submitted in group]
                else:
                    outcomes = self._run_plainly(group)
                transaction.commit()
            except BaseException as error:
                self._is_proven = self._is_proven and not is_of_the_disk(error)
                self._start_afresh()
                transaction.close()
                raise
            self._check_files()
            return outcomes

    def _get_ready(self) -> None:
        if self._is_fresh:
            self._driver_connection()
            self._files.note()
            self._is_fresh = False
        if not self._is_proven:
            self._prove()
            self._is_proven = True

    def _prove(self) -> None:
        """Write everything that was committed into the database file itself, and sync that."""
        _, frames, moved = self._driver_connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not 0 <= frames == moved:
            raise StorageTrouble(SQLITE_CAUSES[sqlite3.SQLITE_BUSY])

    def _check_files(self) -> None:
        """Raises StorageTrouble when what was committed just now would not be found again."""
        try:
            self._files.check()
        except StorageTrouble:
            with suppress(sqlite3.Error, StorageTrouble):
                self._prove()  # all that was acknowledged before is in the log that was taken away, if that is it
            self._start_afresh()
            self._renew()
            raise

    def _run_plainly(self, group: list[_Submitted]) -> list[_Outcome]:
        """All in one session, emptied after each: a new one would take as long as two statements."""
        outcomes: list[_Outcome] = []
        with Session(
            self._connection,
            join_transaction_mode="rollback_only",
            expire_on_commit=False,
            info={DRIVER: self._driver_connection()},
        ) as session:
            for submitted in group:
                outcomes.append((submitted.fn(session), None))
                session.flush()
                if any(True for _ in session):
                    session.expunge_all()
                self._check_transaction()
        return outcomes

    def _run_in_savepoint(self, fn: Callable[[Session], Any]) -> _Outcome:
        with Session(self._connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            try:
                with in_plain_words():
                    result = fn(session)
                    session.commit()
            except BaseException as error:
                self._check_transaction()
                return None, error
        self._check_transaction()
        return result, None

    def _check_transaction(self) -> None:
        """When the disk is full, SQLite may end the transaction by itself; whatever came then would be kept at once."""
        if self._connection.in_transaction() and not self._driver_connection().in_transaction:
            raise StorageTrouble(SQLITE_CAUSES[sqlite3.SQLITE_FULL])

    def _start_afresh(self) -> None:
        """Close the connection, which rolls back, and have a new one next: nothing of this group stands in its way."""
        self._connection.invalidate()
        self._rows_in_file = 0
        self._is_fresh = True
        self._data_version = None

    def _driver_connection(self) -> sqlite3.Connection:
        return cast(sqlite3.Connection, self._connection.connection.driver_connection)
