"""Are the files that SQLite has open still the ones that are found under their names?

Somebody may move, remove or replace them while they are open. Nothing of that fails: what is committed then goes into
files that nobody will find again.
"""

from __future__ import annotations

from pathlib import Path

from storage.trouble import StorageTrouble

_Identity = tuple[int, int]

_GONE = (
    "the database's files were moved, removed or replaced while we serve: put {name} and {name}-wal back as they were"
)


class OpenFiles:
    """The database, its write-ahead log and its index, by device and inode."""

    def __init__(self, file: Path) -> None:
        self._name = file.name
        self._files = (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm"))
        self._opened: list[_Identity] = []

    def note(self) -> None:
        """To be called as soon as a connection has opened them. Raises StorageTrouble."""
        self._opened = self._found()

    def check(self) -> None:
        """Raises StorageTrouble when what is open is not what is found."""
        if self._found() != self._opened:
            raise StorageTrouble(_GONE.format(name=self._name))

    def _found(self) -> list[_Identity]:
        try:
            return [(stat.st_dev, stat.st_ino) for stat in map(Path.stat, self._files)]
        except OSError:
            raise StorageTrouble(_GONE.format(name=self._name)) from None
