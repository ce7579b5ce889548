"""A server comes back from a backup: what peers have to hear, and what it has to ask them (spec/federation.md §2.9)."""

from __future__ import annotations

import secrets as randomness
from datetime import datetime

from sqlmodel import Session

from handlers.facts import Host
from handlers.peer.code import new_token
from handlers.peer.ledger import shared_spaces
from handlers.peer.restart import restored
from handlers.peer.space import want_roster
from handlers.peer.store import LinkState
from organic_mail.peer_sending import ourselves, send_over
from organic_mail.relaying import own_server, relay_store
from storage import peers, spaces
from storage.community import the_community

_EPOCH_LETTERS = 8


def begin_anew(session: Session, host: Host, now: datetime) -> None:
    """After a backup was restored: what we gave out since then we do not know, so our numbers begin again."""
    community = the_community(session)
    if community is not None:
        community.restored_at = now
    store = relay_store(session, host)
    epochs = {link.peer: new_token(randomness.token_bytes(5), _EPOCH_LETTERS) for link in store.links()}
    restored(store, epochs, now)
    _ask_for_rosters(session, host, now)


def _ask_for_rosters(session: Session, host: Host, now: datetime) -> None:
    """A steward that has forgotten its last roster would give the number to another one, and freeze its space."""
    own, store = own_server(session, host), relay_store(session, host)
    if own is None:
        return
    us = ourselves(session, host, now).us
    for link in store.links():
        peer = peers.peer_at(session, link.peer)
        if peer is None or link.state is not LinkState.ACTIVE:
            continue
        for space_id in shared_spaces(store, own.domain, link.peer, now):
            space = spaces.space_by_id(session, space_id)
            if space is not None:
                want = want_roster(space_id, space.serial + 1, ours=us.domain, to=link.peer)
                send_over(session, host, us, peer, want, now)
