"""Delivery into Maildirs, one for each recipient: for the demo, for trials, and for who reads mail on this machine."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import time
from pathlib import Path
from urllib.parse import quote

from handlers.reply import Reply
from organic_mail.smtp_client import Outgoing

_LONGEST_NAME = 255  # octets of a file name
_numbers = itertools.count()


def folder_name(recipient: str) -> str:
    """The folder of a recipient: the address itself where that is safe, and never another recipient's folder.

    What could lead out of the folder or hide in it is written as %XX (RFC 3986 §2.1). Upper and lower case stay apart,
    as RFC 5321 §2.4 wants it. Raises ValueError for an address that is too long.
    """
    name = quote(recipient, safe="@+=")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if not name or len(name) > _LONGEST_NAME:
        raise ValueError("the address is too long for a folder")
    return name


def store(root: Path, copy: Outgoing) -> Path:
    """Write one copy to the recipient's Maildir; on the disk, and in `new`, when this returns. Raises OSError.

    The bytes are those of the wire, CRLF and all, so that signatures verify on the file; on top stand the fields of
    final delivery (RFC 5321 §4.4, RFC 9228 §2).
    """
    maildir = root / folder_name(copy.recipient)
    if not (maildir / "cur").is_dir():
        _make(maildir)
    unique = _unique_name()
    unfinished, finished = maildir / "tmp" / unique, maildir / "new" / unique
    try:
        with unfinished.open("xb") as file:
            file.write(f"Return-Path: <{copy.sender}>\r\nDelivered-To: {copy.recipient}\r\n".encode())
            file.write(_as_read(copy.header))
            file.write(_as_read(copy.body))
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(finished)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(finished.parent)
    return finished


def _make(maildir: Path) -> None:
    for name in ("tmp", "new", "cur"):
        (maildir / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    _sync_folder(maildir)
    _sync_folder(maildir.parent)


def _unique_name() -> str:
    """Seconds, what tells two messages of one second apart, host: the custom of all programs that share a Maildir."""
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    host = socket.gethostname().replace("/", r"\057").replace(":", r"\072")
    return f"{seconds}.M{nanoseconds // 1000}P{os.getpid()}Q{next(_numbers)}.{host}"


def _as_read(wire: bytes) -> bytes:
    """What a receiver makes of the wire form: the doubled dots are single again (RFC 5321 §4.5.2)."""
    if wire.startswith(b"."):
        wire = wire[1:]
    return wire.replace(b"\r\n..", b"\r\n.")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class MaildirLine:
    """The Maildirs below one folder, as a line that copies are sent over."""

    usable = True

    def __init__(self, root: Path) -> None:
        self._root = root
        self.copies = 0

    def takes_octets_of(self, copy: Outgoing) -> bool:
        return True

    async def send(self, copy: Outgoing, following: Outgoing | None = None) -> Reply:
        try:
            await asyncio.to_thread(store, self._root, copy)
        except ValueError as problem:
            return Reply(553, "5.1.3", str(problem))
        except OSError as problem:
            return Reply(451, "4.3.0", f"{self._root}: {problem.strerror or problem}")
        self.copies += 1
        return Reply(250, "2.0.0", "stored")

    async def quit(self) -> None:
        """Nothing is kept open."""
