"""kill -9 at any moment: what was acknowledged is there, whole."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
from concurrent.futures import as_completed

from sqlmodel import Session, select

from storage.arrivals import remember
from storage.database import Database
from storage.models import Arrival, Delivery, DeliveryState, Post
from storage.queue import Settled, claim, settle
from tests.conftest import Place
from tests.storage.made import NOW, a_list, a_post, on_list

READERS = 5


def post(list_id: int, number: int, session: Session) -> int:
    assert remember(session, b"%d" % number, NOW)
    a_post(session, list_id, f"<{number}@x>")
    return number


def deliver(session: Session) -> None:
    claimed = claim(session, who="host:1:1", now=NOW, limit=3)
    settle(session, [Settled(one.id, DeliveryState.SENT, "250") for one in claimed[:2]], NOW)


def write_for_ever(place: Place, list_id: int, start: int, acknowledge: int) -> None:
    """Intake and delivery at once, as `serve` does it; each number is told only after its commit."""
    database = Database.open(place.url, home=place.home, owner=True)
    while True:
        futures = [database.submit(lambda s, n=n: post(list_id, n, s)) for n in range(start, start + 10)]
        database.submit(deliver)
        for future in as_completed(futures):
            os.write(acknowledge, b"%d\n" % future.result())
        start += 10


def killed_writer(place: Place, list_id: int, start: int, after: int) -> list[int]:
    """What a process had acknowledged when it was killed, some time after so many acknowledgements."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            write_for_ever(place, list_id, start, writing)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as answers:
        acknowledged = [int(next(answers)) for _ in range(after)]
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return acknowledged + [int(line) for line in answers if line.endswith("\n")]


def test_nothing_acknowledged_is_lost(sqlite_place: Place) -> None:
    chance = random.Random(20)
    database = Database.open(sqlite_place.url, home=sqlite_place.home, owner=True)

    def make(session: Session) -> int:
        list_id = a_list(session)
        for number in range(READERS):
            on_list(session, list_id, f"member{number}")
        return list_id

    list_id = database.write(make)
    database.close()
    acknowledged: set[int] = set()
    for turn in range(20):
        acknowledged.update(killed_writer(sqlite_place, list_id, turn * 10_000, chance.randint(0, 60)))
        database = Database.open(sqlite_place.url, home=sqlite_place.home, owner=True)
        database.read(lambda session: check(session, acknowledged))
        database.close()
        with sqlite3.connect(sqlite_place.home / "community.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.close()


def check(session: Session, acknowledged: set[int]) -> None:
    stored = {int(message_id.strip("<>").partition("@")[0]) for message_id in session.exec(select(Post.message_id))}
    assert acknowledged <= stored
    # whole: each post with all of its deliveries, each arrival with its post
    assert len(session.exec(select(Delivery.id)).all()) == READERS * len(stored)
    assert {int(fingerprint) for fingerprint in session.exec(select(Arrival.fingerprint))} == stored
