"""A server begins to run, perhaps from a backup that knows less than its peers do (spec/federation.md §2.9, epochs)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from handlers.peer.link_time import owing_status
from handlers.peer.ranges import Ranges
from handlers.peer.store import RelayStore

_ALL = 1_000_000


def awake(store: RelayStore, now: datetime) -> None:
    """After a pause: every peer hears of us at once, and tells what waits for us."""
    for link in store.links():
        store.save_link(owing_status(link, now))


def restored(store: RelayStore, epochs: Mapping[str, str], now: datetime) -> None:
    """From a backup. `epochs`: 8 new random characters of base32 for each peer.

    What we have given out since then we do not know, so our numbers begin anew; what peers gave us since then counts
    for them as unsent as soon as they read our account.
    """
    for link in store.links():
        next_seq = store.renumber(link.peer)
        everything: Ranges = ((1, next_seq),)
        for row in store.rows_in(link.peer, everything, _ALL):
            store.save_row(replace(row, due_at=now))
        fresh = replace(
            link,
            epoch=epochs[link.peer],
            is_epoch_known=False,
            next_seq=next_seq,
            sent=0,
            skips=(),
            status_at=None,
            status_due=now,
            offered_at=None,
            due_at=now,
        )
        store.save_link(fresh)
