"""Several communities in one process and one folder, whose mail to each other the test itself carries.

Everything is real but SMTP, DNS and the clock: what one queues, the other decides and writes down.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from handlers.address import Mailbox, NoSingleAuthor, author_of
from handlers.decide import Decision, decide
from handlers.facts import Host, id_of
from handlers.incoming import Authentication, Envelope, Incoming, Verdict
from handlers.message import parse
from handlers.outcome import Outcome
from handlers.peer.code import read_code
from handlers.peer.roster import Roster
from handlers.token import Secret
from organic_mail import joining, peering, spaces
from organic_mail.apply import apply
from organic_mail.config import Settings
from organic_mail.lookup import look_up, route_of
from organic_mail.notices import host_of
from organic_mail.peer_keys import OwnKeys, have_own_key
from organic_mail.rosters import current_roster
from storage import events, lists, peers, queue
from storage import spaces as kept
from storage.contents import pack, read_content
from storage.database import Database
from storage.models import MailingList
from storage.models_spaces import Space

BEGINNING = datetime(2026, 11, 22, 10, tzinfo=UTC)
SECRETS = (Secret("k1", b"0" * 32),)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mail:
    """On its way from one server to an address."""

    sender: str
    to: str
    raw: bytes

    @property
    def domain(self) -> str:
        return self.to.rpartition("@")[2]


@dataclass
class Server:
    domain: str
    home: Path
    database: Database
    host: Host
    village: Village
    taken: int = 0  # the last mail of the queue that is on its way

    @property
    def now(self) -> datetime:
        return self.village.now

    def read(self, look: Callable[..., T]) -> T:
        return self.database.read(look)

    def write(self, act: Callable[..., T]) -> T:
        return self.database.write(act)

    def mails(self) -> list[Mail]:
        """What was queued since the last time, for servers and for people."""

        def look(session: Any) -> list[Mail]:
            rows = queue.queue_rows(session, after_id=self.taken)
            self.taken = max([self.taken, *(row.id for row in rows)])
            return [Mail(self.domain, row.recipient, read_content(session, row.content_id)) for row in rows]

        return self.read(look)

    def take(self, raw: bytes, to: str, *, verdict: Verdict = Verdict.ALIGNED) -> Outcome:
        """One mail that comes in; what SMTP answers stands in it."""
        return self.write(lambda session: self.take_in(session, raw, to, verdict=verdict))

    def take_in(self, session: Any, raw: bytes, to: str, *, verdict: Verdict) -> Outcome:
        """The same in a transaction of somebody else's."""
        message = parse(raw)
        try:
            author = author_of(message)
        except NoSingleAuthor:
            author = None
        route, facts = look_up(session, self.host, message, author, to, self.now)
        incoming = Incoming(Envelope("b-x@elsewhere.example", (to,)), message, Authentication(verdict), route)
        outcome = decide(incoming, facts, self.now)
        apply(session, (Decision(incoming, facts, outcome),), pack(raw), self.now)
        return outcome

    def is_there(self, address: str) -> bool:
        """Does RCPT say yes?"""
        return self.read(lambda session: route_of(session, self.host, address, self.now.date())) is not None

    def log(self) -> list[str]:
        return [event.text for event in self.read(events.latest_events)]

    def state(self, domain: str) -> str:
        peer = self.read(lambda session: peers.peer_at(session, domain))
        return peer.state if peer else "none"

    def mailing_list(self, session: Any, name: str) -> MailingList:
        found = lists.list_named(session, name)
        assert found is not None
        return found

    def space(self, session: Any, name: str = "plum") -> Space:
        (found,) = [space for space in kept.all_spaces(session) if space.name == name]
        return found

    def roster(self, name: str = "plum") -> Roster:
        return self.read(lambda session: current_roster(session, self.space(session, name)))

    def active(self, name: str = "plum") -> list[str]:
        return [entry.domain for entry in self.roster(name).active(self.now)]

    def invite(self, other: Server, list_name: str = "all") -> None:
        self.write(
            lambda session: spaces.invite(session, self.host, self.space(session), other.domain, list_name, self.now)
        )

    def accept(self, list_name: str = "all") -> None:
        def say(session: Any) -> None:
            ((_, found), *_) = spaces.invitation_to(session, self.host, "plum")
            spaces.accept(session, self.host, found, self.mailing_list(session, list_name), self.now)

        self.write(say)

    def leave(self, *, erase: bool = False) -> None:
        self.write(lambda session: spaces.leave(session, self.host, self.space(session), erase=erase, now=self.now))


@dataclass
class Village:
    folder: Path
    template: Path
    closing: ExitStack
    now: datetime = BEGINNING
    servers: dict[str, Server] = field(default_factory=dict)
    people: list[Mail] = field(default_factory=list)  # what came to addresses that are no server's here
    lost: Callable[[Mail], bool] = lambda _: False

    def server(self, name: str, *, operator: str = "", may_ask: bool = False) -> Server:
        """With the list all@, whose one member is Ana of that server."""
        domain, home = f"{name}.example", self.folder / name
        (home / "keys").mkdir(parents=True)
        shutil.copy(self.template, home / "community.db")
        database = Database.open("sqlite:///community.db", home=home, owner=True)
        self.closing.callback(database.close)
        have_own_key(database, home / "keys", self.now)
        peering = "open" if may_ask else "invite-only"
        community = {"domain": domain, "name": name.title(), "operator": operator or f"op@{name}.people.example"}
        settings = Settings(community={**community, "peering": peering}, smtp={"listen": ("127.0.0.1:0",)})
        host = host_of(settings, SECRETS, database, OwnKeys(home / "keys"))
        made = Server(domain, home, database, host, self)
        self.servers[domain] = made

        def fill(session: Any) -> None:
            mailing_list = lists.create_list(session, name="all", title=f"All of {name}", now=self.now)
            ana = joining.Newcomer(Mailbox("Ana", f"ana@{name}.people.example"))
            joining.confirm(session, host, mailing_list=mailing_list, newcomer=ana, now=self.now, quiet=True)
            assert id_of(mailing_list)

        made.write(fill)
        return made

    def carry(self) -> list[Mail]:
        """Hands over what is on its way till nothing is any more. Returns all that went from server to server."""
        carried: list[Mail] = []
        while mails := [mail for server in self.servers.values() for mail in server.mails()]:
            for mail in mails:
                if mail.domain not in self.servers:
                    self.people.append(mail)
                elif not self.lost(mail):
                    carried.append(mail)
                    self.servers[mail.domain].take(mail.raw, mail.to)
            assert len(carried) < 2000, "they do not stop"
        return carried

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def befriend(self, *servers: Server) -> None:
        """A chain of links."""
        for one, other in pairwise(servers):
            self.ask(one, other)
            self.carry()
            for server, peer in ((one, other), (other, one)):
                self.approve(server, peer)
                self.carry()
            assert (one.state(other.domain), other.state(one.domain)) == ("active", "active")

    def ask(self, one: Server, other: Server) -> str:
        """`one` gives a code to `other`, who uses it."""
        code = one.write(lambda session: peering.make_invite(session, one.host, self.now))
        given = read_code(code)
        other.write(lambda session: peering.begin(session, other.host, one.domain, given, self.now))
        return code

    def approve(self, server: Server, peer: Server, words: Sequence[str] = ()) -> None:
        server.write(
            lambda session: peering.approve(session, server.host, peer.domain, self.now, words=" ".join(words))
        )

    def found(self, steward: Server, *others: Server, notice: int = 0) -> None:
        """The space plum, and those who are in it from now on."""
        steward.write(
            lambda session: spaces.create(
                session,
                steward.host,
                "plum",
                steward.mailing_list(session, "all"),
                title="Plum Street",
                notice=notice,
                now=self.now,
            )
        )
        for other in others:
            self.join(steward, other)

    def join(self, steward: Server, other: Server) -> None:
        steward.invite(other)
        self.carry()
        other.accept()
        self.carry()


@contextmanager
def village(folder: Path, template: Path) -> Iterator[Village]:
    """`template`: an empty database file of the newest revision."""
    with ExitStack() as closing:
        yield Village(folder, template, closing)
