"""Several communities as daemons of their own, each on a loopback address, who find each other by DNS and prove
themselves by DKIM, as on the Internet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from organic_mail.cli import peers as peer_commands
from tests.dns_server import DnsServer
from tests.ports import free_port
from tests.wire.command_line import Answer, Operator
from tests.wire.daemons import PATIENCE, Daemon, daemon, until

SETTINGS = """\
[community]
domain = "{domain}"
name = "{name}"
operator = "op@people.example"
peering = "{peering}"

[smtp]
listen = ["{address}:{port}"]
authentication = "enforce"

[delivery]
transport = "direct"
port = {port}
allow_private_addresses = true
mta_sts = false

[dns]
nameservers = ["{nameserver}"]
"""


@dataclass
class Neighbour:
    """One server and its operator."""

    domain: str
    home: Path
    settings: str
    address: str
    running: Daemon | None = field(default=None)

    def __call__(self, *words: str) -> str:
        """What `organic-mail WORDS…` prints, beside the daemon; tried again where it says so."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(peer_commands, "WAITING_SECONDS", PATIENCE)  # some commands wait for what the others write
            done = until(lambda: self._unless_busy(words))
        assert done.code == 0, (words, done.err, self.running.log if self.running else "")
        return done.out

    def _unless_busy(self, words: tuple[str, ...]) -> Answer | None:
        answer = Operator(self.home)(*words)
        return None if "nothing changed, try again" in answer.err else answer

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))

    def peers(self) -> dict[str, str]:
        return {each["domain"]: each["state"] for each in self.json("peer", "ls")}

    def entries(self, space: str) -> dict[str, str]:
        """Domain and state."""
        return {each["domain"]: each["state"] for each in self.json("space", "show", space)["entries"]}

    def is_through(self) -> bool:
        """Is nothing on its way out? What nobody took so far waits for its time."""
        return not {row["state"] for row in self.json("queue", "ls")} & {"due", "sending"}

    @contextmanager
    def serving(self) -> Iterator[Daemon]:
        with daemon(self.home, settings=self.settings) as running:
            self.running = running
            try:
                yield running
            finally:
                self.running = None


class Street:
    """Makes neighbours that all listen on one port, each on its own loopback address, as `delivery.port` wants it."""

    def __init__(self, folder: Path, dns: DnsServer) -> None:
        self._folder, self._dns, self.port, self._number = folder, dns, free_port(), 0
        self._dns.put("people.example", MX=["0 ."])

    def neighbour(self, name: str, *, lists: tuple[str, ...] = (), peering: str = "invite-only") -> Neighbour:
        self._number += 1
        domain, address = f"{name}.example", f"127.0.0.{10 + self._number}"
        home = self._folder / name
        made = Operator(home)("init", domain, "--name", name.capitalize(), "--operator", "op@people.example")
        assert made.code == 0, made.err
        settings = SETTINGS.format(
            domain=domain,
            name=name.capitalize(),
            address=address,
            port=self.port,
            peering=peering,
            nameserver=self._dns.nameserver,
        )
        neighbour = Neighbour(domain, home, settings, address)
        for record in Operator(home)("dns", "show", "--json").json:
            if record["type"] == "TXT":
                self._dns.put(record["name"].rstrip("."), TXT=[record["value"].strip('"')])
        self._dns.put(domain, MX=[f"10 mx.{domain}."])
        self._dns.put(f"mx.{domain}", A=[address])
        for each in lists:
            neighbour("list", "create", each)
        return neighbour


def agreed(there: Callable[[], Any], *servers: Neighbour) -> Any:
    """As `until`. After a while all that the servers put off goes again: a machine that is busy enough answers a lookup
    too late, and a mail that meets that comes in minutes.
    """
    for _ in range(5):
        try:
            return until(there, 20)
        except AssertionError:
            for server in servers:
                server("queue", "retry", "--all")
    return until(there)


def befriend(one: Neighbour, other: Neighbour) -> None:
    """By a code; both operators say yes, and both daemons run."""
    code = one("peer", "invite").strip()
    other("peer", "accept", code)
    one("peer", "approve", other.domain, "--yes")
    other("peer", "approve", one.domain, "--yes")
    agreed(lambda: one.peers().get(other.domain) == other.peers().get(one.domain) == "active", one, other)
