"""Every mail that a peer can send, spoilt: on its way by anybody, or by a peer who signs what it has spoilt."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from handlers.message import MalformedMessage, parse
from handlers.peer.account import received_control
from handlers.peer.border import Crossing
from handlers.peer.compose import Departing, post_name, seal_edit, seal_post, seal_retraction
from handlers.peer.control import Control, Unreadable
from handlers.peer.control_mail import (
    ACCOUNT_KINDS,
    REPORT,
    ControlMail,
    control_digest,
    read_control_mail,
    write_control_mail,
)
from handlers.peer.direct import received_direct
from handlers.peer.hop import DIRECT, Hop, signed_hop
from handlers.peer.outbox import due
from handlers.peer.relay import Outcome, Taken, received_post
from handlers.peer.relay_mail import PostMail, read_post_mail, write_post_mail
from handlers.peer.report import LONGEST_REASON, MOST_A_DAY, received_report
from handlers.peer.seal import Seal, SealedPost, seal_is_good, sealed
from handlers.peer.store import Reported
from tests.federation.simulator import CONTENT, HOUR, SPACE, Network, Weather
from tests.fuzz.test_reading import PIECES

_WORDS = (
    "", "0", "-1", "1", "2", "999999999999999999", "10000000000000000000", "1-5", "5-1", "1-1000000000", "1,1", "x",
    "s0.example", "s1.example", "<plum-street.spaces.s0.example>", "<a.spaces.b>", "2026-11-22", "2026-11-22T08:00:00Z",
    "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "status", "offer", "want", "ROSTER", "1=BADSEAL", "é", "母" * 200,
    "1|s0.example|aaaaaaaaaaaaaaaaaaaaaaaaaa|1|100", "1|s0.example||1|1", "1|..|a|1|1", "a" * 5000, " ", "%", "yes",
    "<plum-street.spaces.s0.example>=9/x", "<plum-street.spaces.s0.example>|2026-11-21", "1-2,4-6,8",
    "<plum-street.spaces.s0.example>|2026-11-21|3|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
)  # fmt: skip


class Trial:
    """A triangle with some traffic. Server 1 is who gets the mails; server 0 is the bad one, its peer."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.network = Network(3, {(0, 1), (0, 2), (1, 2)}, seed, Weather(lost=0, late=0, polled=1))
        self.network.start()
        self.bad, self.good, self.other = self.network.servers
        self.known = [self.network.write(server) for server in self.network.servers for _ in range(3)]
        self.network.run(2 * HOUR)
        self.sound = self.good.store.by_peer[self.bad.domain], self.bad.store.by_peer[self.good.domain]
        self.outcomes: Counter[Taken | str] = Counter()
        self.number = 1000
        self.reported: list[Reported] = []

    def run(self, count: int) -> None:
        mails = self._mails()
        for number in range(count):
            raw = next(mails)
            if number % 2:
                raw = self._spoilt(raw)
            try:
                self.take(raw)
            except Exception as fault:
                fault.add_note(f"mail {number}: {raw[:3000]!r}")
                raise
            if number % 50 == 0:
                self.check()
            if number % 20 == 0:  # else what the peer says of itself shuts it out for good
                self.good.store.save_link(self.sound[0])
                self.bad.store.save_link(self.sound[1])
        self.check()

    def take(self, raw: bytes) -> None:
        """As the daemon does."""
        good = self.good
        self.network.now += 1
        now = self.network.time(good)
        delivered, private = len(good.store.delivered), len(good.store.private)
        outcome: Outcome | None = None
        try:
            message = parse(raw)
            if (message.value("organic-type") or "") in ACCOUNT_KINDS:
                mail = read_control_mail(message)
                outcome = received_control(good.store, good.own, mail, token=self.bad.domain, now=now)
            elif (message.value("organic-type") or "") == REPORT:
                mail = read_control_mail(message)
                outcome = received_report(good.store, good.own, mail, token=self.bad.domain, now=now)
                self.reported += [action for action in outcome.actions if isinstance(action, Reported)]
            else:
                post = read_post_mail(message)
                if post.hop.hop.epoch == DIRECT:
                    outcome = received_direct(good.store, good.own, post, now)
                else:
                    outcome = received_post(good.store, good.own, post, token=self.bad.domain, now=now)
        except (MalformedMessage, Unreadable):
            pass
        self.outcomes[outcome.taken if outcome else "unreadable"] += 1
        if len(good.store.delivered) + len(good.store.private) > delivered + private:
            assert outcome is not None
            assert outcome.taken is Taken.ACCEPTED

    def check(self) -> None:
        """What is in the archive was sealed by its origin, and mail goes to peers alone."""
        store = self.good.store
        for post in store.archive.values():
            assert seal_is_good(post, self.network.by_domain[post.key.origin].key.public)
        for post in store.private:
            assert seal_is_good(post, self.bad.key.public)
        found = due(store, self.good.own, self.network.time(self.good) + timedelta(hours=1))
        assert {outgoing.peer for outgoing in found.mails} <= {self.bad.domain, self.other.domain}
        assert len(found.mails) <= 2 * 205
        for outgoing in found.mails:
            if isinstance(outgoing.mail, PostMail):
                write_post_mail(outgoing.mail.post, outgoing.mail.hop, to=outgoing.address, title="Plum Street")
            else:
                raw = write_control_mail(
                    outgoing.mail, to=outgoing.address, message_id="<a@b.example>", at=self.network.time(self.good)
                )
                assert read_control_mail(parse(raw)) == outgoing.mail
        mine = {post.key for post in self.known if post.key.origin == self.good.domain}
        assert len(self.reported) <= MOST_A_DAY
        for report in self.reported:
            assert report.peer == self.bad.domain
            assert report.key in mine
            assert 0 < len(report.reason) <= LONGEST_REASON
        for link in store.links():
            assert list(link.processed) == sorted(link.processed)

    def _mails(self) -> Iterator[bytes]:
        while True:
            yield self._post_mail(self._a_post())
            yield self._control(self._a_control())
            yield self._control(self._spoilt_control(self._a_control()))
            yield self._post_mail(self._a_spoilt_seal())

    def _a_post(self) -> SealedPost:
        network, bad = self.network, self.bad
        before = self.chance.choice([post for post in self.known if post.key.origin == bad.domain])
        name = post_name(self.chance.randbytes(17))
        now = network.time(bad)
        match self.chance.randrange(5):
            case 0:
                return seal_edit(bad.own, before.seal, Crossing("Pears", CONTENT), date=now)
            case 1:
                return seal_retraction(bad.own, before.seal, date=now, reason="wrong")
            case 2:
                departing = Departing(SPACE, 1, f"<plum.{bad.domain}>", now, "aaaaabbbbb", "Ana", 365)
                return seal_post(bad.own, departing, Crossing("Hello", CONTENT), name, to_author="aaaaabbbbb")
            case 3:
                return self.chance.choice(self.known)
            case _:
                return network.sealed_post(bad)

    def _a_spoilt_seal(self) -> SealedPost:
        """The origin itself has sealed nonsense."""
        seal: Seal = self._a_post().seal
        word = self.chance.choice(_WORDS)
        number = self.chance.choice((0, 1, 2, 10**6, 10**18))
        changes: list[dict[str, object]] = [
            {"space": word}, {"roster": number}, {"list_id": word}, {"author": word}, {"name": word or "x"},
            {"keep": number}, {"address": word or "x"}, {"subject": word}, {"in_reply_to": word}, {"twin": word},
            {"key": replace(seal.key, rev=number)}, {"key": replace(seal.key, post=word)},
            {"key": replace(seal.key, origin=word)}, {"date": seal.date.replace(year=self.chance.choice((1, 9999)))},
            {"contents": replace(seal.contents, parts=(word,))}, {"to_author": word}, {"reason": word},
        ]  # fmt: skip
        try:
            return sealed(replace(seal, **self.chance.choice(changes)), CONTENT, self.bad.key)  # type: ignore[arg-type]
        except Unreadable:
            return self._a_post()

    def _post_mail(self, post: SealedPost) -> bytes:
        link = self.bad.store.link(self.good.domain)
        assert link is not None
        self.number += 1
        epoch = self.chance.choice((link.epoch, link.epoch, link.epoch, DIRECT))
        seq = self.number if self.chance.random() < 0.8 else self.chance.choice((0, 1, 10**9, 10**30))
        path = self.chance.choice((self.bad.domain, "!".join(["a.example"] * 70), "", "!!", "x" * 300))
        hop = Hop(self.bad.domain, self.good.domain, epoch, seq, post.digest, path)
        try:
            return write_post_mail(post, signed_hop(hop, self.bad.key), to="organic-peer-x@s1.example", title="Plum")
        except ValueError:  # it cannot even be written
            return self._post_mail(self._a_post())

    def _a_control(self) -> Control:
        """One that the peer would really send."""
        link = self.bad.store.link(self.good.domain)
        assert link is not None
        beginning = (("v", "1"), ("type", self.chance.choice(sorted({*ACCOUNT_KINDS, REPORT}))))
        time = (self.network.time(self.bad) + timedelta(seconds=self.number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        common = (("from", self.bad.domain), ("to", self.good.domain), ("time", time))
        key = self.chance.choice(self.known).key
        fields = {
            "status": (
                ("epoch", link.epoch), ("sent", "5"), ("skip", ""), ("peer-epoch", link.peer_epoch), ("got", "2"),
                ("have", "4-5"), ("miss", "3"), ("refused", "1=DATE"), ("pause", "0"), ("roster", f"{SPACE}=1/x"),
                ("caps", "relay/1"),
                ("ledger", f"{SPACE}|2026-11-21|3|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            ),
            "offer": (("epoch", link.epoch), ("post", f"{self.number}|{key.origin}|{'b' * 26}|1|100")),
            "report": (("post", key.post), ("reason", "It sells something.")),
            "want": (("epoch", link.peer_epoch), ("want", "1-3"), ("have", "4"), ("day", f"{SPACE}|2026-11-21")),
        }  # fmt: skip
        return Control((*beginning, *common, *fields[beginning[1][1]]))

    def _spoilt_control(self, control: Control) -> Control:
        fields = list(control.fields)
        for _ in range(self.chance.randint(1, 4)):
            place = self.chance.randrange(len(fields))
            name, value = fields[place]
            match self.chance.randrange(5):
                case 0:
                    del fields[place]
                case 1:
                    fields.insert(place, (name, self.chance.choice(_WORDS)))
                case 2:
                    fields[place] = (self.chance.choice(fields)[0], value)
                case 3:
                    fields += [(name, value)] * self.chance.choice((1, 100, 700))
                case _:
                    fields[place] = (name, self.chance.choice(_WORDS))
            if not fields:
                return control
        return Control(tuple(fields))

    def _control(self, control: Control) -> bytes:
        self.number += 1
        epochs = control.all("epoch")
        link = self.bad.store.link(self.good.domain)
        assert link is not None
        epoch = epochs[0] if control.get("type") == "status" and epochs else link.epoch
        if control.get("type") == REPORT and self.chance.random() < 0.5:
            epoch = DIRECT
        try:
            hop = Hop(self.bad.domain, self.good.domain, epoch, 0, control_digest(control), self.bad.domain)
            mail = ControlMail(control, signed_hop(hop, self.bad.key))
            return write_control_mail(
                mail, to="organic-peer-x@s1.example", message_id="<a@b.example>", at=self.network.time(self.bad)
            )
        except (Unreadable, KeyError, ValueError):  # it cannot even be written
            return self._control(self._a_control())

    def _spoilt(self, raw: bytes) -> bytes:
        for _ in range(self.chance.randint(1, 4)):
            start = self.chance.randint(0, len(raw))
            end = min(len(raw), start + self.chance.randint(0, 60))
            new = self.chance.choice((b"", raw[start:end] * 2, self.chance.choice(PIECES), self.chance.randbytes(5)))
            raw = raw[:start] + new + raw[end:]
        return raw


def tried(server_seed: int, count: int) -> Counter[Taken | str]:
    """What became of so many mails."""
    trial = Trial(server_seed)
    trial.run(count)
    return trial.outcomes
