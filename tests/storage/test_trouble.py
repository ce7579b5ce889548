"""The database is locked, full, broken or away: told in plain words, nothing lost, and over when it is over."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing, suppress

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from storage import engines
from storage.database import Database, StorageTrouble
from tests.conftest import Place, PostgresServer
from tests.storage.said import Gate, said, say
from tests.wire.daemons import PATIENCE


def setting(pragma: str) -> Callable[[Session], None]:
    """Change the connection that writes; a new one has the usual settings again."""

    def fn(session: Session) -> None:
        session.connection().exec_driver_sql(pragma)

    return fn


def test_locked_by_somebody_else(sqlite_database: Database, sqlite_place: Place) -> None:
    sqlite_database.write(setting("PRAGMA busy_timeout = 20"))
    foreign = sqlite3.connect(sqlite_place.home / "community.db", isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageTrouble, match="locked"):
        sqlite_database.write(say("no"))
    assert sqlite_database.read(said) == []  # readers do not wait
    foreign.execute("COMMIT")
    foreign.close()
    sqlite_database.write(say("yes"))
    assert sqlite_database.read(said) == ["yes"]


def test_a_guest_finds_it_locked(
    sqlite_database: Database, sqlite_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.02)
    guest = Database.open(sqlite_place.url, home=sqlite_place.home, owner=False)
    gate = Gate(sqlite_database)
    with pytest.raises(StorageTrouble, match="locked"):
        guest.write(say("no"))
    gate.open()
    guest.write(say("yes"))
    assert guest.read(said) == ["yes"]
    guest.close()


@pytest.mark.parametrize(
    ("pragma", "cause"),
    [("PRAGMA max_page_count = 1", "the disk is full"), ("PRAGMA query_only = ON", "may only be read")],
)
def test_the_whole_group_fails_and_the_next_one_works(sqlite_database: Database, pragma: str, cause: str) -> None:
    long = "x" * 100_000
    gate = Gate(sqlite_database)
    futures: list[Future[object]] = [sqlite_database.submit(say("one")), sqlite_database.submit(setting(pragma))]
    futures += [sqlite_database.submit(say(words)) for words in (long, "two")]
    gate.open()
    for future in futures:
        with pytest.raises(StorageTrouble, match=cause):
            future.result(PATIENCE)
    assert sqlite_database.write(say(long)) == long
    assert sqlite_database.read(said) == [long]


def test_a_file_that_went_away_is_not_made_anew(sqlite_place: Place) -> None:
    database = Database.open(sqlite_place.url, home=sqlite_place.home, owner=False)
    for file in sqlite_place.home.iterdir():
        file.unlink()
    with pytest.raises(StorageTrouble, match="cannot be opened"):
        database.write(say("lost"))
    assert list(sqlite_place.home.iterdir()) == []
    database.close()


def test_a_function_that_hides_a_full_disk(sqlite_database: Database) -> None:
    """SQLite may have rolled back by itself: nothing of that group is acknowledged."""

    def careless(session: Session) -> None:
        session.connection().exec_driver_sql("PRAGMA max_page_count = 1")
        with suppress(OperationalError):
            say("x" * 100_000)(session)
        if session.connection().connection.driver_connection.in_transaction:
            session.connection().connection.driver_connection.execute("ROLLBACK")

    gate = Gate(sqlite_database)
    futures: list[Future[object]] = [sqlite_database.submit(fn) for fn in (say("one"), careless, say("two"))]
    gate.open()
    for future in futures:
        assert isinstance(future.exception(PATIENCE), StorageTrouble)
    assert sqlite_database.read(said) == []
    sqlite_database.write(say("three"))
    assert sqlite_database.read(said) == ["three"]


def test_files_that_cannot_grow(sqlite_database: Database, sqlite_place: Place) -> None:
    """The write itself fails, as on a full or failing disk; what was acknowledged is there, and nothing else."""
    acknowledged = [sqlite_database.write(say("before"))]
    wal = sqlite_place.home / "community.db-wal"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size + 300_000, hard))
    try:
        troubles = []
        for number in range(20):
            future = sqlite_database.submit(say(f"{number} " + "x" * 50_000))
            if trouble := future.exception(PATIENCE):
                troubles.append(trouble)
            else:
                acknowledged.append(future.result())
        assert len(acknowledged) > 1
        assert troubles
        assert all(isinstance(trouble, StorageTrouble) and "disk" in str(trouble) for trouble in troubles)
        assert sqlite_database.read(said) == sorted(acknowledged)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    acknowledged.append(sqlite_database.write(say("after")))
    assert sqlite_database.read(said) == sorted(acknowledged)


def test_postgresql_goes_away_and_comes_back(postgres_server: PostgresServer, postgres_place: Place) -> None:
    database = Database.open(postgres_place.url, home=postgres_place.home, owner=True)
    database.write(say("one"))

    def cut_off(session: Session) -> None:
        session.connection().execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    for door in (database.write, database.read):
        with pytest.raises(StorageTrouble, match="PostgreSQL"):
            door(cut_off)
    assert database.write(say("two")) == "two"
    assert database.read(said) == ["one", "two"]
    database.close()


def test_postgresql_conflicts_are_tried_again(postgres_place: Place) -> None:
    database = Database.open(postgres_place.url, home=postgres_place.home, owner=True)
    tries: list[int] = []

    def conflict(session: Session) -> int:
        tries.append(1)
        if len(tries) < 3:
            session.connection().execute(text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$"))
        return len(tries)

    assert database.write(conflict) == 3
    assert database.submit(conflict).result(PATIENCE) == 4
    with pytest.raises(StorageTrouble, match="conflict"):
        database.write(conflict_for_ever)
    database.close()


def conflict_for_ever(session: Session) -> None:
    session.connection().execute(text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$"))


def test_what_is_committed_into_files_that_are_gone_is_not_acknowledged(
    sqlite_database: Database, sqlite_place: Place
) -> None:
    sqlite_database.write(say("before"))
    assert sqlite_database.read(said) == ["before"]
    home = sqlite_place.home
    (home / "community.db").rename(home / "aside")
    for door in (sqlite_database.write, sqlite_database.write):
        with pytest.raises(StorageTrouble, match=r"removed or replaced|cannot be opened"):
            door(say("lost"))
    with pytest.raises(StorageTrouble, match="cannot be opened"):
        sqlite_database.read(said)
    (home / "aside").rename(home / "community.db")
    sqlite_database.write(say("after"))
    assert {"before", "after"} <= set(sqlite_database.read(said))


def test_who_reads_while_the_files_are_replaced_finds_the_new_ones_next(
    sqlite_database: Database, sqlite_place: Place
) -> None:
    sqlite_database.write(say("before"))
    sqlite_database.write(setting("PRAGMA busy_timeout = 20"))
    home = sqlite_place.home

    def replace(session: Session) -> list[str]:
        found = said(session)
        with closing(sqlite3.connect(home / "community.db")) as here, closing(sqlite3.connect(home / "copy")) as there:
            here.backup(there)
        (home / "copy").rename(home / "community.db")
        with pytest.raises(StorageTrouble, match="removed or replaced"):
            sqlite_database.write(say("lost"))
        return found

    assert sqlite_database.read(replace) == ["before"]
    sqlite_database.write(say("after"))
    assert {"before", "after"} <= set(sqlite_database.read(said))


def test_after_an_error_of_the_disk_nothing_is_kept_until_all_is_synced(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_database.write(say("before"))
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR | 4 << 8  # SQLITE_IOERR_FSYNC

    def fail(session: Session) -> None:
        raise OperationalError(None, None, error)

    with pytest.raises(StorageTrouble, match="cannot be read or written"):
        sqlite_database.write(fail)
    writer = sqlite_database._writer
    with monkeypatch.context() as patch:
        patch.setattr(writer, "_prove", lambda: fail(Session()))
        with pytest.raises(StorageTrouble, match="cannot be read or written"):
            sqlite_database.write(say("no"))
    sqlite_database.write(say("after"))
    assert sqlite_database.read(said) == ["after", "before"]
