"""Mail between two servers of a space that need no link: private mail, and retractions for those who have left.

One hop, never passed round. It is signed with a key from the roster that its seal names, and has a random number that
is remembered (spec/federation.md §2.6, §2.7).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from handlers.peer.audience import Compromised, Refusal, Waits, check_seal, is_in, roster_of
from handlers.peer.hop import DIRECT, Hop, SignedHop, hop_is_good, signed_hop
from handlers.peer.limits import DAY, POSTS_OF_AUTHOR
from handlers.peer.relay import Outcome, Taken, accept
from handlers.peer.relay_mail import VERSION, PostMail
from handlers.peer.roster import Entry, Roster
from handlers.peer.seal import Kind, Seal, SealedPost
from handlers.peer.store import Own, RelayStore, RosterWanted


class DirectStore(RelayStore, Protocol):
    """What direct mail needs beside."""

    def remember_direct(self, sender: str, seq: int, now: datetime, *, author: str = "") -> bool:
        """False when this number came from this server before. Kept for 45 days. author: of a private mail."""

    def count_private(self, sender: str, author: str, *, since: datetime) -> int:
        """Private mails of this author that came from there since that moment."""

    def deliver_private(self, post: SealedPost, now: datetime) -> None:
        """To the member whose token in the space is `post.seal.to_author`, unless she has blocked its author."""


@dataclass(frozen=True, slots=True)
class DirectMail:
    address: str
    mail: PostMail


def direct_mail(own: Own, post: SealedPost, entry: Entry, seq: int) -> DirectMail:
    """Straight to the server. `seq`: 128 random bits, not 0."""
    hop = Hop(own.domain, entry.domain, DIRECT, seq, post.digest, own.domain)
    return DirectMail(entry.relay, PostMail(post, signed_hop(hop, own.key)))


def out_of_reach(store: RelayStore, own: Own, seal: Seal, before: Seal, now: datetime) -> list[Entry]:
    """To whom a retraction goes directly: who had the post and is in the space no more; all, where we are not.

    `before`: the seal of the post.
    """
    roster = store.roster(seal.space, seal.roster)
    if roster is None:
        return []
    we_are_in = is_in(store, seal.space, own.domain, now)
    first = {entry.domain: entry for entry in reversed(roster.active(before.date)) if entry.domain != own.domain}
    return [
        entry for domain, entry in sorted(first.items()) if not (we_are_in and is_in(store, seal.space, domain, now))
    ]


def received_direct(store: DirectStore, own: Own, mail: PostMail, now: datetime) -> Outcome:
    """One that came to the address that stands in the roster. HELD is worth trying again: the roster may come."""
    seal, hop = mail.post.seal, mail.hop.hop
    is_for_us = (hop.to, hop.epoch, seal.key.origin) == (own.domain, DIRECT, hop.sender)
    if not is_for_us or seal.kind not in (Kind.PRIVATE, Kind.RETRACT) or mail.version != VERSION or mail.critical:
        return Outcome(Taken.DROPPED, "it is no direct mail for us")
    try:
        roster = roster_of(store, seal)
    except Waits:
        wanted = (RosterWanted(hop.sender, seal.space, seal.roster),) if store.link(hop.sender) else ()
        return Outcome(Taken.HELD, "we do not know its roster yet", wanted)
    if not is_from_roster(store, roster, seal.date, mail.hop, now) or roster.entry(own.domain, seal.date) is None:
        return Outcome(Taken.DROPPED, "it is not signed for us by a server of the space")
    try:
        check_seal(store, roster, mail.post, now)
        if seal.kind is Kind.PRIVATE:
            _check_still_in(store, own, seal, now)
    except Refusal as refusal:
        return Outcome(Taken.REFUSED, str(refusal))
    except Compromised:
        store.quarantine(mail, "its key is in other hands", now)
        return Outcome(Taken.QUARANTINED, "its key is in other hands")
    if not store.remember_direct(hop.sender, hop.seq, now, author=seal.author if seal.kind is Kind.PRIVATE else ""):
        return Outcome(Taken.KNOWN, "it came before")
    if seal.kind is Kind.PRIVATE:
        store.deliver_private(mail.post, now)
    elif store.seen(seal.key):
        return Outcome(Taken.KNOWN, "another server was quicker")
    else:
        accept(store, own, mail, roster, now, sender=hop.sender)
    return Outcome(Taken.ACCEPTED)


def writes_too_much(store: DirectStore, seal: Seal, sender: str, now: datetime) -> bool:
    """Has the author of this private mail written as many in a day as anybody may? Then its server tries later."""
    since = now - DAY
    return seal.kind is Kind.PRIVATE and store.count_private(sender, seal.author, since=since) >= POSTS_OF_AUTHOR


def is_from_roster(store: RelayStore, roster: Roster, date: datetime, signed: SignedHop, now: datetime) -> bool:
    """Did a server sign the hop that was in this roster at that date?"""
    domain = signed.hop.sender
    entry = roster.entry(domain, date)
    if entry is None:
        return False
    rotated = [
        key.public
        for key in store.rotated_keys(domain)
        if key.compromised_since is None and (key.until is None or now <= key.until)
    ]
    return any(hop_is_good(signed, public) for public in rotated or [entry.key])


def _check_still_in(store: RelayStore, own: Own, seal: Seal, now: datetime) -> None:
    """Who has left a space writes to nobody there."""
    if not (is_in(store, seal.space, own.domain, now) and is_in(store, seal.space, seal.key.origin, now)):
        raise Refusal("ROSTER")
