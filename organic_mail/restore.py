"""`organic-mail restore`: a HOME out of a backup. Nothing of it is sent again before a person has looked."""

from __future__ import annotations

import json
import os
import re
import tarfile
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import IO

import zstandard

from organic_mail import config
from organic_mail.backup import DATABASE, FORMAT, MANIFEST, PIECE, HashedReader, Manifest
from organic_mail.home import Home, new_home, open_home
from organic_mail.notices import host_of
from organic_mail.peer_keys import OwnKeys
from organic_mail.problem import Problem
from organic_mail.restarting import begin_anew
from storage import snapshot
from storage.database import Database
from storage.events import record
from storage.review import hold_unfinished
from storage.snapshot import Bar

LARGEST_WINDOW = 2**27  # bytes of memory that a backup may ask for when it is unpacked (RFC 8878 §3.1.1.1.2)
LARGEST_SMALL_FILE = 2**20
_KEY = re.compile(r"keys/[A-Za-z0-9][A-Za-z0-9._-]{0,100}")


@dataclass(frozen=True, slots=True)
class Restored:
    """`held`: how many deliveries wait for review."""

    manifest: Manifest
    held: int


def restore_home(path: Path, file: Path, *, now: datetime, bar: Bar) -> Restored:
    """Make the HOME `path`, which must be empty, out of a backup: all of it or nothing.

    Raises Problem, DatabaseProblem and StorageTrouble.
    """
    with new_home(path) as building:
        manifest = _unpacked(file, building, bar)
        copy = building.path / DATABASE
        _check_database(copy, manifest)
        settings = config.load(building.path)
        Database.upgrade(f"sqlite:///{DATABASE}", home=building.path)
        aside = copy.rename(building.path / f"{DATABASE}.restored")
        snapshot.put(settings.database.url, home=building.path, copy=aside, bar=bar)
        aside.unlink(missing_ok=True)
        with open_home(building.path) as opened:
            held = opened.database.write(hold_unfinished)
            host = host_of(opened.settings, opened.secrets, opened.database, OwnKeys(opened.home.keys))
            opened.database.write(lambda session: begin_anew(session, host, now))
            said = f"The backup of {manifest.made_at} was restored; deliveries held for review: {held}"
            opened.database.write(lambda session: record(session, "restored", said, now=now))
    return Restored(manifest, held)


def _unpacked(file: Path, home: Home, bar: Bar) -> Manifest:
    """Unpack into an empty folder, and check every byte against the manifest."""
    home.keys.mkdir(mode=0o700)
    hashes: dict[str, str] = {}
    try:
        with (
            file.open("rb") as raw,
            bar("Reading the backup", file.stat().st_size // PIECE + 1) as step,
            zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW).stream_reader(
                HashedReader(raw, step)  # type: ignore[arg-type]  # it asks for read() alone
            ) as unpacked,
            tarfile.open(fileobj=unpacked, mode="r|") as archive,
        ):
            for entry in archive:
                content = archive.extractfile(entry) if entry.isreg() else None
                if content is None or entry.name in hashes or not _is_ours(entry):
                    raise Problem(f"{file} holds {entry.name!r}, which no backup has; take one made by this program")
                hashes[entry.name] = _write_out(content, home.path / entry.name)
    except OSError as fault:
        raise Problem(f"{file} cannot be unpacked ({fault.strerror or fault}); correct that, and try again") from None
    except (tarfile.TarError, zstandard.ZstdError, EOFError):
        raise _no_backup(file) from None
    if MANIFEST not in hashes:
        raise _no_backup(file)
    manifest = _manifest(file, home.path / MANIFEST)
    del hashes[MANIFEST]
    (home.path / MANIFEST).unlink()
    if hashes != manifest.files or not {DATABASE, config.FILE_NAME} <= hashes.keys():
        raise Problem(f"{file} is not what was written: its contents do not match its manifest; take another backup")
    return manifest


def _is_ours(entry: tarfile.TarInfo) -> bool:
    """Only names that we write are ever opened, so none leads out of the folder."""
    if entry.name == DATABASE:
        return True
    known = entry.name in {config.FILE_NAME, MANIFEST} or _KEY.fullmatch(entry.name) is not None
    return known and entry.size <= LARGEST_SMALL_FILE


def _write_out(content: IO[bytes], target: Path) -> str:
    """A new file of mode 0600. Returns the SHA-256 of what is in it."""
    reader = HashedReader(content)
    with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as written:
        while piece := reader.read(PIECE):
            written.write(piece)
    return reader.sha256


def _manifest(file: Path, unpacked: Path) -> Manifest:
    try:
        told = json.loads(unpacked.read_bytes())
        if told["format"] != FORMAT:
            raise Problem(f"{file} was written by a newer organic-mail ({told['program']}); restore it with that one")
        return Manifest(**{field.name: told[field.name] for field in fields(Manifest)})
    except (ValueError, KeyError, TypeError):
        raise _no_backup(file) from None


def _check_database(copy: Path, manifest: Manifest) -> None:
    if damage := snapshot.damage(copy):
        raise Problem(f"the database in the backup is damaged ({damage}); take another backup")
    if snapshot.counts(copy) != manifest.counts:
        raise Problem("the database in the backup has other rows than its manifest says; take another backup")


def _no_backup(file: Path) -> Problem:
    return Problem(f"{file} is no backup of Organic Mail, or was cut off; take another one, or copy it once more")
