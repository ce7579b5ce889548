"""When a link must be looked at again: statuses that are owed, gaps that last, silence that is noticed.

spec/federation.md §2.9. All periods in which linked servers keep account stand here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from handlers.peer.ranges import Ranges, gaps, highest, less, of_numbers, without_gap
from handlers.peer.store import Link, RelayStore

STATUS_WITHIN = timedelta(minutes=15)  # after something came that is not acknowledged
STATUS_DAILY = timedelta(hours=20)  # so that one that is lost makes nobody think that we are away
STATUS_NEWS = timedelta(hours=1)  # while the peer does not know our epoch, or which posts it shall not wait for
STATUS_APART = timedelta(minutes=5)  # at most one in so long
GAP_LASTS = timedelta(minutes=10)
STALE_AFTER = timedelta(hours=48)
DORMANT_AFTER = timedelta(days=30)
RESEND_AFTER = timedelta(minutes=60)  # without an acknowledgement; then twice as long each time
RESEND_AT_MOST = timedelta(hours=24)
CLOCK_TOLERANCE = timedelta(hours=24)
OFFER_AFTER = timedelta(hours=2)  # what waited so long is announced instead of sent


def looked_at(link: Link, at: datetime) -> Link:
    """To be looked at then, if not sooner."""
    return link if link.due_at and link.due_at <= at else replace(link, due_at=at)


def owing_status(link: Link, at: datetime) -> Link:
    """A status is owed by then, though no sooner than the last one allows."""
    if link.status_at and at < link.status_at + STATUS_APART:
        at = link.status_at + STATUS_APART
    if link.status_due and link.status_due <= at:
        return link
    return replace(link, status_due=at, due_at=min(at, link.due_at or at))


def missing(store: RelayStore, link: Link) -> Ranges:
    """Numbers that should have arrived; what the peer has only offered is not missing."""
    last = max(highest(link.processed), link.peer_sent)
    if without_gap(link.processed) >= last:
        return ()
    return less(gaps(link.processed, last), of_numbers(each.seq for each in store.offered(link.peer)))


def with_gaps_noticed(store: RelayStore, link: Link, now: datetime) -> Link:
    if not missing(store, link):
        return replace(link, gap_since=None) if link.gap_since else link
    link = replace(link, gap_since=link.gap_since or now)
    return owing_status(link, gap_told_at(link) or now)


def gap_told_at(link: Link) -> datetime | None:
    """When the peer hears of what is missing: soon, and later again, but ever more rarely if it does not send it."""
    since, told = link.gap_since, link.status_at
    if since is None:
        return None
    first = since + GAP_LASTS
    return first if told is None or told < first else told + max(GAP_LASTS, (told - since) / 2)


def not_far_ahead(time: datetime, now: datetime) -> datetime:
    """What counts as the time of a peer's mail, so that a clock that was wrong once does no harm for ever."""
    return min(time, now + CLOCK_TOLERANCE)


def resend_after(tries: int) -> timedelta:
    """How long to wait for an acknowledgement of what was sent so many times."""
    return min(RESEND_AFTER * (1 << min(tries - 1, 10)), RESEND_AT_MOST)


def is_away(link: Link) -> bool:
    """Has it said nothing since we offered it something?"""
    return link.offered_at is not None and link.heard_at < link.offered_at
