"""Direct delivery as tests set it up: a name server of theirs, and mail servers on loopback that share one port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random

from organic_mail.direct import Direct
from organic_mail.lines import Lines
from organic_mail.mta_sts import MtaSts, PolicyFolder
from organic_mail.routes import Router
from organic_mail.sending import Calls, Sending
from organic_mail.smtp_client import Timeouts, connect
from organic_mail.tls_out import LevelFolder
from tests.dns_server import DnsServer

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class Outside:
    """The Internet of a test; `policies`: what the web servers of MTA-STS say."""

    dns: DnsServer
    folder: Path
    port: int = 0
    allow_private: bool = True
    policies: dict[str, bytes] = field(default_factory=dict)
    dialled: list[str] = field(default_factory=list)
    timeouts: dict[str, Timeouts] = field(default_factory=dict)  # by address, where they are not the usual ones

    def domain(self, name: str, *addresses: str) -> None:
        """A domain with mail servers mx0.NAME, mx1.NAME … by preference."""
        for number, address in enumerate(addresses):
            self.dns.put(name, MX=[f"{10 + number} mx{number}.{name}."])
            self.dns.put(f"mx{number}.{name}", **{"AAAA" if ":" in address else "A": [address]})

    def promise(self, name: str, *hosts: str, mode: str = "enforce") -> None:
        """MTA-STS for a domain."""
        self.dns.put(f"_mta-sts.{name}", TXT=["v=STSv1; id=1;"])
        lines = ["version: STSv1", f"mode: {mode}", "max_age: 86400", *(f"mx: {host}" for host in hosts)]
        self.policies[name] = "\n".join(lines).encode()

    @property
    def levels(self) -> LevelFolder:
        return LevelFolder(self.folder / "tls")

    def sending(self) -> Callable[[Calls], Sending]:
        async def dial(hop, **settings):  # type: ignore[no-untyped-def]
            self.dialled.append(hop.address)
            return await connect(hop, **settings, timeouts=self.timeouts.get(hop.address, Timeouts()))

        def opened(calls: Calls) -> Sending:
            dns = self.dns.resolver()
            sts = MtaSts(dns, self.policies.__getitem__, PolicyFolder(self.folder / "mta-sts"), Random(1))
            router = Router(
                dns,
                self.levels,
                sts,
                own_names={"oak.example"},
                allow_private=self.allow_private,
                chance=Random(1),
                clock=lambda: NOW,
            )
            lines = Lines(partial(dial, helo="oak.example"), self.levels, port=self.port)
            return Direct(router, lines, calls)

        return opened
