"""Many servers on one virtual clock: the real core of relaying over mail that is late, lost, or finds nobody at home.

Posts travel as sealed objects; how they are written as mails and read again is tested elsewhere. Every run is told by
its seed.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.message import parse
from handlers.peer.account import received_control
from handlers.peer.control_mail import ControlMail
from handlers.peer.keys import PeerKey
from handlers.peer.outbox import Outgoing, due
from handlers.peer.relay import Outcome, Taken, publish, received_post
from handlers.peer.relay_mail import PostMail
from handlers.peer.restart import awake
from handlers.peer.roster import Entry, Roster, Rules
from handlers.peer.seal import Kind, PostKey, Scope, Seal, SealedPost, minted_id, sealed
from handlers.peer.shape import contents_of
from handlers.peer.store import Event, KnownKey, Link, Own, Telling
from tests.federation.memory import MemoryStore
from tests.federation.paper import LargeRoster

BEGIN = datetime(2026, 11, 22, 8, tzinfo=UTC)
SPACE = "<plum-street.spaces.s0.example>"
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
RETRIES = (5 * MINUTE, 10 * MINUTE, 20 * MINUTE)
CONTENT = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello neighbours\r\n"
CONTENTS = contents_of(parse(CONTENT))
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass
class Server:
    number: int
    domain: str
    key: PeerKey
    store: MemoryStore
    is_up: bool = True
    is_dead: bool = False
    was_down: bool = False
    returned_at: float = 0.0
    wakes_at: float = float("inf")
    clock: float = 0.0  # seconds by which its clock is ahead
    restored_at: datetime | None = None
    events: Counter[Event] = field(default_factory=Counter)
    taken: Counter[Taken] = field(default_factory=Counter)

    @property
    def own(self) -> Own:
        return Own(self.domain, self.key, self.restored_at)


@dataclass
class Weather:
    """Chances of a mail, and seconds."""

    lost: float = 0.01
    late: float = 0.03
    late_by: float = 5 * MINUTE
    polled: float = MINUTE


class Network:
    """`links`: pairs of server numbers."""

    def __init__(
        self,
        servers: int,
        links: set[tuple[int, int]],
        seed: int,
        weather: Weather | None = None,
        key: Callable[[bytes], PeerKey] = PeerKey,
    ) -> None:
        self.chance = random.Random(seed)
        self.weather = weather or Weather()
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self.servers = [self._server(number, key) for number in range(servers)]
        self.by_domain = {server.domain: server for server in self.servers}
        self.links = links
        self.cut: Callable[[Server, Server], bool] = lambda one, other: False
        self.on_its_way: Callable[[Server, Outgoing], Outgoing | None] = lambda server, outgoing: outgoing
        self.relays: Counter[PostKey] = Counter()
        self.received: Counter[str] = Counter()
        self.mails: Counter[str] = Counter()
        self.posts: dict[PostKey, float] = {}
        self.arrivals: dict[PostKey, dict[str, float]] = defaultdict(dict)
        self.offered_first = 0
        self.announced: set[tuple[str, str, int]] = set()
        for one, other in sorted(links):
            self.link(self.servers[one], self.servers[other])
        self.roster = self.new_roster(1, self.servers)

    def _server(self, number: int, key: Callable[[bytes], PeerKey]) -> Server:
        private = hashlib.sha256(f"server {number}".encode()).digest()
        return Server(number, f"s{number}.example", key(private), MemoryStore())

    def link(self, one: Server, other: Server) -> None:
        epochs = {one.domain: self.letters(8), other.domain: self.letters(8)}
        for own, peer in ((one, other), (other, one)):
            own.store.tokens[peer.domain] = peer.domain  # with us, its token is its name
            own.store.save_link(
                Link(
                    peer=peer.domain,
                    address=f"organic-peer-{own.domain}@{peer.domain}",
                    keys=(KnownKey(peer.key.id, peer.key.public),),
                    epoch=epochs[own.domain],
                    peer_epoch=epochs[peer.domain],
                    heard_at=self.time(own),
                    due_at=self.time(own),
                )
            )

    def new_roster(self, serial: int, servers: list[Server], *, known_to: list[Server] | None = None) -> Roster:
        entries = tuple(
            Entry(server.domain, f"<plum.{server.domain}>", 1, server.key.public, f"organic-peer@{server.domain}")
            for server in servers
        )
        steward = self.servers[0].domain
        roster = LargeRoster(
            SPACE, "Plum Street", serial, BEGIN, BEGIN + timedelta(days=90), steward, "", "", Rules(notice=0), entries
        )
        for server in known_to or self.servers:
            server.store.rosters[SPACE][serial] = roster
        return roster

    # Time

    def time(self, server: Server) -> datetime:
        """What its clock shows."""
        return BEGIN + timedelta(seconds=self.now + server.clock)

    def at(self, seconds: float, happens: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (seconds, self._count, happens))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, happens = heapq.heappop(self._events)
            happens()
        self.now = until

    def letters(self, count: int) -> str:
        return "".join(self.chance.choices(_LETTERS, k=count))

    # What servers do

    def start(self) -> None:
        for server in self.servers:
            self._wake(server)

    def outage(self, server: Server, begin: float, end: float) -> None:
        """`end` may be infinite: it never comes back."""
        server.was_down = True

        def goes() -> None:
            server.is_up = False
            server.is_dead = end == float("inf")

        def returns() -> None:
            server.is_up, server.returned_at = True, self.now
            awake(server.store, self.time(server))
            self._wake(server)

        self.at(begin, goes)
        if end != float("inf"):
            self.at(end, returns)

    def write(self, server: Server, **changes: Any) -> SealedPost:
        """A post of a member there; it waits for its server while that is down."""
        post = self.sealed_post(server, **changes)
        self.publish(server, post)
        return post

    def sealed_post(self, server: Server, **changes: Any) -> SealedPost:
        key = changes.pop("key", None) or PostKey(server.domain, self.letters(26), 1)
        signer = changes.pop("signer", server.key)
        seal = Seal(
            kind=Kind.POST,
            key=key,
            space=SPACE,
            roster=max(server.store.rosters[SPACE]),
            list_id=f"<plum.{server.domain}>",
            date=self.time(server).replace(microsecond=0),
            author=self._author(),
            name="Ana R.",
            scope=Scope.SPACE,
            keep=365,
            address="hidden",
            subject="Apples",
            message_id=minted_id(key),
            in_reply_to="",
            contents=CONTENTS,
        )
        return sealed(replace(seal, **changes), CONTENT, signer)

    def _author(self) -> str:
        """Many write a little each, so that nobody writes too much."""
        number = len(self.posts) % len(_LETTERS) ** 2
        return f"aaaaabbb{_LETTERS[number // len(_LETTERS)]}{_LETTERS[number % len(_LETTERS)]}"

    def publish(self, server: Server, post: SealedPost) -> None:
        publish(server.store, server.own, post, self.time(server))
        self.posts.setdefault(post.key, self.now)
        self.arrivals[post.key][server.domain] = self.now
        self._wake(server)

    def _wake(self, server: Server) -> None:
        """When its next link is due; a due time is its own clock's."""
        moments = [link.due_at for link in server.store.by_peer.values() if link.due_at]
        if not moments:
            return
        at = max(self.now, (min(moments) - BEGIN).total_seconds() - server.clock)
        if at < server.wakes_at:
            server.wakes_at = at
            self.at(at, lambda: self._attend(server, at))

    def _attend(self, server: Server, planned: float) -> None:
        if planned != server.wakes_at:
            return
        server.wakes_at = float("inf")
        if not server.is_up:
            return
        found = due(server.store, server.own, self.time(server))
        self._tell(server, found.actions)
        for outgoing in found.mails:
            sent = self.on_its_way(server, outgoing)
            if sent is not None:
                self.queue(server, self.by_domain[outgoing.peer], sent.mail)
        self._wake(server)

    def queue(self, server: Server, peer: Server, mail: PostMail | ControlMail, tried: int = 0) -> None:
        """Our mail server tries some times, as the daemon's queue does, and lets go of it within the hour."""
        if server.is_up and peer.is_up and not self.cut(server, peer):
            self._send(server, peer, mail)
        elif tried < len(RETRIES):
            self.at(self.now + RETRIES[tried], lambda: self.queue(server, peer, mail, tried + 1))

    def _send(self, server: Server, peer: Server, mail: PostMail | ControlMail) -> None:
        if isinstance(mail, PostMail):
            self.mails["post"] += 1
            self.relays[mail.post.key] += 1
            self.received[peer.domain] += 1
            self.offered_first += (server.domain, peer.domain, mail.hop.hop.seq) in self.announced
        else:
            self.mails[mail.control.type] += 1
            if mail.control.type == "offer":
                seqs = (int(line.partition("|")[0]) for line in mail.control.all("post"))
                self.announced.update((server.domain, peer.domain, seq) for seq in seqs)
        if self.chance.random() < self.weather.lost:
            return
        delay = self.chance.uniform(0, self.weather.polled)
        if self.chance.random() < self.weather.late:
            delay += self.weather.late_by
        self.at(self.now + delay, lambda: self._arrive(peer, server.domain, mail))

    def _arrive(self, server: Server, sender: str, mail: PostMail | ControlMail) -> None:
        if not server.is_up:
            if not server.is_dead:  # it waits in the mailbox
                self.at(self.now + 10 * MINUTE, lambda: self._arrive(server, sender, mail))
            return
        self.receive(server, sender, mail)

    def receive(self, server: Server, token: str, mail: PostMail | ControlMail) -> Outcome:
        now = self.time(server)
        if isinstance(mail, PostMail):
            outcome = received_post(server.store, server.own, mail, token=token, now=now)
            if outcome.taken is Taken.ACCEPTED:
                self.arrivals[mail.post.key].setdefault(server.domain, self.now)
        else:
            outcome = received_control(server.store, server.own, mail, token=token, now=now)
        server.taken[outcome.taken] += 1
        self._tell(server, outcome.actions)
        self._wake(server)
        return outcome

    def _tell(self, server: Server, actions: tuple[object, ...]) -> None:
        server.events.update(action.event for action in actions if isinstance(action, Telling))

    # What came of it

    @property
    def bound(self) -> int:
        """Claim 1: relay mails for one post."""
        return 2 * len(self.links) - (len(self.servers) - 1)

    def relays_per_post(self) -> float:
        return sum(self.relays[key] for key in self.posts) / len(self.posts)

    def lost(self) -> list[tuple[PostKey, str]]:
        living = [server for server in self.servers if not server.is_dead]
        return [(key, each.domain) for key in self.posts for each in living if each.store.seen(key) is None]

    def doubles(self) -> int:
        """Posts that members of a server got more than once."""
        repeats = 0
        for server in self.servers:
            counted = Counter((key.origin, key.post) for key, _ in server.store.delivered)
            repeats += sum(count - 1 for count in counted.values())
        return repeats

    def delays(self) -> list[float]:
        """Seconds, at servers that stayed up, of posts that their authors' servers sent at once."""
        steady = {server.domain for server in self.servers if not server.was_down}
        return sorted(
            at - self.posts[key]
            for key, arrivals in self.arrivals.items()
            if key.origin in steady
            for domain, at in arrivals.items()
            if domain in steady and domain != key.origin
        )

    def delays_after_return(self) -> list[float]:
        """Seconds from a server's return to the coming of a post that was written while it was away."""
        return sorted(
            at - server.returned_at
            for server in self.servers
            if server.returned_at
            for key, arrivals in self.arrivals.items()
            if (at := arrivals.get(server.domain, 0.0)) > server.returned_at > self.posts[key]
        )

    def waiting(self) -> int:
        """Rows of outboxes to the living."""
        living = {server.domain for server in self.servers if not server.is_dead}
        return sum(len(rows) for each in self.servers for peer, rows in each.store.open_rows.items() if peer in living)


def share(values: list[float], part: float) -> float:
    """The value below which so much of a sorted list lies; 0 for an empty one."""
    return values[min(len(values) - 1, int(part * len(values)))] if values else 0.0


def rings(servers: int, degree: int, seed: int) -> set[tuple[int, int]]:
    """A connected graph in which everybody has so many links (a few have one less): several rings through all."""
    chance = random.Random(seed)
    pairs: set[tuple[int, int]] = set()
    for _ in range(degree // 2):
        order = list(range(servers))
        chance.shuffle(order)
        pairs |= {(min(a, b), max(a, b)) for a, b in zip(order, [*order[1:], order[0]], strict=True)}
    if degree % 2:
        order = list(range(servers))
        chance.shuffle(order)
        pairs |= {(min(a, b), max(a, b)) for a, b in zip(order[::2], order[1::2], strict=False)}
    return {(a, b) for a, b in pairs if a != b}
