"""What a disk or another program does to the database of a running daemon: nothing is promised that would be lost.

spec/mail.md §5.2 R3, R4.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.wire import failing_disk
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.daemons import Daemon, daemon
from tests.wire.test_disk import code_of, family, new_mail

__all__ = ["empty_home", "family", "om"]

RECOVERY = 60.0  # seconds, of which a busy machine needs some for each try


@contextmanager
def on_a_bad_disk(family: Operator) -> Iterator[tuple[Daemon, Path]]:
    """The daemon, and the file that names what fails."""
    fault = family.home / "fault"
    with daemon(family.home, starter=[sys.executable, failing_disk.__file__, str(fault)]) as running:
        yield running, fault


def recovered(running: Daemon, raw: bytes) -> bool:
    """Is mail taken again in time?"""
    end = time.monotonic() + RECOVERY
    while (code := code_of(running, raw)) != 250:
        assert code in (451, 452)
        if time.monotonic() > end:
            return False
    return True


def kept(family: Operator) -> int:
    """Posts that are in the database, as another program finds them."""
    with closing(sqlite3.connect(family.home / "community.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (count,) = connection.execute("SELECT count(*) FROM post").fetchone()
    return int(count)


def test_what_the_disk_refuses_is_put_off(family: Operator) -> None:
    refused = []
    with on_a_bad_disk(family) as (running, fault):
        assert code_of(running, new_mail()) == 250
        for name in ("ENOSPC", "EIO", "EDQUOT", "EROFS", failing_disk.FSYNC):
            fault.write_text(name)
            refused += [new_mail(), new_mail()]
            assert [code_of(running, raw) for raw in refused[-2:]] == [451, 451], name
            fault.unlink()
            assert recovered(running, refused[-1])
        assert running.process.poll() is None
        for raw in refused:
            assert recovered(running, raw)
        assert running.end() == 0
    assert kept(family) == 1 + len(refused)


def moved_away(home: Path, *names: str) -> list[tuple[Path, Path]]:
    aside = home / "aside"
    aside.mkdir()
    return [((home / name).rename(aside / name), home / name) for name in names]


@pytest.mark.parametrize(
    "names",
    [["community.db"], ["community.db", "community.db-wal", "community.db-shm"]],
    ids=["the database", "all of it"],
)
def test_a_database_that_is_moved_away_and_back(names: list[str], family: Operator) -> None:
    with daemon(family.home) as running:
        taken, waiting = new_mail(), new_mail()
        assert code_of(running, taken) == 250
        moved = moved_away(family.home, *names)
        assert [code_of(running, waiting) for _ in range(2)] == [451, 451]
        for aside, place in moved:
            aside.rename(place)
        assert recovered(running, waiting)
        assert code_of(running, taken) == 250  # known
        assert running.end() == 0
    assert kept(family) == 2


@pytest.mark.parametrize("name", ["community.db-wal", "community.db-shm"])
def test_a_log_that_is_removed(name: str, family: Operator) -> None:
    with daemon(family.home) as running:
        taken, waiting = new_mail(), new_mail()
        assert code_of(running, taken) == 250
        (family.home / name).unlink()
        assert recovered(running, waiting)
        assert "moved, removed or replaced" in running.log
        assert code_of(running, taken) == 250
        assert family("list", "ls", "--json").json[0]["name"] == "family"
        assert running.end() == 0
    assert kept(family) == 2


def test_a_database_that_is_replaced(family: Operator) -> None:
    """By a copy of itself, as from a backup: nothing goes on into the one that is gone."""
    with daemon(family.home) as running:
        taken, waiting = new_mail(), new_mail()
        assert code_of(running, taken) == 250
        copy = family.home / "copy.db"
        with closing(sqlite3.connect(family.home / "community.db")) as here, closing(sqlite3.connect(copy)) as there:
            here.backup(there)
        copy.rename(family.home / "community.db")
        assert recovered(running, waiting)
        assert "moved, removed or replaced" in running.log
        assert code_of(running, taken) == 250
        assert running.end() == 0
    assert kept(family) == 2
