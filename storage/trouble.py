"""What can go wrong with the database, in plain words."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError


class DatabaseProblem(Exception):
    """The database cannot be opened or made: one line that names the cure, for the operator."""


class StorageTrouble(Exception):
    """The database cannot work just now (full, locked, broken, away): nothing was kept, try again later.

    At the SMTP edge this is a 451, so the sender's server keeps the post (RFC 5321 §4.2.1).
    """


SQLITE_CAUSES = {
    sqlite3.SQLITE_FULL: "the disk is full: make room, and it goes on by itself",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written: look into the system's log",
    sqlite3.SQLITE_BUSY: "another program keeps the database locked: wait for it or stop it",
    sqlite3.SQLITE_LOCKED: "another program keeps the database locked: wait for it or stop it",
    sqlite3.SQLITE_PROTOCOL: "another program keeps the database locked: wait for it or stop it",
    sqlite3.SQLITE_READONLY: "the database may only be read: correct the owner and mode of the file and its directory",
    sqlite3.SQLITE_PERM: "the database may not be opened: correct the owner and mode of the file and its directory",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened: see whether it, and its directory, are in place",
    sqlite3.SQLITE_NOMEM: "there is no memory left: stop other programs",
    sqlite3.SQLITE_CORRUPT: "the database file is damaged: restore a backup",
    sqlite3.SQLITE_NOTADB: "the file is not a database: restore a backup",
}
"""By primary result code."""

POSTGRESQL_CAUSES = {
    "08": "PostgreSQL does not answer: start it, or correct database.url",
    "25": "PostgreSQL only lets us read: connect to its primary server",
    "28": "PostgreSQL does not let us in: correct the account in database.url",
    "3D": "PostgreSQL has no database of this name: create it, or correct database.url",
    "40": "PostgreSQL gave up on a conflict with other writers: try again",
    "53": "PostgreSQL has no disk, memory or connections left: make room, and it goes on by itself",
    "55": "another program keeps the database locked: wait for it or stop it",
    "57": "PostgreSQL is stopping or starting: wait for it",
    "58": "PostgreSQL cannot read or write its disk: look into its log",
    "XX": "PostgreSQL found its files damaged: restore a backup",
}
"""By SQLSTATE class."""


POSTGRESQL_CONFLICTS = frozenset({"40001", "40P01", "23505"})
"""SQLSTATE of a serialisation failure, a deadlock, and a row that another writer made after we had looked for it."""


def cause_of(error: SQLAlchemyError | sqlite3.Error) -> str | None:
    """Why the database cannot work just now, with the cure; None when the statement itself was at fault."""
    if isinstance(error, PoolTimeoutError):
        return "all connections to the database are busy: wait, or give PostgreSQL more of them"
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, sqlite3.Error):
        return SQLITE_CAUSES.get(getattr(original, "sqlite_errorcode", 0) & 0xFF)
    if not isinstance(error, DBAPIError):
        return None
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is None:  # the driver lost the server, or never reached it
        return POSTGRESQL_CAUSES["08"] if error.connection_invalidated or _is_operational(error) else None
    return POSTGRESQL_CAUSES.get(state[:2])


def _is_operational(error: DBAPIError) -> bool:
    return type(error.orig).__name__ in {"OperationalError", "ConnectionTimeout", "InterfaceError"}


def is_conflict(error: BaseException) -> bool:
    """Did two writers of PostgreSQL get in each other's way, so that the same transaction may pass the next time?"""
    if isinstance(error, StorageTrouble):
        return error.__cause__ is not None and is_conflict(error.__cause__)
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in POSTGRESQL_CONFLICTS


def is_of_the_disk(error: BaseException) -> bool:
    """Could SQLite not read, write or sync a file?"""
    original = error.orig if isinstance(error, DBAPIError) else error
    return getattr(original, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR


class _InPlainWords:
    """Around every read: it is made once, and no generator."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, SQLAlchemyError | sqlite3.Error) and (cause := cause_of(error)) is not None:
            raise StorageTrouble(cause) from error


_IN_PLAIN_WORDS = _InPlainWords()


def in_plain_words() -> AbstractContextManager[None]:
    """An error of the database itself becomes StorageTrouble; any other stays as it is."""
    return _IN_PLAIN_WORDS
