"""The disk is full or nearly so: mail is put off, nothing is lost, and it goes on when there is room again."""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import smtplib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from organic_mail.daemon import _has_room
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import community, mail, port_of, serving
from tests.wire.daemons import PATIENCE, Daemon, daemon, until

__all__ = ["empty_home", "om"]

NUMBERS = itertools.count(1)
LARGE = 300_000
ROOM_IN_FILE = 2_000_000


def new_mail(size: int = 100) -> bytes:
    """Of bytes that cannot be made smaller."""
    lines = (os.urandom(30).hex() for _ in range(size // 62 + 1))
    return mail("\r\n".join(lines) + "\r\n", message_id=f"<{next(NUMBERS)}@home.example>")


@pytest.fixture
def family(om: Operator) -> Operator:
    om("list", "create", "family")
    assert om("member", "add", "family", "Anna <anna@home.example>", "--confirmed", "--quiet").code == 0
    return om


def code_of(running: Daemon, raw: bytes) -> int:
    """The answer that decides: to MAIL, to RCPT, or after DATA."""
    with smtplib.SMTP("127.0.0.1", running.port, timeout=PATIENCE) as client:
        client.ehlo()
        code = client.mail("anna@home.example")[0]
        if code == 250:
            code = client.rcpt("family@oak.example")[0]
        if code == 250:
            code = client.data(raw)[0]
        return code


def fill(running: Daemon) -> int:
    """Send large mails until nothing is left that could be moved to make room; how many were taken."""
    codes: list[int] = []
    while codes[-3:] not in ([451] * 3, [452] * 3):
        codes.append(code_of(running, new_mail(LARGE)))
        assert codes[-1] in (250, 451, 452)
        assert len(codes) < 100, "it never became full"
    return codes.count(250)


@contextmanager
def writing_forbidden_beyond(process: int, size: int) -> Iterator[None]:
    """Files of a process cannot grow beyond `size` bytes: what a full disk is to a database."""
    before = resource.prlimit(process, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, before)


def test_a_full_disk_puts_mail_off_until_there_is_room(family: Operator) -> None:
    with daemon(family.home) as running:
        with writing_forbidden_beyond(running.process.pid, ROOM_IN_FILE):
            assert fill(running) >= 1
            taken = new_mail()
            assert code_of(running, new_mail(LARGE)) == 451
            assert running.process.poll() is None
        assert code_of(running, taken) == 250
        until(lambda: any(taken.rpartition(b"\r\n\r\n")[2].strip() in copy for _, copy in running.copies()))
        assert running.end() == 0
    with closing(sqlite3.connect(family.home / "community.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert family("shunt", "ls", "--json").json == []


class Disk(NamedTuple):
    total: int
    free: int


def test_no_mail_is_begun_while_the_disk_is_low(sqlite_template: Path, tmp_path: Path) -> None:
    room = [False]
    with (
        community(sqlite_template, tmp_path) as people,
        serving(people.settings, people.receiver, has_room=lambda: room[0]) as doors,
        smtplib.SMTP("127.0.0.1", port_of(doors)) as client,
    ):
        client.ehlo()
        code, text = client.mail("anna@home.example")
        assert (code, text[:5]) == (452, b"4.3.1")
        room[0] = True
        client.sendmail("anna@home.example", ["family@oak.example"], mail())
        assert len(people.posts()) == 1


@pytest.mark.parametrize(("free", "room"), [(400 * 10**6, False), (600 * 10**6, True)])
def test_the_disk_of_the_database_counts(free: int, room: bool, om: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def usage_of(folder: Path) -> Disk:
        asked.append(folder)
        return Disk(10**12, free)

    monkeypatch.setattr(shutil, "disk_usage", usage_of)
    with om.opened() as opened:
        assert _has_room(opened)() is room
    assert asked == [om.home]
