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
from handlers.peer.link_time import (
    DORMANT_AFTER,
    OFFER_AFTER,
    STALE_AFTER,
    back_off,
    resend_after,
    with_gaps_noticed,
)
from handlers.peer.offer import MOST_OFFERED, next_want, to_be_wanted, write_offer, write_want
from handlers.peer.relay import give_up
from handlers.peer.relay_mail import PostMail
from handlers.peer.status import status_sent, write_status
from handlers.peer.store import Action, Event, Link, LinkState, Offered, OutboxRow, Own, RelayStore, RowState, Telling

WINDOW = 200
"""Posts handed over and not acknowledged."""
LARGEST_PUSHED = 256 * 1024
"""Bytes: what is larger is announced first."""
MOST_WAITING = 10_000
MOST_PER_HOUR, MOST_WANTED_PER_HOUR = 120, 600  # spec/federation.md §2.10
_KEPT_DONE = timedelta(days=7)
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One mail for a peer, and what it was before, should it not get there."""

    peer: str
    address: str
    mail: PostMail | ControlMail
    rows: tuple[OutboxRow, ...] = ()
    wanted: tuple[Offered, ...] = ()
    days: tuple[str, ...] = ()


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


def put_off(store: RelayStore, not_sent: Sequence[Outgoing], now: datetime) -> None:
    """Its mail server did not take these mails of one peer. They wait, longer each time."""
    link = store.link(not_sent[0].peer) if not_sent else None
    if link is None:
        return
    again = now + back_off(link.failures + 1)
    days = tuple(day for outgoing in not_sent for day in outgoing.days)
    owes_status = any(not outgoing.rows and not outgoing.wanted and not outgoing.days for outgoing in not_sent)
    link = replace(
        link,
        failures=link.failures + 1,
        resume_at=max(again, link.resume_at or again),
        due_at=again,
        days_wanted=(*link.days_wanted, *days),
        status_due=again if owes_status else link.status_due,
    )
    store.save_link(link)
    for outgoing in not_sent:
        for before in outgoing.rows:
            current = store.rows_in(before.peer, ((before.seq, before.seq),), 1)
            if current and current[0].key == before.key and current[0].state is not RowState.DONE:
                store.save_row(before)
        for offer in outgoing.wanted:
            if any(each.seq == offer.seq for each in store.offered(offer.peer)):
                store.save_offered(replace(offer, wanted_at=None))


def handed_over(store: RelayStore, peer: str) -> None:
    """Its mail server took a mail."""
    link = store.link(peer)
    if link and link.failures:
        store.save_link(replace(link, failures=0, resume_at=None))


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
        control = write_want(own, link, wanted, now)
        mails.append(replace(_control(own, link, control), wanted=tuple(wanted), days=link.days_wanted))
        for offer in wanted:
            store.save_offered(replace(offer, wanted_at=now))
        link = replace(link, days_wanted=())
    store.save_link(replace(link, due_at=_next_look(store, link, now)))
    return [*mails, *rows]


def _posts_and_offers(store: RelayStore, own: Own, link: Link, now: datetime) -> list[Outgoing]:
    rows = store.rows_due(link.peer, now, WINDOW + MOST_OFFERED)
    if not rows:
        return []
    on_their_way = store.count_rows(link.peer, RowState.HANDED)
    hour_at, in_hour = link.hour_at, link.hour_sent
    if hour_at is None or now >= hour_at + _HOUR:
        hour_at, in_hour = now, 0
    mails: list[Outgoing] = []
    announced: list[OutboxRow] = []
    sent = link.sent
    for row in rows:
        if _is_to_be_announced(row, now):
            announced.append(row)
            continue
        room = WINDOW + (row.state is RowState.HANDED) - on_their_way
        if room <= 0 or in_hour >= (MOST_WANTED_PER_HOUR if row.state is RowState.WANTED else MOST_PER_HOUR):
            continue
        mail = _post_mail(store, own, link, row)
        if mail is None:
            give_up(store, row, now)
            continue
        on_their_way += row.state is not RowState.HANDED
        in_hour += 1
        tries = row.tries + 1
        store.save_row(replace(row, state=RowState.HANDED, tries=tries, due_at=now + resend_after(tries)))
        sent = max(sent, row.seq)
        mails.append(Outgoing(link.peer, link.address, mail, rows=(row,)))
    announced = announced[:MOST_OFFERED]
    for row in announced:
        tries = row.tries + 1
        store.save_row(replace(row, state=RowState.OFFERED, tries=tries, due_at=now + resend_after(tries)))
        sent = max(sent, row.seq)
    current = store.link(link.peer) or link
    current = replace(current, sent=max(sent, current.sent), hour_at=hour_at, hour_sent=in_hour)
    store.save_link(current)
    if announced:
        control = _control(own, current, write_offer(own, current, announced, now))
        mails.insert(0, replace(control, rows=tuple(announced)))
    return mails


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
