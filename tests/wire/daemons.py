"""`organic-mail serve` as a process of its own."""

from __future__ import annotations

import os
import re
import select
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0  # seconds: far more than it takes, on the busiest machine
DRAIN = 10.0  # seconds (contract §1); a quarter of it is left over where a client never ends
GLANCE = 0.02  # seconds

SETTINGS = """\
[community]
domain = "oak.example"
operator = "olu@example.org"

[smtp]
listen = ["127.0.0.1:0"]
authentication = "off"

[delivery]
transport = "maildir"
maildir = "mail"
"""


@dataclass
class Daemon:
    home: Path
    process: subprocess.Popen[bytes]
    ready: str = field(default="")

    @property
    def port(self) -> int:
        found = re.search(r"smtp=127\.0\.0\.1:(\d+)", self.ready)
        assert found, self.ready
        return int(found[1])

    @property
    def log(self) -> str:
        return (self.home / "serve.log").read_text("utf-8")

    def end(self, number: int = signal.SIGTERM) -> int:
        """The exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def drained(self) -> bool:
        """Does it end well after SIGTERM, and in time? What a busy machine keeps us waiting does not count."""
        self.process.send_signal(signal.SIGTERM)
        for _ in range(round(DRAIN / GLANCE)):
            with suppress(subprocess.TimeoutExpired):
                return self.process.wait(GLANCE) == 0
        return False

    def wait_until_ready(self) -> None:
        output = cast("IO[bytes]", self.process.stdout)
        said, _, _ = select.select([output], [], [], PATIENCE)
        self.ready = output.readline().decode() if said else ""
        assert self.ready.startswith("ready"), self.log

    def send(self, raw: bytes, *, author: str = "anna@home.example", to: str = "family@oak.example") -> int:
        """The code of the answer after DATA."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=PATIENCE) as client:
            client.ehlo()
            client.mail(author)
            client.rcpt(to)
            return client.data(raw)[0]

    def copies(self) -> list[tuple[str, bytes]]:
        """Recipient and bytes of everything that was delivered."""
        return [(file.parents[1].name, file.read_bytes()) for file in sorted(self.home.glob("mail/*/new/*"))]


def until(there: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """What `there` gives, as soon as it gives something. patience: seconds."""
    end = time.monotonic() + patience
    while not (found := there()):
        assert time.monotonic() < end, "it did not come"
        select.select([], [], [], 0.02)
    return found


@contextmanager
def daemon(
    home: Path,
    *words: str,
    settings: str = SETTINGS,
    ready: bool = True,
    starter: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    **more: Any,
) -> Iterator[Daemon]:
    """`serve` with these settings, killed at the end where it still runs. `starter`: a command that execs it."""
    (home / "organic-mail.toml").write_text(settings, "utf-8")
    command = [*starter, sys.executable, "-m", "organic_mail.cli.main", "--home", str(home), "serve", *words]
    with (home / "serve.log").open("ab") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, stderr=errors, **more
        )
    with process:
        running = Daemon(home, process)
        try:
            if ready:
                running.wait_until_ready()
            yield running
        finally:
            process.kill()
