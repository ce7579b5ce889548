"""A community that is killed and started again while a sender, who keeps what nobody took, goes on sending to it."""

from __future__ import annotations

import os
import signal
import smtplib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.wire import checker, crashing
from tests.wire.community import mail
from tests.wire.daemons import PATIENCE, until
from tests.wire.sink import Sink

CONCURRENCY = 4
POSTS_A_TURN = 2
TURNS = 20

SETTINGS = """\
[community]
domain = "oak.example"

[smtp]
listen = ["127.0.0.1:0"]
authentication = "off"

[delivery]
transport = "smarthost"
smarthost = "smtp://127.0.0.1:{port}"
concurrency = {concurrency}
"""


@dataclass
class Lives:
    """`recipients` are on the list family; each post is owed to each of them."""

    home: Path
    sink: Sink
    recipients: frozenset[str]
    sent: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    kills: list[int] = field(default_factory=list)
    delivered: set[checker.Pair] = field(default_factory=set)
    looked_at: int = 0
    process: Any = None
    port: int = 0

    def start(self, point: str = crashing.NEVER, count: int = 1) -> None:
        settings = SETTINGS.format(port=self.sink.port, concurrency=CONCURRENCY)
        (self.home / "organic-mail.toml").write_text(settings)
        self.process, self.port = crashing.start(self.home, point, count)

    def live_and_die(self, point: str, count: int) -> None:
        """One life that ends at a named point."""
        self.start(point, count)
        for _ in range(TURNS):
            if self.port == 0 or self.turn():
                break
        self.process.join(PATIENCE)
        assert self.process.exitcode == -signal.SIGKILL, f"{point} was not reached"
        self.note_kill()

    def live_for(self, seconds: float) -> None:
        """One life that ends at some moment."""
        end = time.monotonic() + seconds
        self.start()
        while time.monotonic() < end and not self.send_some(until=end):
            pass
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join(PATIENCE)
        self.note_kill()

    def note_kill(self) -> None:
        until(lambda: self.sink.open_connections == 0)  # what was on the wire arrives all the same
        self.kills.append(len(self.sink.taken))

    def turn(self) -> bool:
        """Send a little and see it delivered; True when the daemon has died."""
        if self.send_some():
            return True
        return until(lambda: "dead" if not self.process.is_alive() else self.all_delivered() and "well") == "dead"

    def all_delivered(self) -> bool:
        new = self.sink.taken[self.looked_at :]  # while we look, more comes
        self.delivered.update(checker.pairs(new))
        self.looked_at += len(new)
        return len(self.delivered) >= len(self.acknowledged) * len(self.recipients)

    def send_some(self, *, until: float = float("inf")) -> bool:
        """What got no answer comes first. True when the daemon went away."""
        new = [f"<{len(self.sent) + number}@home.example>" for number in range(POSTS_A_TURN)]
        self.sent += new
        self.unanswered += new
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=PATIENCE) as client:
                for one in tuple(self.unanswered):
                    client.sendmail("anna@home.example", ["family@oak.example"], mail(message_id=one, subject=one))
                    self.unanswered.remove(one)
                    self.acknowledged.add(one)
                    if time.monotonic() > until:
                        return True
        except (smtplib.SMTPServerDisconnected, ConnectionError):
            return True
        return False

    def finish(self) -> None:
        """A last life without a kill: everything arrives, and the account is right."""
        self.start()
        assert not self.turn()
        database = self.home / "community.db"
        until(lambda: not checker.waiting(database))
        self.process.terminate()
        self.process.join(PATIENCE)
        assert self.process.exitcode == 0
        assert not self.unanswered
        assert self.acknowledged == set(self.sent)
        checker.check(
            database,
            acknowledged=self.acknowledged,
            sent=self.sent,
            recipients=self.recipients,
            taken=self.sink.taken,
            kills=self.kills,
            in_flight=CONCURRENCY,
        )


@contextmanager
def lives(om: Any, *, members: int = 5) -> Iterator[Lives]:
    """`om`: an Operator with an empty HOME."""
    om("list", "create", "family")
    names = ["anna", *(f"member{number}" for number in range(1, members))]
    for name in names:
        assert om("member", "add", "family", f"{name} <{name}@home.example>", "--confirmed", "--quiet").code == 0
    with Sink().listening() as sink:
        running = Lives(om.home, sink, frozenset(f"{name}@home.example" for name in names))
        try:
            yield running
        finally:
            if running.process is not None and running.process.is_alive():
                running.process.kill()
                running.process.join(PATIENCE)
