"""What waited long, or is large, is announced; the receiver asks for what it has not got (spec/federation.md §2.9).

So a server that comes back after a week gets some short mails from its peers, not each post from each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from handlers.peer.control import Control, Unreadable
from handlers.peer.ledger import MOST_DAYS, entitled, is_closed, read_day, shared_spaces
from handlers.peer.link_account import done_with
from handlers.peer.link_time import looked_at, not_far_ahead, owing_status, with_gaps_noticed
from handlers.peer.ranges import Ranges, holds, of_numbers, read_ranges, written_ranges
from handlers.peer.relay import queue_for
from handlers.peer.seal import Kind, PostKey
from handlers.peer.store import Link, Offered, OutboxRow, Own, RelayStore, RowState
from handlers.peer.value import moment_text, read_domain, read_moment, read_number

MOST_OFFERED = 500
"""Posts in one mail."""
WANTED_AT_ONCE = 100
"""Posts that we have asked a peer for and that are on their way."""
WANTED_WITHIN = timedelta(minutes=20)
"""Then the offer counts no more: somebody else may have it, and whoever means it offers it again."""
_MOST_WAITING = 10_000  # that a peer may announce


@dataclass(frozen=True, slots=True)
class Want:
    time: datetime
    seqs: Ranges
    have: Ranges
    days: tuple[tuple[str, date], ...]


def write_offer(own: Own, link: Link, rows: Sequence[OutboxRow], now: datetime) -> Control:
    lines = (f"{row.seq}|{row.key.origin}|{row.key.post}|{row.key.rev}|{row.size}" for row in rows)
    return Control(
        (
            *_beginning("offer", own, link, now),
            ("epoch", link.epoch),
            *(("post", line) for line in lines),
        )
    )


def write_want(own: Own, link: Link, wanted: Sequence[Offered], now: datetime) -> Control:
    """`have` says of everything what need not come: it acknowledges what was offered in vain."""
    return Control(
        (
            *_beginning("want", own, link, now),
            ("epoch", link.peer_epoch),
            ("want", written_ranges(of_numbers(each.seq for each in wanted))),
            ("have", written_ranges(link.processed)),
            *(("day", day) for day in link.days_wanted),
        )
    )


def read_offer(control: Control, peer: str) -> tuple[datetime, list[Offered]]:
    """Raises Unreadable."""
    lines = control.all("post")
    if len(lines) > MOST_OFFERED:
        raise Unreadable("one mail offers too many posts")
    return read_moment(control.first("time")), [_read_line(line, peer) for line in lines]


def read_want(control: Control) -> Want:
    """Raises Unreadable."""
    days = control.all("day")
    if len(days) > MOST_DAYS:
        raise Unreadable("one mail asks about too many days")
    return Want(
        time=read_moment(control.first("time")),
        seqs=read_ranges(control.get("want") or ""),
        have=read_ranges(control.get("have") or ""),
        days=tuple(read_day(day) for day in days),
    )


def apply_offer(store: RelayStore, link: Link, time: datetime, offers: Iterable[Offered], now: datetime) -> None:
    """What we have need not come; the rest is wanted as soon as the link is looked at."""
    known = {each.seq for each in store.offered(link.peer)}
    needless: list[int] = []
    for offer in offers:
        if holds(link.processed, offer.seq) or offer.seq in known:
            continue
        if is_known(store, offer.key):
            needless.append(offer.seq)
        elif len(known) < _MOST_WAITING:
            known.add(offer.seq)
            store.save_offered(offer)
    store.save_link(looked_at(replace(link, peer_offer=not_far_ahead(time, now)), now))
    done_with(store, link.peer, needless, now)
    fresh = store.link(link.peer)
    if fresh:
        store.save_link(with_gaps_noticed(store, owing_status(fresh, now), now))


def apply_want(store: RelayStore, own: Own, link: Link, want: Want, now: datetime) -> None:
    store.save_link(looked_at(replace(link, peer_want=not_far_ahead(want.time, now)), now))
    store.acknowledge(link.peer, want.have, now)
    for row in store.rows_in(link.peer, want.seqs, WANTED_AT_ONCE):
        if row.state is not RowState.DONE:
            store.save_row(replace(row, state=RowState.WANTED, due_at=now))
    shared = shared_spaces(store, own.domain, link.peer, now)
    for space, day in want.days:
        if space in shared and is_closed(day, now):
            _offer_day(store, link.peer, space, day, now)


def is_known(store: RelayStore, key: PostKey) -> bool:
    """Have we this form of the post, or a later one?"""
    return any(form.key.rev >= key.rev or form.kind is Kind.RETRACT for form in store.forms(key))


def to_be_wanted(store: RelayStore, link: Link, now: datetime) -> list[Offered]:
    """The next ones to ask this peer for, unless another one has just been asked."""
    in_vain = [each for each in store.offered(link.peer) if each.wanted_at and not _is_asked(each, now)]
    if in_vain:
        store.drop_offered(link.peer, [each.seq for each in in_vain])
    offers = store.offered(link.peer)
    on_their_way = sum(1 for each in offers if _is_asked(each, now))
    if on_their_way > WANTED_AT_ONCE // 2:
        return []
    wanted: list[Offered] = []
    for offer in offers:
        if len(wanted) + on_their_way >= WANTED_AT_ONCE:
            break
        if not any(_is_asked(each, now) for each in store.offers_of(offer.key)):
            wanted.append(offer)
    return wanted


def next_want(store: RelayStore, peer: str, now: datetime) -> datetime | None:
    """When to think again about what this peer has offered."""
    offers = store.offered(peer)
    asked = [each.wanted_at for each in offers if each.wanted_at and _is_asked(each, now)]
    return (min(asked, default=now) + WANTED_WITHIN) if offers else None


def _is_asked(offer: Offered, now: datetime) -> bool:
    return offer.wanted_at is not None and now < offer.wanted_at + WANTED_WITHIN


def _offer_day(store: RelayStore, peer: str, space: str, day: date, now: datetime) -> None:
    """Everything of the day that the peer may have waits for it, to be announced."""
    for seen in sorted(entitled(store, space, day, peer), key=lambda seen: (seen.date, seen.key)):
        link = store.link(peer)
        if link is None or store.post(seen.key) is None:
            continue
        row = store.row_for(peer, seen.key) or queue_for(store, link, seen.key, seen.size, now)
        if row.state is not RowState.WANTED:
            store.save_row(replace(row, state=RowState.OFFERED, due_at=now))


def _beginning(kind: str, own: Own, link: Link, now: datetime) -> tuple[tuple[str, str], ...]:
    return ("v", "1"), ("type", kind), ("from", own.domain), ("to", link.peer), ("time", moment_text(now))


def _read_line(line: str, peer: str) -> Offered:
    parts = line.split("|")
    if len(parts) != 5:
        raise Unreadable("a post that is offered has five values")
    seq, origin, post, rev, size = parts
    read_number(size)
    number = read_number(seq)
    if number < 1 or not 1 <= len(post) <= 26:
        raise Unreadable("a post that is offered has no proper name or number")
    return Offered(peer, number, PostKey(read_domain(origin), post, read_number(rev)))
