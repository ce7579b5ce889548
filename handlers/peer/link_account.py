"""What every mail over a link has in common: whose it is, that it was heard, and that its number is done with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from handlers.peer.hop import SignedHop, hop_is_good
from handlers.peer.link_time import STATUS_WITHIN, owing_status, with_gaps_noticed
from handlers.peer.ranges import with_number
from handlers.peer.store import Action, Event, KnownKey, Link, LinkState, Own, RelayStore, Telling

_WARN_UNALIGNED = 3


def is_from_peer(link: Link, own: Own, signed: SignedHop, epoch: str, now: datetime) -> bool:
    """Did this peer sign the hop, for us, in this epoch of its own? Nothing counts on a suspended link."""
    hop = signed.hop
    if link.state is LinkState.SUSPENDED or (hop.sender, hop.to, hop.epoch) != (link.peer, own.domain, epoch):
        return False
    return any(_may_sign(key, now) and hop_is_good(signed, key.public) for key in link.keys if key.id == signed.key_id)


def heard(link: Link, now: datetime, *, aligned: bool) -> tuple[Link, tuple[Action, ...]]:
    """The peer is there. A signature of its domain that fails (DNS trouble) loses no mail, but is told about."""
    unaligned = 0 if aligned else link.unaligned + 1
    state = LinkState.ACTIVE if link.state is LinkState.DORMANT else link.state
    known = replace(link, heard_at=now, is_stale=False, state=state, unaligned=unaligned)
    if link.is_stale:
        known = owing_status(known, now + STATUS_WITHIN)
    return known, (Telling(Event.NOT_SIGNED, link.peer),) if unaligned == _WARN_UNALIGNED else ()


def done_with(store: RelayStore, peer: str, seqs: Iterable[int], now: datetime) -> None:
    """These mails of the peer need not come again; the next status says so."""
    link = store.link(peer)
    if link is None:
        return
    processed = link.processed
    for seq in seqs:
        processed = with_number(processed, seq)
    link = replace(link, processed=processed)
    store.save_link(with_gaps_noticed(store, owing_status(link, now + STATUS_WITHIN), now))


def _may_sign(key: KnownKey, now: datetime) -> bool:
    return key.compromised_since is None and (key.until is None or now <= key.until)
