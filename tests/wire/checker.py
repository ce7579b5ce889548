"""Was anything lost? Compares what senders were told, what the next hop took, and what the database file holds.

It shares no code with the server: it reads the tables with plain SQL and the mails with the standard library.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from tests.wire.sink import Transaction

Pair = tuple[str, str]
"""Message-ID and recipient."""

_WAITING = """
    SELECT post.original_message_id, delivery.recipient FROM delivery JOIN post ON post.id = delivery.post_id
    WHERE delivery.state IN ('due', 'sending', 'deferred', 'held')
"""
_FILED = "SELECT original_message_id FROM post"
_SET_ASIDE = "SELECT message.content, message.compressed FROM shunt JOIN message ON message.id = shunt.content_id"


def message_id_of(content: bytes) -> str:
    found = re.search(rb"(?im)^message-id:\s*(<[^>\r\n]*>)", content.partition(b"\r\n\r\n")[0] + b"\r\n")
    assert found, content[:500]
    return found[1].decode()


def pairs(taken: Sequence[Transaction]) -> list[Pair]:
    return [(message_id_of(one.content), one.recipient) for one in taken]


def waiting(database: Path) -> set[Pair]:
    """What is in the queue and not finished."""
    with closing(sqlite3.connect(database)) as connection:
        return set(connection.execute(_WAITING).fetchall())


def check(
    database: Path,
    *,
    acknowledged: Collection[str],
    sent: Collection[str],
    recipients: Collection[str],
    taken: Sequence[Transaction],
    kills: Sequence[int] = (),
    in_flight: int = 0,
) -> None:
    """Raises AssertionError.

    acknowledged, sent: Message-IDs for which the sender heard 250, and all that it tried. kills: how much the next hop
    had taken at each kill. in_flight: how many copies may be on their way at one moment.
    """
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        filed = Counter(message_id for (message_id,) in connection.execute(_FILED))
        aside = {message_id_of(bytes(raw)) for raw, compressed in connection.execute(_SET_ASIDE) if not compressed}
    delivered = pairs(taken)
    kept = set(delivered) | waiting(database) | {(one, recipient) for one in aside for recipient in recipients}
    owed = {(one, recipient) for one in acknowledged for recipient in recipients}
    assert owed <= kept, f"lost: {sorted(owed - kept)}"
    assert set(filed) <= set(sent)
    assert not [one for one, count in filed.items() if count > 1], "a post was taken twice"
    assert {one for one, _ in delivered} <= set(filed), "delivered, and unknown"
    last: dict[Pair, int] = {}
    again: Counter[int] = Counter()  # by the kill at which they were in flight
    for life, (start, end) in enumerate(pairwise((0, *kills, len(delivered)))):
        copies = Counter(delivered[start:end])
        assert not [pair for pair, count in copies.items() if count > 1], "twice without a kill between"
        again.update(last[pair] for pair in copies if pair in last)
        last |= dict.fromkeys(copies, life)
    assert not [life for life, count in again.items() if count > in_flight], f"more came again than were sent: {again}"
    bodies = {(pair, one.content.partition(b"\r\n\r\n")[2]) for pair, one in zip(delivered, taken, strict=True)}
    assert len(bodies) == len(set(delivered)), "a second copy differs"
