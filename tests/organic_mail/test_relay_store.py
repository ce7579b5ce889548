"""What the daemon keeps in SQL is what the simulator keeps in dictionaries: every question has the same answer."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool
from sqlmodel import Session, SQLModel

import storage.every_model  # noqa: F401 - SQLModel.metadata knows the tables once they are loaded
from handlers.peer.handshake import State
from handlers.peer.store import Link
from organic_mail.relay_store import SqlRelayStore
from storage import peers
from tests.federation import paper, simulator
from tests.federation.memory import MemoryStore
from tests.federation.schedules import check_claims
from tests.federation.simulator import BEGIN

COMPARED = (
    "link", "link_of_token", "links", "due_links", "seen", "forms", "remember", "post", "latest", "erase",
    "add_row", "save_row", "rows_due", "rows_in", "acknowledge", "rows_of", "row_for", "count_rows", "oldest_rows",
    "next_row_due", "renumber", "prune_rows", "offered", "offers_of", "save_offered", "drop_offered", "count_repeat",
    "count_of_author",
)  # fmt: skip
IN_ANY_ORDER = frozenset({"links", "due_links", "forms", "latest", "rows_of", "offers_of"})


def _empty_database() -> Session:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    SQLModel.metadata.create_all(engine)
    return Session(engine)


@dataclass
class TwinStore(MemoryStore):
    """Both stores at once. Rosters, keys and members are not compared: the daemon has them from elsewhere."""

    calls: int = 0
    session: Session = field(default_factory=_empty_database)
    sql: SqlRelayStore = field(init=False)

    def __post_init__(self) -> None:
        self.sql = SqlRelayStore(
            self.session,
            deliver=lambda post, way, now: None,
            take_away=lambda key, now: None,
            deliver_private=lambda post, now: None,
        )

    def save_link(self, link: Link) -> None:
        MemoryStore.save_link(self, link)
        if peers.peer_at(self.session, link.peer) is None:
            _shake_hands(self.session, link)
        self.sql.save_link(link)


def _both(name: str) -> Callable[..., Any]:
    def asked(self: TwinStore, *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        expected = getattr(MemoryStore, name)(self, *arguments, **named)
        found = getattr(self.sql, name)(*arguments, **named)
        if name in ("latest", "links", "due_links", "forms", "rows_of", "offers_of"):
            expected = list(expected)
        assert _comparable(name, found) == _comparable(name, expected), (name, arguments, named)
        return expected

    return asked


for _name in COMPARED:
    setattr(TwinStore, _name, _both(_name))


def _comparable(name: str, answer: Any) -> Any:
    if isinstance(answer, Sequence) and not isinstance(answer, str):
        return sorted(answer, key=_place) if name in IN_ANY_ORDER else list(answer)
    return answer


def _place(record: Any) -> tuple[str, str, int]:
    return getattr(record, "peer", ""), repr(getattr(record, "key", "")), getattr(record, "seq", 0)


def _shake_hands(session: Session, link: Link) -> None:
    """What is in the tables once a handshake is over."""
    fields = {
        "state": State.ACTIVE,
        "began_at": BEGIN,
        "changed_at": link.heard_at,
        "is_ours": True,
        "code_token": "",
        "code_key_id": "",
        "our_card": "",
        "our_nonce": "",
        "commit": "",
        "our_mailbox": link.peer,
        "our_epoch": link.epoch,
        "their_mailbox": link.address.partition("@")[0].removeprefix("organic-peer-"),
        "their_epoch": link.peer_epoch,
    }
    peers.save_peer(session, domain=link.peer, fields=fields)
    peers.pin_key(session, domain=link.peer, key=link.keys[0].public, following="", now=BEGIN)


@pytest.fixture
def twins(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[TwinStore]]:
    made: list[TwinStore] = []

    def store() -> TwinStore:
        made.append(TwinStore())
        return made[-1]

    monkeypatch.setattr(simulator, "MemoryStore", store)
    monkeypatch.setattr(paper, "LOOSE", {})  # the database wants the records themselves
    yield made
    for each in made:
        each.session.close()
        each.session.get_bind().engine.dispose()


@pytest.mark.parametrize("seed", [2, 43, 46])
def test_both_memories_tell_the_same(twins: list[TwinStore], seed: int) -> None:
    """Losses, outages, edits, retractions and forgeries: any schedule that the simulator knows."""
    check_claims(seed)
    assert sum(each.calls for each in twins) > 300


def test_a_link_that_was_never_used_is_that_of_the_handshake() -> None:
    twin = TwinStore()
    key = paper.PaperKey(random.Random(1).randbytes(32))
    link = Link("pine.example", "organic-peer-abc@pine.example", (), "ourepoch", "theirepo", BEGIN, due_at=BEGIN)
    known = replace(link, keys=(simulator.KnownKey(key.id, key.public),))
    _shake_hands(twin.session, known)
    assert twin.sql.link("pine.example") == known
    assert twin.sql.link("elm.example") is None
    later = datetime(2026, 12, 1, tzinfo=BEGIN.tzinfo)
    assert twin.sql.remember_direct("pine.example", 2**127 + 1, later)
    assert not twin.sql.remember_direct("pine.example", 2**127 + 1, later)
    twin.session.close()
    twin.session.get_bind().engine.dispose()
