"""S12: the four claims of spec/federation.md §2.5, on any small graph and whatever becomes of the mails."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from itertools import combinations

from handlers.peer.border import Crossing
from handlers.peer.compose import seal_edit, seal_retraction
from handlers.peer.hop import Hop, signed_hop
from handlers.peer.outbox import Outgoing
from handlers.peer.relay import Taken
from handlers.peer.relay_mail import PostMail
from handlers.peer.seal import Kind, PostKey, SealedPost
from handlers.peer.store import Way
from tests.federation.paper import PaperKey, on_paper
from tests.federation.simulator import (
    CONTENT,
    DAY,
    HOUR,
    Network,
    Server,
    Weather,
)

MOST_SERVERS = 12
PATIENCE = 25 * DAY
"""At some time everything comes: where a third of all mails is lost and there is one way only, that may take a week.
After 30 days a server gives up."""


def check_claims(seed: int) -> None:
    """One schedule. Its seed tells it again."""
    chance = random.Random(seed)
    with on_paper():
        _Case(chance, seed).run()


class _Case:
    def __init__(self, chance: random.Random, seed: int) -> None:
        self.chance = chance
        servers = chance.randint(2, MOST_SERVERS)
        links = _connected(servers, chance)
        weather = Weather(chance.choice((0, 0.05, 0.3)), chance.choice((0, 0.3)), chance.uniform(60, 3 * HOUR))
        self.network = Network(servers, links, seed, weather, key=PaperKey)
        self.used: dict[PostKey, set[tuple[str, str]]] = defaultdict(set)
        self.forged: list[PostKey] = []
        self.misnumbered = 0
        self.network.on_its_way = self._noted

    def run(self) -> None:
        network, chance = self.network, self.chance
        for server in network.servers:
            if chance.random() < 0.3:
                begin = chance.uniform(0, DAY)
                network.outage(server, begin, begin + chance.uniform(HOUR, DAY))
        for _ in range(chance.randint(1, 3)):
            network.at(chance.uniform(0, DAY), self._writes)
        network.start()
        self._run_until_quiet()
        self._check()

    def _run_until_quiet(self) -> None:
        """And for a day more, in which all tell each other once again what they have."""
        network, seconds = self.network, 2 * DAY
        network.run(seconds)
        while seconds < PATIENCE and (network.waiting() or self._lacking()):
            seconds += 6 * HOUR
            network.run(seconds)
        network.run(seconds + DAY)

    def _check(self) -> None:
        network = self.network
        for used in self.used.values():
            # Who counts forty thousand mails that it never sent is told for days what it should send again.
            assert len(used) <= network.bound + self.misnumbered, "claim 1: distinct relay mails of one post"
        assert self._lacking() == [], "claim 2: everything comes to everybody"
        for server in network.servers:
            delivered = Counter((key.origin, key.post) for key, way in server.store.delivered if way is Way.EACH)
            assert all(count == 1 for count in delivered.values()), "claim 3: each post once"
            assert not [key for key in self.forged if server.store.seen(key)], "claim 4: nobody else's key"
        assert network.waiting() == 0

    def _lacking(self) -> list[tuple[PostKey, str]]:
        """The latest forms of posts, and servers that they have not come to."""
        latest: dict[tuple[str, str], PostKey] = {}
        for key in self.network.posts:
            latest[key.origin, key.post] = max(key, latest.get((key.origin, key.post), key))
        return [
            (key, server.domain)
            for key in latest.values()
            for server in self.network.servers
            if server.store.seen(key) is None
        ]

    def _noted(self, server: Server, outgoing: Outgoing) -> Outgoing:
        if isinstance(outgoing.mail, PostMail):
            self.used[outgoing.mail.post.key].add((server.domain, outgoing.peer))
        return outgoing

    def _writes(self) -> None:
        up = [server for server in self.network.servers if server.is_up]
        if not up:
            return
        server = self.chance.choice(up)
        post = self.network.write(server)
        if self.chance.random() < 0.3:
            self._forge(server)
        if self.chance.random() < 0.4:
            self.network.at(self.network.now + self.chance.uniform(0, HOUR), lambda: self._follows(server, post))

    def _follows(self, server: Server, post: SealedPost) -> None:
        """Its author changes it without a word to others, or takes it back."""
        now = self.network.time(server)
        if self.chance.random() < 0.5:
            self._publish(server, seal_edit(server.own, post.seal, Crossing("Pears", CONTENT), date=now))
        else:
            self._publish(server, seal_retraction(server.own, post.seal, date=now))

    def _publish(self, server: Server, post: SealedPost) -> None:
        before = len(server.store.delivered)
        self.network.publish(server, post)
        assert len(server.store.delivered) == before
        assert post.seal.kind is not Kind.POST

    def _forge(self, server: Server) -> None:
        """A neighbour sends, in the server's name, what the server has not sealed."""
        neighbours = sorted(server.store.by_peer)
        liar = self.network.by_domain[self.chance.choice(neighbours)]
        forged = self.network.sealed_post(server, signer=liar.key)
        self.forged.append(forged.key)
        for peer in liar.store.by_peer.values():
            hop = Hop(liar.domain, peer.peer, peer.epoch, 40_000 + len(self.forged), forged.digest, liar.domain)
            self.misnumbered += 1
            mail = PostMail(forged, signed_hop(hop, liar.key))
            victim = self.network.by_domain[peer.peer]
            assert self.network.receive(victim, liar.domain, mail).taken in (Taken.REFUSED, Taken.KNOWN)


def _connected(servers: int, chance: random.Random) -> set[tuple[int, int]]:
    """A random tree and some more links."""
    links = {(chance.randrange(number), number) for number in range(1, servers)}
    more = [pair for pair in combinations(range(servers), 2) if pair not in links]
    return links | set(chance.sample(more, chance.randint(0, min(len(more), servers))))
