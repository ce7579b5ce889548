"""The relay's memory in dictionaries: what the daemon keeps in SQL, for the simulator and for tests."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from handlers.peer.limits import DAY
from handlers.peer.ranges import Ranges, holds
from handlers.peer.relay_mail import PostMail
from handlers.peer.roster import Roster
from handlers.peer.seal import Kind, PostKey, Seal, SealedPost
from handlers.peer.store import KnownKey, Link, LinkState, Offered, OutboxRow, RowState, Seen, Way

PostName = tuple[str, str]  # origin, post


@dataclass
class MemoryStore:
    """Every method is RelayStore's."""

    by_peer: dict[str, Link] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    rosters: dict[str, dict[int, Roster]] = field(default_factory=lambda: defaultdict(dict))
    leavers: set[tuple[str, str]] = field(default_factory=set)
    rotated: dict[str, tuple[KnownKey, ...]] = field(default_factory=dict)
    seen_forms: dict[PostName, dict[int, Seen]] = field(default_factory=dict)
    of_author: dict[tuple[str, str, str], list[Seen]] = field(default_factory=lambda: defaultdict(list))
    days: dict[tuple[str, date], set[PostName]] = field(default_factory=lambda: defaultdict(set))
    known_latest: dict[tuple[str, date], list[Seen]] = field(default_factory=dict)
    bytes_of: dict[PostKey, SealedPost] = field(default_factory=dict)
    delivered: list[tuple[PostKey, Way]] = field(default_factory=list)
    archive: dict[PostName, SealedPost] = field(default_factory=dict)
    twins: set[tuple[str, str]] = field(default_factory=set)
    aside: list[tuple[PostMail, str]] = field(default_factory=list)
    repeats: dict[tuple[str, PostKey], list[datetime]] = field(default_factory=lambda: defaultdict(list))
    open_rows: dict[str, dict[int, OutboxRow]] = field(default_factory=lambda: defaultdict(dict))
    done_rows: dict[str, dict[int, OutboxRow]] = field(default_factory=lambda: defaultdict(dict))
    offers: dict[str, dict[int, Offered]] = field(default_factory=lambda: defaultdict(dict))
    offered_keys: dict[PostKey, set[tuple[str, int]]] = field(default_factory=lambda: defaultdict(set))
    direct: set[tuple[str, int]] = field(default_factory=set)
    direct_of: dict[tuple[str, str], list[datetime]] = field(default_factory=lambda: defaultdict(list))
    private: list[SealedPost] = field(default_factory=list)
    reports: dict[tuple[str, str], datetime] = field(default_factory=dict)

    # Links

    def link(self, peer: str) -> Link | None:
        return self.by_peer.get(peer)

    def link_of_token(self, token: str) -> Link | None:
        return self.by_peer.get(self.tokens.get(token, ""))

    def links(self) -> Sequence[Link]:
        return list(self.by_peer.values())

    def due_links(self, now: datetime) -> Sequence[Link]:
        return [
            link
            for link in self.by_peer.values()
            if link.due_at and link.due_at <= now and link.state is not LinkState.SUSPENDED
        ]

    def save_link(self, link: Link) -> None:
        self.by_peer[link.peer] = link

    # Rosters and keys

    def roster(self, space: str, serial: int | None = None) -> Roster | None:
        known = self.rosters.get(space)
        if not known:
            return None
        return known.get(max(known) if serial is None else serial)

    def spaces(self) -> Sequence[str]:
        return list(self.rosters)

    def has_left(self, space: str, domain: str) -> bool:
        return (space, domain) in self.leavers

    def rotated_keys(self, domain: str) -> Sequence[KnownKey]:
        return self.rotated.get(domain, ())

    # Posts

    def seen(self, key: PostKey) -> Seen | None:
        return self.seen_forms.get((key.origin, key.post), {}).get(key.rev)

    def forms(self, key: PostKey) -> Sequence[Seen]:
        return list(self.seen_forms.get((key.origin, key.post), {}).values())

    def remember(self, seen: Seen, post: SealedPost | None) -> None:
        name = (seen.key.origin, seen.key.post)
        forms = self.seen_forms.setdefault(name, {})
        assert seen.key.rev not in forms, "the index is unique"
        forms[seen.key.rev] = seen
        if seen.key.rev == 1:
            self.of_author[seen.key.origin, seen.space, seen.author].append(seen)
        self.days[seen.space, seen.date.date()].add(name)
        for form in forms.values():
            self.known_latest.pop((form.space, form.date.date()), None)
        if post is not None:
            self.bytes_of[seen.key] = post

    def post(self, key: PostKey) -> SealedPost | None:
        return self.bytes_of.get(key)

    def count_of_author(self, seal: Seal, *, since: datetime) -> int:
        hers = self.of_author[seal.key.origin, seal.space, seal.author]
        return sum(seen.first_at > since and seal.date - DAY < seen.date <= seal.date for seen in hers)

    def latest(self, space: str, day: date) -> Iterable[Seen]:
        if (space, day) not in self.known_latest:
            forms = [latest_of(self.seen_forms[name].values()) for name in self.days.get((space, day), ())]
            self.known_latest[space, day] = [form for form in forms if form.date.date() == day]
        return self.known_latest[space, day]

    def deliver(self, post: SealedPost, way: Way, now: datetime) -> None:
        self.archive[post.key.origin, post.key.post] = post
        self.delivered.append((post.key, way))

    def erase(self, key: PostKey, now: datetime) -> None:
        name = (key.origin, key.post)
        forms = self.seen_forms.get(name, {})
        for rev in [rev for rev in forms if rev < key.rev]:
            self.bytes_of.pop(replace(key, rev=rev), None)
        if forms[key.rev].kind is Kind.RETRACT:
            self.archive.pop(name, None)

    def has_twin(self, space: str, twin: str) -> bool:
        return (space, twin) in self.twins

    def quarantine(self, mail: PostMail, why: str, now: datetime) -> None:
        self.aside.append((mail, why))

    def count_repeat(self, peer: str, key: PostKey, now: datetime) -> int:
        times = [at for at in self.repeats[peer, key] if at > now - timedelta(hours=1)]
        self.repeats[peer, key] = [*times, now]
        return len(times) + 1

    def count_report(self, peer: str, digest: str, now: datetime) -> int:
        if (peer, digest) in self.reports:
            return 0
        self.reports[peer, digest] = now
        return sum(each == peer and at > now - timedelta(days=1) for (each, _), at in self.reports.items())

    def remember_direct(self, sender: str, seq: int, now: datetime, *, author: str = "") -> bool:
        is_new = (sender, seq) not in self.direct
        self.direct.add((sender, seq))
        if is_new:
            self.direct_of[sender, author].append(now)
        return is_new

    def count_private(self, sender: str, author: str, *, since: datetime) -> int:
        return sum(at > since for at in self.direct_of[sender, author])

    def deliver_private(self, post: SealedPost, now: datetime) -> None:
        self.private.append(post)

    # What goes out

    def add_row(self, row: OutboxRow) -> None:
        self.open_rows[row.peer][row.seq] = row

    def save_row(self, row: OutboxRow) -> None:
        self.open_rows[row.peer].pop(row.seq, None)
        self.done_rows[row.peer].pop(row.seq, None)
        (self.done_rows if row.state is RowState.DONE else self.open_rows)[row.peer][row.seq] = row

    def rows_due(self, peer: str, now: datetime, limit: int) -> Sequence[OutboxRow]:
        due = [row for row in self.open_rows[peer].values() if row.due_at <= now]
        return sorted(due, key=lambda row: row.seq)[:limit]

    def acknowledge(self, peer: str, ranges: Ranges, now: datetime) -> int:
        done = [row for row in self.open_rows[peer].values() if holds(ranges, row.seq)]
        for row in done:
            del self.open_rows[peer][row.seq]
            self.done_rows[peer][row.seq] = replace(row, state=RowState.DONE, done_at=now)
        return len(done)

    def rows_in(self, peer: str, ranges: Ranges, limit: int) -> Sequence[OutboxRow]:
        found = [
            row
            for rows in (self.open_rows[peer], self.done_rows[peer])
            for row in rows.values()
            if holds(ranges, row.seq)
        ]
        return sorted(found, key=lambda row: row.seq)[:limit]

    def rows_of(self, origin: str, post: str) -> Sequence[OutboxRow]:
        return [
            row
            for rows in self.open_rows.values()
            for row in rows.values()
            if (row.key.origin, row.key.post) == (origin, post)
        ]

    def row_for(self, peer: str, key: PostKey) -> OutboxRow | None:
        return max(
            (row for row in self.open_rows[peer].values() if row.key == key), key=lambda row: row.seq, default=None
        )

    def count_rows(self, peer: str, *states: RowState) -> int:
        return Counter(row.state in states for row in self.open_rows[peer].values())[True]

    def oldest_rows(self, peer: str, *, created_before: datetime, beyond: int) -> Sequence[OutboxRow]:
        rows = sorted(self.open_rows[peer].values(), key=lambda row: row.seq)
        surplus = max(0, len(rows) - beyond)
        return [row for place, row in enumerate(rows) if place < surplus or row.created_at < created_before]

    def next_row_due(self, peer: str) -> datetime | None:
        return min((row.due_at for row in self.open_rows[peer].values()), default=None)

    def renumber(self, peer: str) -> int:
        rows = sorted(self.open_rows[peer].values(), key=lambda row: row.seq)
        self.done_rows[peer].clear()
        self.open_rows[peer] = {
            number: replace(row, seq=number, state=RowState.WAITING) for number, row in enumerate(rows, start=1)
        }
        return len(rows) + 1

    def prune_rows(self, peer: str, done_before: datetime) -> None:
        done = self.done_rows[peer]
        for seq in [seq for seq, row in done.items() if row.done_at and row.done_at < done_before]:
            del done[seq]

    # What was offered to us

    def offered(self, peer: str) -> Sequence[Offered]:
        return [self.offers[peer][seq] for seq in sorted(self.offers[peer])] if peer in self.offers else ()

    def offers_of(self, key: PostKey) -> Sequence[Offered]:
        return [self.offers[peer][seq] for peer, seq in sorted(self.offered_keys.get(key, ()))]

    def save_offered(self, offered: Offered) -> None:
        self.offers[offered.peer][offered.seq] = offered
        self.offered_keys[offered.key].add((offered.peer, offered.seq))

    def drop_offered(self, peer: str, seqs: Iterable[int]) -> None:
        for seq in list(seqs):
            offer = self.offers[peer].pop(seq, None)
            if offer:
                self.offered_keys[offer.key].discard((peer, seq))


def latest_of(forms: Iterable[Seen]) -> Seen:
    """A retraction before all others."""
    return max(forms, key=lambda form: (form.kind is Kind.RETRACT, form.key.rev))
