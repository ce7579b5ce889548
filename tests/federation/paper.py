"""What makes a large run take minutes: signatures that are digests, bytes that nobody reads, records that are copied
quickly.

Nobody in such a run forges signatures, and what is signed is tested elsewhere. The rules of relaying stay as they are.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields, make_dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any
from unittest import mock

from handlers.peer import control_mail, hop, link_account, link_time, offer, outbox, relay, restart, seal, status
from handlers.peer.keys import PeerKey, key_id
from handlers.peer.roster import Entry, Roster
from handlers.peer.store import Link, OutboxRow


class PaperKey(PeerKey):
    """Signs with a digest."""

    def __init__(self, private: bytes) -> None:
        self.public = hashlib.sha256(private).digest()
        self.id = key_id(self.public)

    def sign(self, context: str, signed: bytes) -> str:
        return _on_paper(self.public, context, signed)


class LargeRoster(Roster):
    """Of more servers than a space may have; an entry is looked up rather than searched."""

    @cached_property
    def _by_domain(self) -> dict[str, Entry]:
        return {entry.domain: entry for entry in self.entries}

    @cached_property
    def digest(self) -> str:  # type: ignore[override]
        return base64.b64encode(hashlib.sha256(f"{self.space} {self.serial}".encode()).digest()).decode()

    def entry(self, domain: str, at: datetime) -> Entry | None:
        entry = self._by_domain.get(domain)
        return entry if entry and entry.counts(at) else None

    def lists_of(self, domain: str) -> tuple[Entry, ...]:
        return (self._by_domain[domain],) if domain in self._by_domain else ()


@contextmanager
def on_paper() -> Iterator[None]:
    """Everything that servers do within, they do with such keys and records."""
    with ExitStack() as patches:
        for module in (hop, seal):
            patches.enter_context(mock.patch.object(module, "is_signed", _is_signed))
        for module in (hop, seal, control_mail):
            patches.enter_context(mock.patch.object(module, "canonical", _written))
        for module in (link_account, link_time, offer, outbox, relay, restart, status):
            patches.enter_context(mock.patch.object(module, "replace", _replaced))
        yield


def _on_paper(public: bytes, context: str, signed: bytes) -> str:
    return base64.b64encode(hashlib.sha256(public + context.encode() + signed).digest()).decode()


def _is_signed(public: bytes, context: str, signed: bytes, signature: str) -> bool:
    return signature == _on_paper(public, context, signed)


def _written(lines: Iterable[tuple[str, str]]) -> bytes:
    return repr(tuple(lines)).encode()


def _loose(kind: type[Any]) -> type[Any]:
    """The same record without slots: it is copied as one dictionary."""
    return make_dataclass(kind.__name__, [(each.name, each.type) for each in fields(kind)])


LOOSE = {Link: _loose(Link), OutboxRow: _loose(OutboxRow)}
"""Of these a large run makes millions."""


def _replaced(record: Any, **changes: Any) -> Any:
    kind = type(record)
    if kind in LOOSE:
        kind, values = LOOSE[kind], {name: getattr(record, name) for name in kind.__slots__}
    elif kind in LOOSE.values():
        values = record.__dict__
    else:
        return replace(record, **changes)
    copy = object.__new__(kind)
    copy.__dict__ = {**values, **changes}
    return copy
