"""The one small door to the database: read, write, submit.

SQLite: one `serve` owns the file. Its writes go through one thread that commits them in groups; everybody else
writes with BEGIN IMMEDIATE of its own. PostgreSQL: a pool; any number of processes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from sqlmodel import Session

from storage.trouble import DatabaseProblem, StorageTrouble

__all__ = ["Database", "DatabaseProblem", "StorageTrouble"]

T = TypeVar("T")


class Database:
    """Use it from any thread. Functions given to it get a Session inside a transaction and must not keep it."""

    @classmethod
    def open(cls, url: str, *, home: Path, owner: bool) -> Database:
        """Open a database that is there and has the revision of this program. Raises DatabaseProblem."""
        raise NotImplementedError

    @classmethod
    def create(cls, url: str, *, home: Path) -> None:
        """Make the database (file mode 0600) and migrate it to head. Raises DatabaseProblem where there is one."""
        raise NotImplementedError

    def read(self, fn: Callable[[Session], T]) -> T:
        """Run fn in a read transaction and return its result. Raises StorageTrouble, and what fn raises."""
        raise NotImplementedError

    def write(self, fn: Callable[[Session], T]) -> T:
        """Run fn in a write transaction; returns after the commit. Raises StorageTrouble, and what fn raises."""
        raise NotImplementedError

    def submit(self, fn: Callable[[Session], T]) -> Future[T]:
        """Like write, without waiting (owner only). The future is done after the commit; fn may run again elsewhere
        when the database asks for it, so it has no effects but those on the session."""
        raise NotImplementedError

    def changed(self) -> bool:
        """Has another process committed since the last call? PostgreSQL cannot tell cheaply and says yes."""
        raise NotImplementedError

    def close(self) -> None:
        """Finish what was submitted, then let go of the database. May be called twice."""
        raise NotImplementedError
