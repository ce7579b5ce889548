"""Who may have a post: the servers of the roster that its seal names, and with which keys they seal.

spec/federation.md §2.5 lines 6 to 9, §2.6 "Posts are bound to a roster".
"""

from __future__ import annotations

from datetime import datetime, timedelta

from handlers.peer.roster import MEBIBYTE, Roster
from handlers.peer.seal import Kind, Scope, Seal, SealedPost, seal_is_good
from handlers.peer.store import RelayStore

AHEAD = timedelta(hours=24)
BEHIND = timedelta(days=45)


class Refusal(Exception):
    """`args[0]` is the reason that the next status names."""


class Waits(Exception):
    """The roster of the post is not known here yet."""


class Compromised(Exception):
    """Its key was in other hands by its date."""


def roster_of(store: RelayStore, seal: Seal) -> Roster:
    """Raises Waits."""
    roster = store.roster(seal.space, seal.roster)
    if roster is None:
        raise Waits
    return roster


def may_have(store: RelayStore, roster: Roster, seal: Seal, domain: str, now: datetime) -> bool:
    """Was the server in when it was written, and is it in now?"""
    return bool(roster.entry(domain, seal.date)) and is_in(store, seal.space, domain, now)


def is_in(store: RelayStore, space: str, domain: str, now: datetime) -> bool:
    """Is it in the newest roster? Who says that it leaves has left, whatever the roster says (spec §2.2)."""
    current = store.roster(space)
    return bool(current and current.entry(domain, now)) and not store.has_left(space, domain)


def check_audience(store: RelayStore, roster: Roster, seal: Seal, *, own: str, sender: str, now: datetime) -> None:
    """Raises Refusal unless origin, sender and we are in its roster, and the origin and we still are."""
    if seal.scope is not Scope.SPACE or not may_have(store, roster, seal, own, now):
        raise Refusal("ROSTER")
    if roster.entry(sender, seal.date) is None or roster.entry(seal.key.origin, seal.date) is None:
        raise Refusal("ROSTER")
    if seal.kind is not Kind.RETRACT and not may_have(store, roster, seal, seal.key.origin, now):
        raise Refusal("ROSTER")


def check_seal(store: RelayStore, roster: Roster, post: SealedPost, now: datetime) -> None:
    """Raises Refusal, or Compromised for a good seal of a key that was in other hands."""
    seal = post.seal
    entry = roster.entry(seal.key.origin, seal.date)
    known = {key.id: key for key in store.rotated_keys(seal.key.origin)}
    rotated = known.get(post.key_id)
    if rotated:
        public = rotated.public
    elif entry and entry.key_id == post.key_id:
        public = entry.key
    else:
        raise Refusal("BADSEAL")
    if not seal_is_good(post, public) or (rotated and rotated.until and seal.date > rotated.until):
        raise Refusal("BADSEAL")
    if rotated and rotated.compromised_since and seal.date >= rotated.compromised_since:
        raise Compromised
    if not now - BEHIND <= seal.date <= now + AHEAD:
        raise Refusal("DATE")
    if post.size > roster.rules.max_post * 3 // 2 + MEBIBYTE:  # base64 makes 4 of 3
        raise Refusal("SIZE")
