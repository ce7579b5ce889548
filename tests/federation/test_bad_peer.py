"""Spoilt mails of peers: dropped, refused, set aside; never an exception, nor a post that its origin did not seal."""

from __future__ import annotations

from handlers.peer.relay import Taken
from tests.federation.bad_peer import tried


def test_two_thousand_spoilt_mails() -> None:
    outcomes = tried(1, 2000)
    assert sum(outcomes.values()) == 2000
    assert outcomes["unreadable"] > 200
    for taken in (Taken.ACCEPTED, Taken.APPLIED, Taken.DROPPED, Taken.REFUSED, Taken.KNOWN, Taken.HELD):
        assert outcomes[taken] > 0, outcomes
