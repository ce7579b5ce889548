"""Another program keeps the database locked for a minute (spec/mail.md §5.2 R4)."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

from tests.wire.command_line import Operator, empty_home, om
from tests.wire.daemons import daemon, until
from tests.wire.test_disk import code_of, family, new_mail

__all__ = ["empty_home", "family", "om"]

SECONDS = 60


def test_mail_is_put_off_until_the_lock_is_gone(family: Operator) -> None:
    with daemon(family.home) as running, closing(sqlite3.connect(family.home / "community.db")) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        waiting = new_mail()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            assert code_of(running, waiting) == 451
        foreign.rollback()
        assert code_of(running, waiting) == 250
        until(running.copies)
        assert running.end() == 0
