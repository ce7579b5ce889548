"""A post that comes over a link, or begins here: judged once, delivered once, passed on once (spec/federation.md §2.5).

The checks stand in the order of the page, so that nobody without the right key can put anything into our memory. All
of it happens in the transaction of the caller: what is acknowledged has been delivered, and waits for all others.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from handlers.peer.audience import Compromised, Refusal, Waits, check_audience, check_seal, may_have, roster_of
from handlers.peer.hop import hops_of
from handlers.peer.limits import DAY, POSTS_OF_AUTHOR, post_waits_until, with_post
from handlers.peer.link_account import done_with, heard, is_from_peer
from handlers.peer.link_time import STATUS_WITHIN, looked_at, owing_status
from handlers.peer.ranges import highest, holds, joined, of_numbers
from handlers.peer.relay_mail import VERSION, PostMail
from handlers.peer.roster import Roster
from handlers.peer.seal import Kind, PostKey, Seal, SealedPost
from handlers.peer.store import (
    Action,
    Event,
    Link,
    LinkState,
    OutboxRow,
    Own,
    Refused,
    RelayStore,
    RosterWanted,
    RowState,
    Seen,
    Telling,
    Way,
)

MOST_HOPS = 64
MOST_NOTICES = 3
"""Edits of one post about which members get mail."""
_MOST_REFUSED = 64
_MOST_REPEATS = 3
_FURTHEST = 50_000
"""No honest peer's number is so much higher than all before."""
_MOST_PIECES = 500
"""Ranges of numbers in one account; an honest peer never comes near."""


class _WroteEnough(Exception):
    """Its author's posts of a day are all here."""


class Taken(StrEnum):
    """What became of a mail. DROPPED and HELD are not acknowledged; everything else is, by the next status."""

    ACCEPTED = "accepted"
    APPLIED = "applied"  # a control mail
    KNOWN = "known"
    REFUSED = "refused"
    QUARANTINED = "quarantined"
    HELD = "held"  # until its roster is known, or there is room again; the peer sends it again
    DROPPED = "dropped"  # in silence


@dataclass(frozen=True, slots=True)
class Outcome:
    taken: Taken
    why: str = ""
    actions: tuple[Action, ...] = ()


def received_post(
    store: RelayStore, own: Own, mail: PostMail, *, token: str, now: datetime, aligned: bool = True
) -> Outcome:
    """A relayed post, edit or retraction that came to the mailbox of this token. `aligned`: did its DKIM verify?"""
    link = store.link_of_token(token)
    if link is None or not is_from_peer(link, own, mail.hop, link.peer_epoch, now):
        return Outcome(Taken.DROPPED, "it is not signed for us by the peer of this mailbox")
    link, told = heard(link, now, aligned=aligned)
    seq = mail.hop.hop.seq
    until = full_until(store, link, mail.post.seal, now)
    if until is not None and not holds(link.processed, seq):
        store.save_link(owing_status(replace(link, pause_until=until), now))
        return Outcome(Taken.HELD, "so many have come by this link that the rest waits", told)
    link = replace(
        link, taken=with_post(link.taken, now, wanted=_is_wanted(store, link, mail.post.seal), receives=True)
    )
    if holds(link.processed, seq):
        store.save_link(owing_status(link, now + STATUS_WITHIN))
        return Outcome(Taken.KNOWN, "it came by this link before", told)
    if not 1 <= seq <= max(highest(link.processed), link.peer_sent) + _FURTHEST or len(link.processed) > _MOST_PIECES:
        return Outcome(Taken.DROPPED, "its number makes no sense")
    store.save_link(link)
    try:
        outcome = _judged(store, own, link.peer, mail, now)
    except Refusal as refusal:
        outcome = _refused(store, link, mail, str(refusal))
    except Compromised:
        outcome = _set_aside(store, link.peer, mail, Event.COMPROMISED, now)
    except _WroteEnough:
        return Outcome(Taken.HELD, "its author has written enough for a day", told)
    except Waits:
        seal = mail.post.seal
        return Outcome(
            Taken.HELD, "we do not know its roster yet", (*told, RosterWanted(link.peer, seal.space, seal.roster))
        )
    done_with(store, link.peer, [seq], now)
    return replace(outcome, actions=(*told, *outcome.actions))


def full_until(store: RelayStore, link: Link, seal: Seal, now: datetime) -> datetime | None:
    """When there is room again for mails like this one; None: now."""
    wanted = _is_wanted(store, link, seal)
    return post_waits_until(link.taken, link.allowance, now, wanted=wanted, receives=True)


def wrote_enough(store: RelayStore, seal: Seal, now: datetime) -> bool:
    """Has the author of this post written as many in a day as anybody may? What was under way for long counts where
    it was written, and what was written long ago where it came, so that nobody waits for more than a day."""
    is_new_post = seal.kind is Kind.POST and seal.key.rev == 1
    return is_new_post and store.count_of_author(seal, since=now - DAY) >= POSTS_OF_AUTHOR


def _is_wanted(store: RelayStore, link: Link, seal: Seal) -> bool:
    return seal.kind is Kind.RETRACT or any(
        offer.peer == link.peer and offer.wanted_at for offer in store.offers_of(seal.key)
    )


def publish(store: RelayStore, own: Own, post: SealedPost, now: datetime) -> None:
    """A sealed post, edit or retraction of our own goes out on all links. Our members have it already.

    Raises LookupError where it is sealed for a roster that we do not know.
    """
    roster = store.roster(post.seal.space, post.seal.roster)
    if roster is None:
        raise LookupError(f"there is no roster {post.seal.roster} of {post.seal.space}")
    store.remember(_seen(post, "", now), post)
    _replace_earlier(store, post, now)
    _pass_on(store, post, roster, now, but={own.domain})


def give_up(store: RelayStore, row: OutboxRow, now: datetime) -> None:
    """It will not be sent any more, and the peer is told not to wait for its number."""
    store.save_row(replace(row, state=RowState.DONE, done_at=now))
    link = store.link(row.peer)
    if link:
        link = replace(link, skips=joined(link.skips, of_numbers([row.seq])), sent=max(link.sent, row.seq))
        store.save_link(owing_status(link, now + STATUS_WITHIN))


def _judged(store: RelayStore, own: Own, sender: str, mail: PostMail, now: datetime) -> Outcome:
    """Lines 5 to 15. Raises Refusal, Compromised, Waits, _WroteEnough."""
    post, seal = mail.post, mail.post.seal
    if mail.version != VERSION or mail.critical or seal.kind is Kind.PRIVATE:
        raise Refusal("VERSION")
    roster = roster_of(store, seal)
    check_audience(store, roster, seal, own=own.domain, sender=sender, now=now)
    check_seal(store, roster, post, now)
    if hops_of(mail.hop.hop.path) > MOST_HOPS:
        store.quarantine(mail, "it came by too many servers", now)
        return Outcome(Taken.QUARANTINED, "it came by too many servers")
    seen = store.seen(seal.key)
    if seen:
        _no_offer_waits_for(store, seal.key, now)
        if seen.digest != post.digest:
            return _set_aside(store, sender, mail, Event.EQUIVOCATION, now)
        return _known(store, sender, seal.key, now)
    if wrote_enough(store, seal, now):
        raise _WroteEnough
    accept(store, own, mail, roster, now, sender=sender)
    _no_offer_waits_for(store, seal.key, now)
    return Outcome(Taken.ACCEPTED)


def accept(store: RelayStore, own: Own, mail: PostMail, roster: Roster, now: datetime, *, sender: str) -> None:
    """Lines 12 to 15, for what has been judged."""
    post, seal = mail.post, mail.post.seal
    forms = store.forms(seal.key)
    if any(form.kind is Kind.RETRACT or form.key.rev > seal.key.rev for form in forms):
        store.remember(_seen(post, mail.hop.hop.path, now), None)  # a later form has been delivered and passed on
        return
    store.remember(_seen(post, mail.hop.hop.path, now), post)
    _replace_earlier(store, post, now)
    if seal.kind is not Kind.RETRACT and not (seal.twin and store.has_twin(seal.space, seal.twin)):
        store.deliver(post, _way(own, post, is_known=bool(forms)), now)
    # Who has offered it to us has it. That is the peer's own signed word, not a path's.
    _pass_on(store, post, roster, now, but={sender, *(offer.peer for offer in store.offers_of(seal.key))})


def _way(own: Own, post: SealedPost, *, is_known: bool) -> Way:
    """An edit is news to nobody but those who did not get the post, or where its author wants them to know."""
    seal = post.seal
    if is_known and not (seal.notify and seal.key.rev <= 1 + MOST_NOTICES):
        return Way.ARCHIVE
    return Way.MAY_REPEAT if own.restored_at and seal.date <= own.restored_at else Way.EACH


def _replace_earlier(store: RelayStore, post: SealedPost, now: datetime) -> None:
    """Forms below this one are sent to nobody any more. What an edit leaves in the archive, `deliver` replaces."""
    key = post.key
    if key.rev == 1:
        return
    for row in store.rows_of(key.origin, key.post):
        if row.key.rev < key.rev:
            give_up(store, row, now)
    store.erase(key, now)


def _pass_on(store: RelayStore, post: SealedPost, roster: Roster, now: datetime, *, but: Collection[str]) -> None:
    for link in store.links():
        if link.peer in but or link.state is not LinkState.ACTIVE:
            continue
        if may_have(store, roster, post.seal, link.peer, now):
            queue_for(store, link, post.key, post.size, now)


def queue_for(store: RelayStore, link: Link, key: PostKey, size: int, now: datetime) -> OutboxRow:
    """The post has the link's next number. The record of the link that the caller holds is outdated by it."""
    row = OutboxRow(link.peer, link.next_seq, key, size, created_at=now, due_at=now)
    store.add_row(row)
    store.save_link(looked_at(replace(link, next_seq=link.next_seq + 1), now))
    return row


def _refused(store: RelayStore, link: Link, mail: PostMail, reason: str) -> Outcome:
    refused = (*link.refused, Refused(mail.hop.hop.seq, reason))[-_MOST_REFUSED:]
    store.save_link(replace(link, refused=refused))
    is_forged = reason == "BADSEAL" and mail.post.seal.kind in (Kind.EDIT, Kind.RETRACT)
    told = (Telling(Event.FORGED, link.peer, key=mail.post.key),) if is_forged else ()
    return Outcome(Taken.REFUSED, reason, told)


def _set_aside(store: RelayStore, sender: str, mail: PostMail, event: Event, now: datetime) -> Outcome:
    store.quarantine(mail, event, now)
    return Outcome(Taken.QUARANTINED, event, (Telling(event, sender, key=mail.post.key),))


def _known(store: RelayStore, sender: str, key: PostKey, now: datetime) -> Outcome:
    if store.count_repeat(sender, key, now) <= _MOST_REPEATS:
        return Outcome(Taken.KNOWN, "another server was quicker")
    link = store.link(sender)
    if link:
        store.save_link(replace(link, state=LinkState.SUSPENDED))
    return Outcome(Taken.KNOWN, "it comes again and again", (Telling(Event.REPEATS, sender, key=key),))


def _no_offer_waits_for(store: RelayStore, key: PostKey, now: datetime) -> None:
    """What other peers have offered need not be transferred."""
    for offer in store.offers_of(key):
        store.drop_offered(offer.peer, [offer.seq])
        done_with(store, offer.peer, [offer.seq], now)


def _seen(post: SealedPost, path: str, now: datetime) -> Seen:
    seal = post.seal
    return Seen(seal.key, post.digest, seal.kind, seal.space, seal.roster, seal.date, path, now, post.size, seal.author)
