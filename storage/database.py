"""The one small door to the database: read, write, submit.

SQLite: one `serve` owns the file. Its writes go through one thread that commits them in groups; everybody else
writes with BEGIN IMMEDIATE of its own. PostgreSQL: a pool; any number of processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from storage.engines import database_url, reading_engine, sqlite_file, writing_engine
from storage.migrations.revisions import HEAD, REVISIONS, release_of
from storage.open_files import OpenFiles
from storage.reader import KeptReader, PoolReader, Reader
from storage.trouble import DatabaseProblem, StorageTrouble, cause_of
from storage.writer import CallersWriter, GroupWriter, Writer

__all__ = ["Database", "DatabaseProblem", "StorageTrouble"]

T = TypeVar("T")

UPGRADE_BUSY_SECONDS = 60.0
"""How long an upgrade waits for another one."""


class Database:
    """Use it from any thread. Functions given to it get a Session inside a transaction and must not keep it."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    def open(cls, url: str, *, home: Path, owner: bool) -> Database:
        """Open a database that is there and has the revision of this program. Raises DatabaseProblem.

        owner: this process is the one `serve` on a SQLite file; PostgreSQL has any number of them.
        """
        address = database_url(url, home=home)
        _check_file(address)
        with _explained(address), ExitStack() as on_problem:
            reading = reading_engine(address)
            on_problem.callback(reading.dispose)
            _check_revision(_revision(reading))
            file = sqlite_file(address)
            reader: Reader = PoolReader(reading)
            if file is not None:
                reader = kept = KeptReader(reading)
            if file is not None and owner:
                engine = writing_engine(address, checkpoints=True)
                writer: Writer = GroupWriter(engine, OpenFiles(file), renew=kept.renew)
            else:
                writer = CallersWriter(writing_engine(address, checkpoints=False))
            database = cls(reader, writer)
            on_problem.pop_all()
            return database

    @classmethod
    def create(cls, url: str, *, home: Path) -> None:
        """Make the database (file mode 0600) and migrate it to head. Raises DatabaseProblem where there is one."""
        address = database_url(url, home=home)
        file = sqlite_file(address)
        if file:
            _make_file(file)
        try:
            with _explained(address), _disposed(writing_engine(address, checkpoints=True)) as engine:
                if _revision(engine):
                    raise DatabaseProblem("the database holds a community already: name another one in database.url")
                _migrate(engine)
        except BaseException:
            if file:
                file.unlink(missing_ok=True)
            raise

    @classmethod
    def upgrade(cls, url: str, *, home: Path) -> tuple[str, str]:
        """Migrate to head what an older program wrote; at head it does nothing. Raises DatabaseProblem.

        Returns the revisions before and after.
        """
        address = database_url(url, home=home)
        _check_file(address)
        engine = writing_engine(address, checkpoints=False, busy_seconds=UPGRADE_BUSY_SECONDS)
        with _explained(address), _disposed(engine):
            before = _revision(engine)
            if before in REVISIONS[:-1]:
                _migrate(engine)
            else:
                _check_revision(before)
            return before or "", HEAD

    @property
    def in_process(self) -> bool:
        """SQLite: a small read takes 0.1 ms, less than to go to another thread for it, and waits for no server."""
        return isinstance(self._reader, KeptReader)

    def read(self, fn: Callable[[Session], T]) -> T:
        """Run fn in a read transaction and return its result. Raises StorageTrouble, and what fn raises."""
        return self._reader.read(fn)

    def write(self, fn: Callable[[Session], T]) -> T:
        """Run fn in a write transaction; returns after the commit. Raises StorageTrouble, and what fn raises.

        fn may run more than once before the commit (a conflict with another writer, a neighbour in its group that
        raises): it has no effects but those on the session. Never call this inside a function given to write or submit.
        """
        return self._writer.write(fn)

    def submit(self, fn: Callable[[Session], T]) -> Future[T]:
        """Like write, without waiting: the future is done after the commit. The owner commits in groups."""
        return self._writer.submit(fn)

    def preparing(self) -> AbstractContextManager[None]:
        """While something is made ready that will be submitted within milliseconds; a group under load waits for it."""
        return self._writer.preparing()

    def changed(self) -> bool:
        """Has another process committed since the last call? Only the owner of a SQLite file can tell; else True."""
        return self._writer.changed()

    def empty_log(self) -> bool:
        """Take out of SQLite's write-ahead log what it still has of earlier pages. False: not now, ask again."""
        return self._writer.empty_log()

    def close(self) -> None:
        """Finish what was submitted, then let go of the database. May be called twice."""
        self._reader.close()
        self._writer.close()


def _revision(engine: Engine) -> str | None:
    """The revision of the database, None where there never was one."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return revision


def _check_revision(revision: str | None) -> None:
    if revision == HEAD:
        return
    if revision is None:
        raise DatabaseProblem("the database holds no community yet: run organic-mail init")
    if revision in REVISIONS:
        raise DatabaseProblem("this HOME was written by an older organic-mail: run organic-mail upgrade")
    release = release_of(revision) or "the newest release"
    raise DatabaseProblem(f"this HOME was written by a newer organic-mail: install at least {release}")


def _migrate(engine: Engine) -> None:
    from storage.migrations.run import migrate  # alembic takes long to import, and is needed once a year

    migrate(engine)


def _check_file(address: URL) -> None:
    file = sqlite_file(address)
    if file is None:
        return
    try:
        if not file.is_file():
            raise DatabaseProblem(f"there is no database at {file}: run organic-mail init")
        if not os.access(file, os.R_OK | os.W_OK) or not os.access(file.parent, os.W_OK | os.X_OK):
            raise DatabaseProblem(f"{file} may not be read and written: run this as {file.owner()}, whose file it is")
    except (OSError, KeyError) as error:
        raise DatabaseProblem(f"{file} cannot be reached: run this as the account that serves it") from error


def _make_file(file: Path) -> None:
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # SQLite's -wal and -shm take its mode
    except FileExistsError:
        raise DatabaseProblem(
            f"{file} is there already: name another file in database.url, or use it as it is"
        ) from None
    except OSError as error:
        raise DatabaseProblem(f"{file} cannot be made ({error.strerror}): correct its directory") from error


@contextmanager
def _disposed(engine: Engine) -> Iterator[Engine]:
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _explained(address: URL) -> Iterator[None]:
    """What the database says becomes one line with its cure."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = cause_of(error)
        if cause is None:
            raise
        raise DatabaseProblem(f"{address.render_as_string(hide_password=True)}: {cause}") from error
