"""The whole database at one moment, as one SQLite file, while others go on writing; and back again.

The file is the same whether it comes from SQLite or PostgreSQL, and may be put into either of them.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

from sqlalchemy import Connection, func, insert, select
from sqlmodel import SQLModel

import storage.every_model  # noqa: F401 - SQLModel.metadata knows the tables once they are loaded
from storage.database import Database
from storage.engines import database_url, reading_engine, sqlite_file, writing_engine
from storage.trouble import DatabaseProblem, in_plain_words

Bar = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""Shows how far we are: given what is done and in how many steps, it gives the function to call after each step."""

PAGES = 2048
ROWS = 1000


def take(url: str, *, home: Path, copy: Path, bar: Bar) -> None:
    """Make the file `copy` (mode 0600) of the database. Raises DatabaseProblem, StorageTrouble and OSError."""
    address = database_url(url, home=home)
    file = sqlite_file(address)
    if file is not None:
        os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            _copy_file(file, copy, bar)
        except sqlite3.Error as fault:
            raise DatabaseProblem(f"{file} cannot be copied ({fault}): see organic-mail doctor") from None
        return
    target_url = f"sqlite:///{copy.name}"
    Database.create(target_url, home=copy.parent)
    target = writing_engine(database_url(target_url, home=copy.parent), checkpoints=True)
    source = reading_engine(address)
    try:
        with in_plain_words(), target.begin() as to, source.connect() as connection:
            _copy_tables(connection.execution_options(isolation_level="REPEATABLE READ"), to, bar)
    finally:
        source.dispose()
        target.dispose()
    _make_one_file(copy)


def put(url: str, *, home: Path, copy: Path, bar: Bar) -> None:
    """Make the database that `url` names out of `copy`, whose schema is this program's; a SQLite file is moved.

    Raises DatabaseProblem where there is one already, and StorageTrouble.
    """
    address = database_url(url, home=home)
    file = sqlite_file(address)
    if file is not None:
        if file.exists():
            raise DatabaseProblem(f"{file} is there already: move it away, or name another file in database.url")
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.move(copy, file)
        return
    Database.create(url, home=home)
    source = reading_engine(database_url(f"sqlite:///{copy.name}", home=copy.parent))
    target = writing_engine(address, checkpoints=False)
    try:
        with in_plain_words(), target.begin() as to, source.connect() as connection:
            _copy_tables(connection, to, bar)
            _count_on(to)
    finally:
        source.dispose()
        target.dispose()


def damage(copy: Path) -> str:
    """What is wrong with the file, "" when it is whole."""
    try:
        with closing(sqlite3.connect(copy)) as connection:
            said = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
            broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.DatabaseError as fault:
        return str(fault)
    if said != "ok":
        return said
    return f"a row of {broken[0]} belongs to nothing" if broken else ""


def counts(copy: Path) -> dict[str, int]:
    """How many rows each table has."""
    with closing(sqlite3.connect(copy)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        names = sorted(name for (name,) in tables)
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608


def _copy_file(file: Path, copy: Path, bar: Bar) -> None:
    source = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    with closing(source), closing(sqlite3.connect(copy)) as target:
        source.execute("PRAGMA wal_autocheckpoint = 0")
        # One read transaction around all of it: who writes meanwhile does not make the copy begin again.
        source.execute("BEGIN")
        (pages,) = source.execute("PRAGMA page_count").fetchone()
        with bar("Copying the database", -(-pages // PAGES)) as step:
            source.backup(target, pages=PAGES, progress=lambda _status, _left, _pages: step())
        source.execute("ROLLBACK")
    _make_one_file(copy)


def _make_one_file(copy: Path) -> None:
    """Without a log beside it; whoever opens it as a database of ours makes one again."""
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def _copy_tables(source: Connection, target: Connection, bar: Bar) -> None:
    tables = SQLModel.metadata.sorted_tables  # what others refer to comes first
    with bar("Copying the database", len(tables)) as step:
        for table in tables:
            rows = source.execution_options(yield_per=ROWS).execute(select(table))
            for page in rows.mappings().partitions():
                target.execute(insert(table), [dict(row) for row in page])
            step()


def _count_on(connection: Connection) -> None:
    """PostgreSQL numbers new rows after the ones that came with numbers of their own."""
    for table in SQLModel.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(select(func.setval(sequence, select(func.max(column)).scalar_subquery())))
