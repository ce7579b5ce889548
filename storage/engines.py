"""How a connection to SQLite or PostgreSQL is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from storage.trouble import DatabaseProblem

MOST_WAL_PAGES = 4000
"""With so many, of 4 kB each, a commit moves the WAL into the file. The writer of `serve` mostly does it before."""

BUSY_SECONDS = 5.0
"""How long a writer waits for another program's lock."""


def database_url(url: str, *, home: Path) -> URL:
    """The setting database.url as an address; SQLite's file is relative to HOME. Raises DatabaseProblem."""
    cure = "write sqlite:///community.db or postgresql+psycopg://NAME@HOST/DATABASE"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseProblem(f"database.url is no address of a database: {cure}") from None
    match parsed.get_backend_name():
        case "sqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise DatabaseProblem(f"database.url names no file: {cure}")
            return URL.create("sqlite", database=str(home / parsed.database))
        case "postgresql":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise DatabaseProblem(f"database.url: {other} is not supported: {cure}")


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite database; None for PostgreSQL."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def reading_engine(url: URL) -> Engine:
    """For read transactions: each thread has a connection of its own while it reads."""
    if sqlite_file(url):
        return _sqlite_engine(url, "BEGIN", "PRAGMA wal_autocheckpoint = 0", "PRAGMA query_only = ON")
    return _postgresql_engine(url).execution_options(postgresql_readonly=True)


def writing_engine(url: URL, *, checkpoints: bool, busy_seconds: float | None = None) -> Engine:
    """For write transactions. checkpoints: may this connection move the WAL into the SQLite file?

    Only the writer of `serve` may, so that no two ever do it at once (spec/mail.md D8).
    """
    if sqlite_file(url):
        settings = [
            "PRAGMA secure_delete = ON",  # what is deleted, a person's data above all, is not left in free pages
            "PRAGMA cache_size = -16000",  # kB: a post to 100,000 members is written twice as fast
            f"PRAGMA wal_autocheckpoint = {MOST_WAL_PAGES if checkpoints else 0}",
        ]
        return _sqlite_engine(url, "BEGIN IMMEDIATE", *settings, busy_seconds=busy_seconds)
    return _postgresql_engine(url)


def _sqlite_engine(url: URL, begin: str, *settings: str, busy_seconds: float | None = None) -> Engine:
    # mode=rw: a file that went away is an error, never an empty new database
    existing = url.set(database=f"file:{quote(url.database or '')}", query={"mode": "rw", "uri": "true"})
    engine = create_engine(
        existing,
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=-1,
        hide_parameters=True,  # no addresses in a traceback
        # isolation_level None: the driver opens no transaction by itself, do_begin does
        connect_args={"timeout": busy_seconds or BUSY_SECONDS, "isolation_level": None, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a commit is on the disk before we say 250
        connection.execute("PRAGMA foreign_keys = ON")
        for setting in settings:
            connection.execute(setting)

    def do_begin(connection: Any) -> None:
        connection.execute(begin)

    # a listener for "begin" would do, but with any listener every statement of the engine takes a fifth longer
    engine.dialect.do_begin = do_begin  # type: ignore[method-assign, assignment]
    return engine


def _postgresql_engine(url: URL) -> Engine:
    try:
        return create_engine(
            url, pool_size=8, max_overflow=16, pool_timeout=30, pool_pre_ping=True, hide_parameters=True
        )
    except (ImportError, NoSuchModuleError):
        raise DatabaseProblem("PostgreSQL needs its driver: pip install 'organic-mail[postgres]'") from None
