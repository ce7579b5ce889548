"""A real daemon with a real HOME, to be measured from outside."""

from __future__ import annotations

import os
import signal
import smtplib
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from storage.database import Database
from tests.bench.storage_speed import make_list

ORGANIC_MAIL = [sys.executable, "-m", "organic_mail.cli.main"]
DOMAIN = "oak.example"
AUTHOR = "m1000000@x.example"  # the first member of the first list
LIST = f"family@{DOMAIN}"


def make_home(home: Path, *, members: int) -> Path:
    """A community with the list `family` of so many members."""
    subprocess.run([*ORGANIC_MAIL, "--home", home, "init", DOMAIN], check=True, capture_output=True)
    database = Database.open("sqlite:///community.db", home=home, owner=False)
    database.write(lambda session: make_list(session, "family", members))
    database.close()
    return home


@dataclass(frozen=True)
class Daemon:
    """One that runs."""

    pid: int
    port: int
    home: Path

    def send(self, number: int, size: int) -> float:
        """A post by the first member; returns how many seconds it took until it was accepted."""
        begun = time.perf_counter()
        with smtplib.SMTP("127.0.0.1", self.port) as client:
            client.sendmail(AUTHOR, [LIST], letter(number, size))
        return time.perf_counter() - begun

    def wait_until_left(self, copies: int) -> None:
        """Until no more than so many copies wait."""
        with sqlite3.connect(f"file:{self.home}/community.db?mode=ro", uri=True) as database:
            query = "SELECT count(*) FROM delivery WHERE state IN ('due', 'deferred', 'sending')"
            while database.execute(query).fetchone()[0] > copies:
                time.sleep(0.01)

    @property
    def megabytes(self) -> float:
        """Memory of the daemon and of all its workers; what they share is counted once."""
        return sum(_proportional(pid) for pid in [self.pid, *_children(self.pid)])

    @property
    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)


@contextmanager
def serving(home: Path, next_hop: int, *words: str) -> Iterator[Daemon]:
    settings = {
        "ORGANIC_MAIL__SMTP__LISTEN": "127.0.0.1:0",
        "ORGANIC_MAIL__SMTP__AUTHENTICATION": "off",
        "ORGANIC_MAIL__DELIVERY__SMARTHOST": f"smtp://127.0.0.1:{next_hop}",
    }
    running = subprocess.Popen(
        [*ORGANIC_MAIL, "--home", home, "serve", *words],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert running.stdout is not None
        ready = running.stdout.readline()
        yield Daemon(running.pid, int(ready.split("smtp=")[1].split()[0].rpartition(":")[2]), home)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(15)


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def letter(number: int, size: int) -> bytes:
    """A post of about so many bytes."""
    head = (
        f"From: Member 0 <{AUTHOR}>\r\nTo: {LIST}\r\nSubject: Lunch {number}\r\nMessage-ID: <{number}@example.org>\r\n"
        f"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n"
    ).encode()
    line = b"All of us meet on Sunday at one, in the garden when it is dry.\r\n"
    return head + line * max(1, (size - len(head)) // len(line))


def _proportional(pid: int) -> float:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return int(fields["Pss"].split()[0]) / 1024


def _children(pid: int) -> list[int]:
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    found = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    return found + [grandchild for child in found for grandchild in _children(child)]
