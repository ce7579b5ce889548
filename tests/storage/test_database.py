"""Making and opening, reading and writing, and writing in groups."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from storage.community import create_community, the_community
from storage.database import Database, DatabaseProblem, StorageTrouble
from storage.engines import MOST_WAL_PAGES
from tests.conftest import Place, PostgresServer
from tests.storage.made import NOW
from tests.storage.said import Gate, fail, fail_in_flush, said, say
from tests.wire.daemons import PATIENCE


def test_a_new_database_is_for_its_owner_only(tmp_path: Path) -> None:
    Database.create("sqlite:///community.db", home=tmp_path)
    database = Database.open("sqlite:///community.db", home=tmp_path, owner=True)
    database.write(say("hello"))
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["community.db", "community.db-shm", "community.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    database.close()
    database.close()
    assert [file.name for file in tmp_path.iterdir()] == ["community.db"]


def test_made_once(place: Place) -> None:
    with pytest.raises(DatabaseProblem, match="already"):
        Database.create(place.url, home=place.home)
    Database.open(place.url, home=place.home, owner=False).close()  # and it was left as it was


def test_what_could_not_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(engine: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("storage.migrations.run.migrate", broken)
    with pytest.raises(RuntimeError):
        Database.create("sqlite:///community.db", home=tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DatabaseProblem, match="cannot be made"):
        Database.create("sqlite:///missing/community.db", home=tmp_path)


@pytest.mark.parametrize(
    ("url", "cure"),
    [
        ("sqlite:///community.db", "run organic-mail init"),
        ("sqlite://", "names no file"),
        ("mysql://root@localhost/x", "not supported"),
        ("community.db", "write sqlite:///community.db"),
        ("postgresql://nobody:secret@127.0.0.1:1/x", "start it, or correct database.url"),
    ],
)
def test_no_database(tmp_path: Path, url: str, cure: str) -> None:
    with pytest.raises(DatabaseProblem) as problem:
        Database.open(url, home=tmp_path, owner=True)
    assert cure in str(problem.value)
    assert "secret" not in str(problem.value)
    assert "\n" not in str(problem.value)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_holds_no_community(tmp_path: Path, postgres_server: PostgresServer) -> None:
    (tmp_path / "community.db").touch()
    for url in ("sqlite:///community.db", postgres_server.new_database("template1")):
        with pytest.raises(DatabaseProblem, match="run organic-mail init"):
            Database.open(url, home=tmp_path, owner=True)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "community.db").write_text("Dear Anna, " * 500)
    with pytest.raises(DatabaseProblem, match="not a database: restore a backup"):
        Database.open("sqlite:///community.db", home=tmp_path, owner=True)
    (tmp_path / "folder").mkdir()
    with pytest.raises(DatabaseProblem, match="no database"):
        Database.open("sqlite:///folder", home=tmp_path, owner=True)


@pytest.mark.parametrize(
    ("revision", "cure"),
    [
        ("0000_v0.0.1", "run organic-mail upgrade"),
        ("9999_v7.8.9", "install at least 7.8.9"),
        ("strange", "install at least the newest release"),
    ],
)
def test_other_revisions(place: Place, monkeypatch: pytest.MonkeyPatch, revision: str, cure: str) -> None:
    monkeypatch.setattr("storage.database.REVISIONS", ("0000_v0.0.1", "0001_v0.1.0"))
    database = Database.open(place.url, home=place.home, owner=False)
    database.write(
        lambda session: session.connection().execute(
            text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision}
        )
    )
    database.close()
    for owner in (True, False):
        with pytest.raises(DatabaseProblem, match=cure):
            Database.open(place.url, home=place.home, owner=owner)
    if "upgrade" not in cure:
        with pytest.raises(DatabaseProblem, match=cure):
            Database.upgrade(place.url, home=place.home)


def test_a_file_of_somebody_else(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        home.chmod(0o755)
        Database.create("sqlite:///community.db", home=home)
        owner = (home / "community.db").owner()
        if os.geteuid():
            (home / "community.db").chmod(0o400)
        answer = as_somebody_else(lambda: Database.open("sqlite:///community.db", home=home, owner=False).close())
        assert f"may not be read and written: run this as {owner}" in answer
        home.chmod(0o600)
        answer = as_somebody_else(lambda: Database.open("sqlite:///community.db", home=home, owner=False).close())
        assert "cannot be reached" in answer
        home.chmod(0o700)


def as_somebody_else(fn: Callable[[], None]) -> str:
    """What a process of another account (where the tests may have one) is told by DatabaseProblem."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            fn()
        except DatabaseProblem as problem:
            os.write(writing, str(problem).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as answer:
        return answer.read()


def test_what_was_written_is_read(database: Database) -> None:
    database.write(lambda session: create_community(session, domain="oak.example", now=NOW))
    assert database.write(say("hello")) == "hello"
    found = database.read(the_community)
    assert found is not None
    assert (found.domain, found.created_at) == ("oak.example", NOW)
    assert database.read(said) == ["hello"]


def test_each_read_sees_what_was_written_before_it(database: Database) -> None:
    """Also when the read before has loaded the same rows."""
    database.write(lambda session: create_community(session, domain="oak.example", now=NOW))
    assert database.read(lambda session: [the_community(session), said(session)][1]) == []
    database.write(lambda session: setattr(the_community(session), "domain", "elm.example"))
    found = database.read(the_community)
    assert found is not None
    assert found.domain == "elm.example"


def test_each_write_sees_what_another_program_wrote(sqlite_database: Database, guest: Database) -> None:
    database = sqlite_database
    database.write(lambda session: create_community(session, domain="oak.example", now=NOW))
    database.write(the_community)
    guest.write(lambda session: setattr(the_community(session), "domain", "elm.example"))
    found = database.write(the_community)
    assert found is not None
    assert found.domain == "elm.example"


def test_reading_does_not_write(database: Database) -> None:
    with pytest.raises(StorageTrouble):
        database.read(say("hello"))
    database.write(say("bye"))
    assert database.read(said) == ["bye"]


def test_a_function_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(LookupError, match="of this function"):
        database.write(fail)
    with pytest.raises(IntegrityError):
        database.write(fail_in_flush)
    database.write(say("good"))
    assert database.read(said) == ["good"]


def test_a_group_is_one_commit(sqlite_database: Database, guest: Database) -> None:
    gate = Gate(sqlite_database)
    futures = [sqlite_database.submit(say(f"{number:02}")) for number in range(50)]
    assert guest.read(said) == []
    gate.open()
    assert [future.result(PATIENCE) for future in futures] == [f"{number:02}" for number in range(50)]
    assert guest.read(said) == [f"{number:02}" for number in range(50)]


def test_a_commit_waits_for_what_is_announced(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.writer.GATHERING", 60)
    with sqlite_database.preparing():
        first = sqlite_database.submit(say("one"))
        assert wait([first], 0.1).not_done
        second = sqlite_database.submit(say("two"))
    assert not wait([first, second], PATIENCE).not_done
    assert sqlite_database.write(say("alone")) == "alone"  # for what comes unannounced nobody waits


def test_a_commit_waits_for_what_is_announced_while_it_waits(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.writer.GATHERING", 60)
    with sqlite_database.preparing():
        first = sqlite_database.submit(say("one"))
        with sqlite_database.preparing():
            assert wait([first], 0.1).not_done
            second = sqlite_database.submit(say("two"))
        assert wait([first, second], 0.1).not_done == {first, second}
    assert not wait([first, second], PATIENCE).not_done


def test_a_commit_does_not_wait_for_ever(sqlite_database: Database) -> None:
    with sqlite_database.preparing():
        assert sqlite_database.write(say("one")) == "one"


def test_the_wal_is_moved_when_the_answer_is_out(sqlite_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.writer.CHECKPOINT_ROWS", 2)
    database = Database.open(sqlite_place.url, home=sqlite_place.home, owner=True)
    for words in ("the first", "the second", "the third"):
        database.write(say(words))
    kept = (sqlite_place.home / "community.db").read_bytes()
    database.close()
    assert b"the second" in kept
    assert b"the third" not in kept


@pytest.mark.parametrize("failing", [fail, fail_in_flush])
def test_one_that_raises_takes_only_itself(sqlite_database: Database, failing: Callable[[Session], None]) -> None:
    gate = Gate(sqlite_database)
    good = [sqlite_database.submit(say(f"{number}")) for number in range(3)]
    bad = sqlite_database.submit(failing)
    good += [sqlite_database.submit(say(f"{number}")) for number in range(3, 6)]
    gate.open()
    assert isinstance(bad.exception(PATIENCE), (LookupError, IntegrityError))
    assert [future.result(PATIENCE) for future in good] == list("012345")
    assert sqlite_database.read(said) == list("012345")


def test_a_group_that_swallows_its_failure_is_not_acknowledged_wrongly(sqlite_database: Database) -> None:
    def careless(session: Session) -> None:
        with suppress(IntegrityError):
            fail_in_flush(session)

    gate = Gate(sqlite_database)
    futures: list[Future[object]] = [sqlite_database.submit(say("one"))]
    futures += [sqlite_database.submit(careless), sqlite_database.submit(say("two"))]
    gate.open()
    wait(futures, PATIENCE)
    acknowledged = sorted(str(future.result()) for future in futures if not future.exception() and future.result())
    assert sqlite_database.read(said) == acknowledged == ["one", "two"]


def test_a_cancelled_function_does_not_run(sqlite_database: Database) -> None:
    gate = Gate(sqlite_database)
    cancelled = sqlite_database.submit(say("no"))
    kept = sqlite_database.submit(say("yes"))
    assert cancelled.cancel()
    gate.open()
    kept.result(PATIENCE)
    assert sqlite_database.read(said) == ["yes"]


def test_closing_finishes_what_was_submitted(place: Place) -> None:
    database = Database.open(place.url, home=place.home, owner=True)
    futures = [database.submit(say(f"{number:02}")) for number in range(20)]
    database.close()
    assert [future.result(0) for future in futures] == [f"{number:02}" for number in range(20)]
    database = Database.open(place.url, home=place.home, owner=True)
    assert len(database.read(said)) == 20
    database.close()


def test_a_closed_database_takes_nothing(sqlite_place: Place) -> None:
    database = Database.open(sqlite_place.url, home=sqlite_place.home, owner=True)
    database.close()
    with pytest.raises(StorageTrouble, match="stopping"):
        database.submit(say("late"))


def test_the_owner_knows_when_others_wrote(sqlite_database: Database, guest: Database) -> None:
    assert not sqlite_database.changed()
    sqlite_database.write(say("mine"))
    assert not sqlite_database.changed()
    guest.write(say("yours"))
    assert sqlite_database.changed()
    assert not sqlite_database.changed()
    sqlite_database.write(say("mine too"))
    guest.write(say("yours too"))
    sqlite_database.write(say("and mine"))
    assert sqlite_database.changed()
    assert not sqlite_database.changed()
    assert guest.changed()  # it cannot tell


def test_serve_and_the_command_line_write_at_once(place: Place) -> None:
    owner = Database.open(place.url, home=place.home, owner=True)
    guests = [Database.open(place.url, home=place.home, owner=False) for _ in range(2)]

    def write_all(name: str, write: Callable[[Callable[[Session], str]], str]) -> list[str]:
        return [write(say(f"{name} {number:03}")) for number in range(60)]

    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(write_all, f"guest {n}", guest.write) for n, guest in enumerate(guests)]
        futures += [threads.submit(write_all, f"owner {n}", owner.write) for n in range(2)]
        acknowledged = [words for future in futures for words in future.result(PATIENCE)]
    assert owner.read(said) == sorted(acknowledged)
    for database in (owner, *guests):
        database.close()


def test_only_the_writer_of_serve_moves_the_wal(sqlite_place: Place) -> None:
    """Two processes that checkpoint at once can damage the file with SQLite before 3.51.3 (spec/mail.md D8)."""
    owner = Database.open(sqlite_place.url, home=sqlite_place.home, owner=True)
    guest = Database.open(sqlite_place.url, home=sqlite_place.home, owner=False)

    def checkpoints_after(session: Session) -> int:
        pages: int = session.connection().exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one()
        return pages

    assert owner.write(checkpoints_after) == MOST_WAL_PAGES
    assert [owner.read(checkpoints_after), guest.read(checkpoints_after), guest.write(checkpoints_after)] == [0, 0, 0]
    for database in (owner, guest):
        for setting, value in {"synchronous": 2, "foreign_keys": 1, "journal_mode": "wal"}.items():
            pragma = f"PRAGMA {setting}"
            assert database.write(lambda s, pragma=pragma: s.connection().exec_driver_sql(pragma).scalar()) == value
        database.close()
