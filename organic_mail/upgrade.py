"""`organic-mail upgrade`: bring the database to the schema of this program, with a backup before."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from datetime import datetime
from pathlib import Path

from organic_mail import config
from organic_mail.home import Home
from organic_mail.lock import serve_lock
from organic_mail.problem import Problem
from storage.database import Database
from storage.engines import database_url, sqlite_file
from storage.migrations.revisions import REVISIONS


def upgrade_home(path: Path, now: datetime) -> Path | None:
    """Returns the backup, None when there was nothing to do. May be called again after it was cut off.

    Raises Problem (also while `serve` runs: it knows the old schema) and DatabaseProblem.
    """
    home = Home(path.absolute())
    settings = config.load(home.path)
    with serve_lock(home.lock_file):
        file = sqlite_file(database_url(settings.database.url, home=home.path))
        backup = file.with_name(f"{file.name}.before-upgrade-{now:%Y%m%dT%H%M%S}") if file and _is_old(file) else None
        if file and backup:
            _back_up(file, backup)
        Database.upgrade(settings.database.url, home=home.path)
        return backup


def _is_old(file: Path) -> bool:
    """Does it have a schema that this program can bring forward?"""
    try:
        with _connected(file) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:  # no file, no community: Database.upgrade says it in better words
        return False
    return row is not None and row[0] in REVISIONS[:-1]


def _connected(file: Path) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True))


def _back_up(file: Path, backup: Path) -> None:
    """A whole copy, for its owner alone; half a copy is never left under this name."""
    unfinished = backup.with_name(f".{backup.name}")
    try:
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with _connected(file) as connection:
            connection.execute("VACUUM INTO ?", (str(unfinished),))
        unfinished.rename(backup)
    except (OSError, sqlite3.Error) as fault:
        unfinished.unlink(missing_ok=True)
        raise Problem(f"no backup could be made beside {file} ({fault}); make room, then try again") from None
