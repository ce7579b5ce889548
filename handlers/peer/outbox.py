"""What goes out over the links, and when: posts by number, offers, wants and statuses (spec/federation.md §2.9).

Whatever is given out counts as handed over at once. A crash before it is really sent does no harm: what is not
acknowledged in an hour goes out again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from handlers.peer.control import Control
from handlers.peer.control_mail import ControlMail, control_digest
from handlers.peer.hop import Hop, longer_path, signed_hop
from handlers.peer.limits import post_waits_until, with_post
from handlers.peer.link_time import (
    DORMANT_AFTER,
    OFFER_AFTER,
    RESEND_AFTER,
    STALE_AFTER,
    is_away,
    resend_after,
    with_gaps_noticed,
)
from handlers.peer.offer import MOST_OFFERED, next_want, to_be_wanted, write_offer, write_want
from handlers.peer.relay import give_up
from handlers.peer.relay_mail import PostMail
from handlers.peer.seal import Kind
from handlers.peer.status import status_sent, write_status
from handlers.peer.store import Action, Event, Link, LinkState, OutboxRow, Own, RelayStore, RowState, Telling

WINDOW = 200
"""Posts handed over and not acknowledged."""
LARGEST_PUSHED = 256 * 1024
"""Bytes: what is larger is announced first."""
MOST_WAITING = 10_000
_KEPT_DONE = timedelta(days=7)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One mail for a peer. Our mail server tries for less than an hour; what does not get there comes again."""

    peer: str
    address: str
    mail: PostMail | ControlMail


@dataclass(frozen=True, slots=True)
class Due:
    mails: tuple[Outgoing, ...]
    actions: tuple[Action, ...]


def due(store: RelayStore, own: Own, now: datetime) -> Due:
    """What is to be sent now, in this order for each peer; then it counts as sent."""
    mails: list[Outgoing] = []
    actions: list[Action] = []
    for link in store.due_links(now):
        actions += _noticed(store, link, now)
        mails += _link_mails(store, own, link.peer, now)
    return Due(tuple(mails), tuple(actions))


def _noticed(store: RelayStore, link: Link, now: datetime) -> list[Action]:
    """Silence, and posts that have waited too long or are too many."""
    actions: list[Action] = []
    silent = now - link.heard_at
    created_before, most = now - DORMANT_AFTER, MOST_WAITING
    if silent >= DORMANT_AFTER and link.state is LinkState.ACTIVE:
        actions.append(Telling(Event.DORMANT, link.peer))
        store.save_link(replace(link, state=LinkState.DORMANT))
        most = 0
    elif silent >= STALE_AFTER and not link.is_stale:
        actions.append(Telling(Event.STALE, link.peer))
        store.save_link(replace(link, is_stale=True))
    given_up = store.oldest_rows(link.peer, created_before=created_before, beyond=most)
    for row in given_up:
        give_up(store, row, now)
    if given_up:
        actions.append(Telling(Event.SKIPPED, link.peer, f"{len(given_up)} posts"))
    return actions


def _link_mails(store: RelayStore, own: Own, peer: str, now: datetime) -> list[Outgoing]:
    link = store.link(peer)
    if link is None:
        return []
    if link.resume_at and link.resume_at > now:
        store.save_link(replace(link, due_at=link.resume_at))
        return []
    mails: list[Outgoing] = []
    rows = _posts_and_offers(store, own, link, now)
    link = store.link(peer) or link
    if link.status_due is None or link.status_due <= now:
        store.prune_rows(peer, now - _KEPT_DONE)
        mails.append(_control(own, link, write_status(store, own, link, now)))
        link = status_sent(link, now)
    wanted = to_be_wanted(store, link, now)
    link = with_gaps_noticed(store, link, now)
    if wanted or link.days_wanted:
        mails.append(_control(own, link, write_want(own, link, wanted, now)))
        for offer in wanted:
            store.save_offered(replace(offer, wanted_at=now))
        link = replace(link, days_wanted=())
    store.save_link(replace(link, due_at=_next_look(store, link, now)))
    return [*mails, *rows]


def _posts_and_offers(store: RelayStore, own: Own, link: Link, now: datetime) -> list[Outgoing]:
    rows = store.rows_due(link.peer, now, WINDOW + MOST_OFFERED)
    if not rows:
        return []
    if is_away(link):
        return _announced_again(store, own, link, rows, now)
    announced = [row for row in rows if _is_to_be_announced(row, now)]
    mails = _posts(store, own, link, [row for row in rows if not _is_to_be_announced(row, now)], now)
    return [*_announced(store, own, link, announced, now), *mails]


def _announced_again(
    store: RelayStore, own: Own, link: Link, rows: Sequence[OutboxRow], now: datetime
) -> list[Outgoing]:
    """A peer that has not said a word since we offered it something gets one mail an hour, whatever waits."""
    again = (link.offered_at or now) + RESEND_AFTER
    if now >= again:
        return _announced(store, own, link, rows, now)
    for row in rows:
        store.save_row(replace(row, due_at=again))
    return []


def _announced(store: RelayStore, own: Own, link: Link, rows: Sequence[OutboxRow], now: datetime) -> list[Outgoing]:
    rows = rows[:MOST_OFFERED]
    if not rows:
        return []
    for row in rows:
        tries = row.tries + 1
        store.save_row(replace(row, state=RowState.OFFERED, tries=tries, due_at=now + resend_after(tries)))
    current = store.link(link.peer) or link
    sent = max(rows[-1].seq, current.sent)
    current = replace(current, sent=sent, offered_at=now)
    store.save_link(current)
    return [_control(own, current, write_offer(own, current, rows, now))]


def _posts(store: RelayStore, own: Own, link: Link, rows: Sequence[OutboxRow], now: datetime) -> list[Outgoing]:
    on_their_way = store.count_rows(link.peer, RowState.HANDED)
    given = link.given
    mails: list[Outgoing] = []
    sent = link.sent
    for row in rows:
        is_new = row.state is not RowState.HANDED
        wanted = row.state is RowState.WANTED or _is_retraction(store, row)
        if on_their_way + is_new > WINDOW or post_waits_until(given, link.allowance, now, wanted=wanted):
            continue
        mail = _post_mail(store, own, link, row)
        if mail is None:
            give_up(store, row, now)
            continue
        on_their_way, tries = on_their_way + is_new, row.tries + 1
        given = with_post(given, now, wanted=wanted)
        store.save_row(replace(row, state=RowState.HANDED, tries=tries, due_at=now + resend_after(tries)))
        sent = max(sent, row.seq)
        mails.append(Outgoing(link.peer, link.address, mail))
    current = store.link(link.peer) or link
    store.save_link(replace(current, sent=max(sent, current.sent), given=given))
    return mails


def _is_retraction(store: RelayStore, row: OutboxRow) -> bool:
    seen = store.seen(row.key)
    return seen is not None and seen.kind is Kind.RETRACT


def _is_to_be_announced(row: OutboxRow, now: datetime) -> bool:
    if row.state is RowState.WANTED:
        return False
    is_old = now - row.created_at > OFFER_AFTER
    return row.state is RowState.OFFERED or row.size > LARGEST_PUSHED or is_old


def _post_mail(store: RelayStore, own: Own, link: Link, row: OutboxRow) -> PostMail | None:
    """None where its bytes are gone."""
    post, seen = store.post(row.key), store.seen(row.key)
    if post is None or seen is None:
        return None
    path = longer_path(seen.path, own.domain)
    hop = Hop(own.domain, link.peer, link.epoch, row.seq, post.digest, path)
    return PostMail(post, signed_hop(hop, own.key))


def _control(own: Own, link: Link, control: Control) -> Outgoing:
    hop = Hop(own.domain, link.peer, link.epoch, 0, control_digest(control), own.domain)
    return Outgoing(link.peer, link.address, ControlMail(control, signed_hop(hop, own.key)))


def _next_look(store: RelayStore, link: Link, now: datetime) -> datetime:
    """The first moment at which there can be something to do."""
    silence = link.heard_at + (DORMANT_AFTER if link.is_stale else STALE_AFTER)
    moments: Iterable[datetime | None] = (
        link.status_due,
        store.next_row_due(link.peer),
        next_want(store, link.peer, now),
        silence if link.state is LinkState.ACTIVE else None,
    )
    return max(min(moment for moment in moments if moment), now + _MINUTE)
