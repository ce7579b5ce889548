"""Real daemons in one space, killed again and again while posts flow between them (spec/federation.md §3.3, S11)."""

from __future__ import annotations

import random
import signal
import smtplib
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from threading import Thread

import pytest

from tests.dns_server import DnsServer, dns_server
from tests.federation.simulator import rings
from tests.wire.daemons import PATIENCE, until
from tests.wire.neighbours import Neighbour, Street, befriend
from tests.wire.sink import Sink
from tests.wire.space_members import MAILBOXES, SPACE

__all__ = ["dns_server"]

PATIENT = 10 * PATIENCE  # for what goes by many servers on one machine

_SENDING = """
    SELECT post.subject, delivery.recipient FROM delivery JOIN post ON post.id = delivery.post_id
    WHERE delivery.state = 'sending'
"""
_FILED = "SELECT subject FROM post"


@dataclass
class House:
    """A server, and the one person who lives there."""

    server: Neighbour
    person: str
    life: ExitStack = field(default_factory=ExitStack)

    def wakes(self) -> None:
        self.life.enter_context(self.server.serving())

    def dies(self) -> None:
        assert self.server.running is not None
        self.server.running.end(signal.SIGKILL)
        self.life.close()

    def asks(self, question: str) -> list[tuple[str, ...]]:
        """Plain SQL, beside the daemon or without it."""
        with closing(sqlite3.connect(self.server.home / "community.db")) as connection:
            return connection.execute(question).fetchall()


@dataclass
class Quarter:
    """Houses whose servers are linked as `links` says, in one space."""

    houses: list[House]
    links: set[tuple[int, int]]
    port: int
    sink: Sink
    chance: random.Random
    written: list[str] = field(default_factory=list)
    in_flight: set[tuple[str, str]] = field(default_factory=set)  # subject and recipient, at the moment of a kill
    looked_at: int = 0
    arrived: Counter[tuple[str, str]] = field(default_factory=Counter)

    def next_letters(self, count: int, authors: Sequence[House]) -> list[tuple[House, EmailMessage]]:
        letters = []
        for _ in range(count):
            house, subject = self.chance.choice(authors), f"Post {len(self.written)}"
            mail = EmailMessage()
            mail["From"], mail["To"] = house.person, f"plum-{SPACE}@{house.server.domain}"
            mail["Subject"], mail["Message-ID"] = subject, f"<{len(self.written)}@home.example>"
            mail.set_content(f"This is {subject.lower()}.")
            self.written.append(subject)
            letters.append((house, mail))
        return letters

    def write(self, letters: Sequence[tuple[House, EmailMessage]]) -> None:
        """As a mail program does: what got no answer is sent again, till it gets one."""
        for house, mail in letters:
            until(lambda house=house, mail=mail: self._is_taken(house, mail), PATIENT)

    def _is_taken(self, house: House, mail: EmailMessage) -> bool:
        try:
            with smtplib.SMTP(house.server.address, self.port, timeout=PATIENCE) as client:
                client.send_message(mail)
        except OSError:  # it is not there, or died while it listened; smtplib's own are such, too
            return False
        return True

    def kill(self) -> None:
        """One of them, at any moment while posts are under way; some of them are written there."""
        chance = self.chance
        victim = chance.choice(self.houses)
        letters = [*self.next_letters(1, [victim]), *self.next_letters(1, self.houses)]
        writer = Thread(target=self.write, args=(letters,))
        writer.start()
        try:
            seen = len(self.sink.taken)
            enough = seen + chance.randrange(len(self.houses) // 2)
            until(lambda: len(self.sink.taken) >= enough, PATIENT)
            victim.dies()
            self.in_flight.update((subject, recipient) for subject, recipient in victim.asks(_SENDING))
            if chance.random() < 0.5:
                others = [house for house in self.houses if house is not victim]
                meanwhile = self.next_letters(1, others)
                self.write(meanwhile)
                reader = chance.choice(others).person
                until(lambda: self.count()[str(meanwhile[0][1]["Subject"]), reader], PATIENT)
        finally:
            victim.wakes()
            writer.join()
        for one, other in self.links:  # nobody waits for the hour at which mail servers try again
            if victim in (self.houses[one], self.houses[other]):
                for end in (one, other):
                    self.houses[end].server("queue", "retry", "--all")

    def count(self) -> Counter[tuple[str, str]]:
        """How often each post lies in each mailbox. Others add to it while we look."""
        new = self.sink.taken[self.looked_at :]
        self.looked_at += len(new)
        for copy in new:
            mail = message_from_bytes(copy.content, policy=policy.default)
            self.arrived[str(mail["Subject"]), copy.recipient] += 1
        return self.arrived

    def finish(self) -> Counter[tuple[str, str]]:
        """When everything has come, and nothing waits any more."""
        for house in self.houses:
            house.server("queue", "retry", "--all")
        owed = {(subject, house.person) for subject in self.written for house in self.houses}
        until(lambda: owed <= set(self.count()), PATIENT)
        for house in self.houses:
            until(house.server.is_through, PATIENT)
        arrived = self.count()
        return Counter({each: count for each, count in arrived.items() if each in owed})


@contextmanager
def quarter(folder: Path, dns: DnsServer, size: int, chance: random.Random) -> Iterator[Quarter]:
    street = Street(folder, dns)
    dns.put("home.example", MX=["10 mx.home.example."], TXT=["v=spf1 ip4:127.0.0.0/8 -all"])
    dns.put("mx.home.example", A=[MAILBOXES])
    links = rings(size, 4, chance.randrange(1000))
    with ExitStack() as running:
        sink = running.enter_context(Sink().listening(street.port, MAILBOXES))
        houses = []
        for number in range(size):
            server = street.neighbour(f"s{number}", lists=("plum",))
            house = House(server, f"p{number}@home.example")
            server("member", "add", "plum", f"Person {number} <{house.person}>", "--confirmed", "--quiet")
            server("member", "set", house.person, "share=always")
            running.callback(house.life.close)
            house.wakes()
            houses.append(house)
        for one, other in sorted(links):
            befriend(houses[one].server, houses[other].server)
        _found_space(houses, links)
        yield Quarter(houses, links, street.port, sink, chance)


def _found_space(houses: Sequence[House], links: set[tuple[int, int]]) -> None:
    """Who has a link with somebody in it can be asked to come in."""
    steward = houses[0].server
    steward("space", "create", SPACE, "--list", "plum", "--title", "Plum Street", "--notice", "0")
    inside = [0]
    for place in inside:
        near = {end for link in links if place in link for end in link}
        for number in sorted(near.difference(inside)):
            guest = houses[number].server
            steward("space", "invite", SPACE, guest.domain, "plum")
            guest("space", "accept", SPACE, "--list", "plum")
            until(lambda guest=guest: steward.entries(SPACE).get(guest.domain) == "active", PATIENT)
            inside.append(number)
    everybody = {house.server.domain: "active" for house in houses}
    for house in houses:
        until(lambda server=house.server: server.entries(SPACE) == everybody, PATIENT)


@pytest.mark.parametrize(("size", "kills", "seed"), [(8, 16, 1), (20, 30, 2)])
def test_s11_killed_at_random(tmp_path: Path, dns_server: DnsServer, size: int, kills: int, seed: int) -> None:
    """Nothing that was accepted is lost, and only what a server was sending when it was killed comes again."""
    began = time.monotonic()
    with quarter(tmp_path, dns_server, size, random.Random(seed)) as made:
        made.write(made.next_letters(size, made.houses))
        founded = time.monotonic()
        for _ in range(kills):
            made.kill()
        arrived = made.finish()
        filed = [Counter(subject for (subject,) in house.asks(_FILED)) for house in made.houses]
    again = {each for each, count in arrived.items() if count > 1}
    print(
        f"{size} servers, {kills} kills, {len(made.written)} posts, {arrived.total()} copies; {len(again)} came again"
    )
    print(f"of {len(made.in_flight)} in flight; {founded - began:.0f} + {time.monotonic() - founded:.0f} seconds")
    assert again <= made.in_flight, "only these (RFC 1047)"
    assert all(count == 1 for each, count in arrived.items() if each not in again)
    for posts in filed:
        assert posts == dict.fromkeys(made.written, 1), "filed once at each server"
