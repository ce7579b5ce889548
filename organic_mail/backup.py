"""`organic-mail backup`: the whole community in one file, while `serve` goes on working.

The file is a tar archive compressed with zstd (RFC 8878): settings, keys, the database as one SQLite file, and at the
end a manifest with the SHA-256 of each; so a file that was cut off is told by its missing manifest.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

import zstandard

from organic_mail.home import Home, Opened
from organic_mail.problem import Problem
from organic_mail.version import version
from storage import snapshot
from storage.migrations.revisions import HEAD
from storage.snapshot import Bar

FORMAT = 1
DATABASE = "community.db"
MANIFEST = "manifest.json"
PIECE = 2**20
"""Bytes that are read at once: one step of the progress bar."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. `counts`: rows of each table; `files`: the SHA-256 of each file, in hex."""

    format: int
    program: str
    revision: str
    domain: str
    made_at: str  # ISO 8601
    counts: dict[str, int]
    files: dict[str, str]


def make_backup(opened: Opened, file: Path, *, now: datetime, bar: Bar) -> Manifest:
    """Write the backup (mode 0600): whole, or not at all. What was at `file` before is replaced.

    Raises Problem, DatabaseProblem and StorageTrouble.
    """
    file = file.absolute()
    try:
        with tempfile.TemporaryDirectory(prefix=f".{file.name}-", dir=file.parent) as folder:
            unfinished = Path(folder) / "backup"
            manifest = _write(opened, Path(folder) / DATABASE, unfinished, now, bar)
            unfinished.rename(file)
            _sync(file.parent)
    except OSError as fault:
        raise Problem(f"{file} cannot be written ({fault.strerror}); make room, or name a file elsewhere") from None
    return manifest


def _write(opened: Opened, copy: Path, unfinished: Path, now: datetime, bar: Bar) -> Manifest:
    url = opened.settings.database.url
    snapshot.take(url, home=opened.home.path, copy=copy, bar=bar)
    if damage := snapshot.damage(copy):
        raise Problem(f"the database is damaged ({damage}); stop `serve` and restore an older backup")
    descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        with (
            zstandard.ZstdCompressor().stream_writer(raw, closefd=False) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
            bar("Writing the backup", copy.stat().st_size // PIECE + 1) as step,
        ):
            hashes = {name: _add(archive, name, BytesIO(content), now) for name, content in _small(opened.home)}
            with copy.open("rb") as database:
                hashes[DATABASE] = _add(archive, DATABASE, database, now, step)
            manifest = Manifest(
                FORMAT,
                version(),
                HEAD,
                opened.settings.community.domain,
                now.isoformat(),
                snapshot.counts(copy),
                hashes,
            )
            _add(archive, MANIFEST, BytesIO(json.dumps(asdict(manifest), indent=2).encode()), now)
        raw.flush()
        os.fsync(descriptor)
    return manifest


def _small(home: Home) -> list[tuple[str, bytes]]:
    """Settings and keys; read after the database, because a key's file is there before its row."""
    found = [(home.config_file.name, home.config_file.read_bytes())]
    for key in sorted(home.keys.iterdir()):
        with suppress(FileNotFoundError):  # an old key whose time came just now
            found.append((f"{home.keys.name}/{key.name}", key.read_bytes()))
    return found


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class HashedReader:
    """A file that is hashed as it is read. `step` is called after each PIECE."""

    def __init__(self, file: _Readable, step: Callable[[], None] = lambda: None) -> None:
        self._file = file
        self._step = step
        self._left = PIECE
        self._hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        piece = self._file.read(size)
        self._hash.update(piece)
        self._left -= len(piece)
        while self._left <= 0:
            self._left += PIECE
            self._step()
        return piece

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def _add(
    archive: tarfile.TarFile, name: str, file: BinaryIO, now: datetime, step: Callable[[], None] = lambda: None
) -> str:
    entry = tarfile.TarInfo(name)
    entry.size = file.seek(0, os.SEEK_END)
    file.seek(0)
    entry.mode = 0o600
    entry.mtime = int(now.timestamp())
    reader = HashedReader(file, step)
    archive.addfile(entry, reader)
    return reader.sha256


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
