"""The account that linked servers give each other: what has come, what is missing (spec/federation.md §2.9).

A status is never answered by a status, and has no number: a later one takes the place of an earlier one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from handlers.peer.control import Control, Unreadable
from handlers.peer.ledger import MOST_DAYS, Ledger, is_closed, ledgers, read_ledger, shared_spaces, written_ledger
from handlers.peer.link_time import (
    STATUS_DAILY,
    STATUS_NEWS,
    gap_told_at,
    looked_at,
    missing,
    not_far_ahead,
    owing_status,
    resend_after,
    with_gaps_noticed,
)
from handlers.peer.ranges import Ranges, joined, less, read_ranges, without_gap, written_ranges
from handlers.peer.relay import give_up
from handlers.peer.store import Action, Asked, Event, Link, Own, Refused, RelayStore, RosterWanted, RowState, Telling
from handlers.peer.value import moment_text, read_list_id, read_moment, read_number

CAPABILITIES = "relay/1 retract/1 edit/1 private/1 offer/1 ledger/1"
ASK_AGAIN = timedelta(hours=24)
"""About a day that differs as it did when we asked."""
_MOST_RESENT = 100
_MOST_LINES = 100
"""Of a kind that are read in one status."""
_ON_ITS_WAY = timedelta(minutes=20)  # a mail that some server makes wait
_MOST_ASKED = 500
_FAST = timedelta(minutes=10)
_LONGEST_PAUSE = timedelta(hours=24)
_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Status:
    """What a peer says in one; numbers as in the block."""

    time: datetime
    epoch: str
    sent: int
    skip: Ranges
    peer_epoch: str
    processed: Ranges
    miss: Ranges
    refused: tuple[Refused, ...]
    pause: int  # seconds
    rosters: tuple[tuple[str, int], ...]  # space, serial
    ledgers: tuple[Ledger, ...]


def write_status(store: RelayStore, own: Own, link: Link, now: datetime) -> Control:
    got = without_gap(link.processed)
    above = less(link.processed, ((1, got),) if got else ())
    rosters = [(space, store.roster(space)) for space in shared_spaces(store, own.domain, link.peer, now)]
    return Control(
        (
            ("v", "1"),
            ("type", "status"),
            ("from", own.domain),
            ("to", link.peer),
            ("time", moment_text(now)),
            ("epoch", link.epoch),
            ("sent", str(link.sent)),
            ("skip", written_ranges(link.skips)),
            ("peer-epoch", link.peer_epoch),
            ("got", str(got)),
            ("have", written_ranges(above)),
            ("miss", written_ranges(missing(store, link))),
            *(("refused", f"{each.seq}={each.reason}") for each in link.refused),
            ("pause", str(_pause(link, now))),
            *(("roster", f"{space}={roster.serial}/{roster.digest}") for space, roster in rosters if roster),
            ("caps", CAPABILITIES),
            *(("ledger", written_ledger(each)) for each in ledgers(store, own.domain, link.peer, now)),
        )
    )


def _pause(link: Link, now: datetime) -> int:
    """Seconds. Who sends too much to our own mail server hears it from that one, sooner."""
    return max(0, int((link.pause_until - now).total_seconds())) if link.pause_until else 0


def status_sent(link: Link, now: datetime) -> Link:
    """The next one is owed in a day, or in an hour where the peer must learn something that it may not know yet."""
    is_news = bool(link.skips) or not link.is_epoch_known
    again = now + (STATUS_NEWS if is_news and not link.is_stale else STATUS_DAILY)
    link = replace(link, status_at=now)
    return replace(link, status_due=min(again, gap_told_at(link) or again))


def read_status(control: Control) -> Status:
    """Raises Unreadable."""
    got = read_number(control.first("got"))
    return Status(
        time=read_moment(control.first("time")),
        epoch=control.first("epoch"),
        sent=read_number(control.first("sent")),
        skip=read_ranges(control.get("skip") or ""),
        peer_epoch=control.first("peer-epoch"),
        processed=joined(((1, got),) if got else (), read_ranges(control.get("have") or "")),
        miss=read_ranges(control.get("miss") or ""),
        refused=tuple(_read_refused(text) for text in control.all("refused")[:_MOST_LINES]),
        pause=read_number(control.get("pause") or "0"),
        rosters=tuple(_read_roster(text) for text in control.all("roster")[:_MOST_LINES]),
        ledgers=tuple(read_ledger(text) for text in control.all("ledger")[:_MOST_LINES]),
    )


def apply_status(store: RelayStore, own: Own, link: Link, status: Status, now: datetime) -> tuple[Action, ...]:
    """What the peer has is done with; what it misses goes out again; what it lost in a restart counts as unsent."""
    actions: list[Action] = []
    if status.time > now + _FAST:
        actions.append(Telling(Event.CLOCK, link.peer, f"{int((status.time - now).total_seconds() // 60)} minutes"))
    restarted = status.epoch != link.peer_epoch
    if restarted:
        store.drop_offered(link.peer, [each.seq for each in store.offered(link.peer)])
        link = replace(link, peer_epoch=status.epoch, processed=(), refused=(), peer_sent=0, gap_since=None)
    link = replace(
        link,
        peer_status=not_far_ahead(status.time, now),
        peer_sent=max(link.peer_sent, status.sent),
        processed=joined(link.processed, status.skip),
        is_epoch_known=status.peer_epoch == link.epoch,
    )
    if status.pause:
        link = replace(link, resume_at=now + min(timedelta(seconds=status.pause), _LONGEST_PAUSE))
    store.drop_offered(link.peer, [each.seq for each in store.offered(link.peer) if _within(status.skip, each.seq)])
    store.save_link(link)
    if link.is_epoch_known:
        actions += _settled(store, link, status, now, restarted=restarted)
    elif (known := store.link(link.peer)) is not None:
        store.save_link(owing_status(known, now))
    actions += _newer_rosters(store, link.peer, status, now)
    if status.ledgers:
        _ask_about_days(store, own, link.peer, status, now)
    if (known := store.link(link.peer)) is not None:
        store.save_link(with_gaps_noticed(store, known, now))
    return tuple(actions)


def _settled(store: RelayStore, link: Link, status: Status, now: datetime, *, restarted: bool) -> list[Action]:
    actions: list[Action] = [
        Telling(Event.REFUSED, link.peer, refused.reason, row.key)
        for refused in status.refused
        for row in store.rows_in(link.peer, ((refused.seq, refused.seq),), 1)
        if row.state is not RowState.DONE
    ]
    store.acknowledge(link.peer, status.processed, now)
    if restarted:
        for row in store.rows_in(link.peer, less(((1, link.next_seq),), status.processed), _ALL):
            store.save_row(replace(row, state=RowState.WAITING, due_at=now, done_at=None))
    _send_unaccounted(store, link.peer, status, now)
    _send_missing(store, link, status, now)
    known = store.link(link.peer)
    if known:
        known = replace(known, skips=less(known.skips, status.processed))
        store.save_link(looked_at(known, now) if store.next_row_due(link.peer) else known)
    return actions


def _send_unaccounted(store: RelayStore, peer: str, status: Status, now: datetime) -> None:
    """A status is a whole account: what we gave out well before it, and it does not know, was lost."""
    before = min(status.time, now) - _ON_ITS_WAY
    for row in store.oldest_rows(peer, created_before=before, beyond=_ALL):
        if row.state in (RowState.HANDED, RowState.OFFERED) and row.due_at - resend_after(row.tries) < before:
            store.save_row(replace(row, due_at=now))


def _send_missing(store: RelayStore, link: Link, status: Status, now: datetime) -> None:
    """What we handed over and what never arrived, once more; what we have no more is given up in words."""
    rows = store.rows_in(link.peer, status.miss, _MOST_RESENT)
    for row in rows:
        if row.state in (RowState.HANDED, RowState.DONE):
            if store.post(row.key) is None:
                give_up(store, row, now)
            else:
                store.save_row(replace(row, state=RowState.WAITING, due_at=now, done_at=None))
    if len(rows) < _MOST_RESENT:
        present = joined(tuple((row.seq, row.seq) for row in rows))
        gone = less(_upto(status.miss, link.next_seq - 1), present)
        known = store.link(link.peer)
        if gone and known:
            store.save_link(owing_status(replace(known, skips=joined(known.skips, gone)), now))


def _newer_rosters(store: RelayStore, peer: str, status: Status, now: datetime) -> list[Action]:
    known = {space: store.roster(space) for space, _ in status.rosters}
    return [
        RosterWanted(peer, space, serial)
        for space, serial in status.rosters
        if (roster := known[space]) and serial > roster.serial and roster.entry(peer, now)
    ]


def _ask_about_days(store: RelayStore, own: Own, peer: str, status: Status, now: datetime) -> None:
    """Days of which the peer has something else than we. What an answer did not change is not asked again at once."""
    ours = {(each.space, each.day): each.digest for each in ledgers(store, own.domain, peer, now)}
    shared = set(shared_spaces(store, own.domain, peer, now))
    link = store.link(peer)
    if link is None:
        return
    asked = tuple(each for each in link.asked if now < each.at + ASK_AGAIN)
    for theirs in status.ledgers:
        if theirs.space not in shared or not is_closed(theirs.day, now):
            continue
        own_digest = ours.get((theirs.space, theirs.day), "")
        digests = f"{theirs.digest} {own_digest}"
        if theirs.digest == own_digest or any(
            (each.space, each.day, each.digests) == (theirs.space, theirs.day, digests) for each in asked
        ):
            continue
        asked = (*asked, Asked(theirs.space, theirs.day, digests, now))
        days = dict.fromkeys((*link.days_wanted, f"{theirs.space}|{theirs.day}"))
        link = looked_at(replace(link, days_wanted=tuple(days)[:MOST_DAYS]), now)
    store.save_link(replace(link, asked=asked[-_MOST_ASKED:]))


def _upto(ranges: Ranges, last: int) -> Ranges:
    return tuple((low, min(high, last)) for low, high in ranges if low <= last)


def _within(ranges: Ranges, number: int) -> bool:
    return any(low <= number <= high for low, high in ranges)


def _read_refused(text: str) -> Refused:
    seq, equals, reason = text.partition("=")
    if not equals or not reason.isalpha() or len(reason) > 20:
        raise Unreadable("what was refused cannot be read")
    return Refused(read_number(seq), reason)


def _read_roster(text: str) -> tuple[str, int]:
    space, equals, rest = text.partition("=")
    serial, slash, _ = rest.partition("/")
    if not equals or not slash:
        raise Unreadable("the roster's number cannot be read")
    return read_list_id(space), read_number(serial)
