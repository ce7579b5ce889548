"""Small writes whose traces can be read back, and a gate that makes a group of them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlmodel import Session, select

from storage.database import Database
from storage.events import record
from storage.models import Event
from tests.storage.made import NOW
from tests.wire.daemons import PATIENCE


def say(words: str) -> Callable[[Session], str]:
    def fn(session: Session) -> str:
        record(session, "said", words, now=NOW)
        return words

    return fn


def said(session: Session) -> list[str]:
    return sorted(session.exec(select(Event.text)))


def fail(session: Session) -> None:
    record(session, "said", "half", now=NOW)
    raise LookupError("of this function")


def fail_in_flush(session: Session) -> None:
    record(session, "said", "half", now=NOW)
    session.add(Event(at=NOW, kind="said", text="x", list_id=999))
    session.flush()


class Gate:
    """Keeps the writing thread busy, so that what is submitted meanwhile becomes one group."""

    def __init__(self, database: Database) -> None:
        self._started, self._open = threading.Event(), threading.Event()
        self._future = database.submit(self._stand)
        assert self._started.wait(PATIENCE)

    def _stand(self, session: Session) -> None:
        self._started.set()
        assert self._open.wait(PATIENCE)

    def open(self) -> None:
        self._open.set()
        self._future.result(PATIENCE)
