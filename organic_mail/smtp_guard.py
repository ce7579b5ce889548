"""Who may connect, how often, and with which certificate we answer STARTTLS (spec/mail.md §2.1)."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import math
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from handlers.reply import Reply
from organic_mail.config import LimitsSection

log = structlog.get_logger()

_FULL = Reply(421, "4.7.0", "Too many connections. Please try again later")
_FULL_FOR_NETWORK = Reply(421, "4.7.0", "Too many connections from your network. Please try again later")
_SLOWEST = Reply(421, "4.7.0", "Others are waiting. Please try again later")

_PATIENCE = 1.0
"""Seconds in which nobody has to give way to others."""
_PATIENCE_IN_A_CROWD = 0.25
_LEAST_PATIENCE = 0.1
_TURN = 0.4
"""Seconds in which a crowd that waits is let through, if its members need not have more than that."""
_CROWD = 10
"""So many who wait, or were turned away of late, are a crowd: far more than places, and all may come again at once."""
_HALF = 5.0
"""Seconds after which half of what was is forgotten."""
_WAIT = 0.8
"""Seconds that a new client waits for a place at most, before it is greeted."""
_QUEUE = 4
"""So many times the number of places may wait for one."""
_LOOK = 0.02


def network_of(host: str) -> str:
    """The /24 or /56 of a client, by which floods are counted; "" for loopback and UNIX sockets, which are exempt."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return ""
    prefix = 24 if address.version == 4 else 56
    return str(ipaddress.ip_network((address, prefix), strict=False))


class Session(Protocol):
    deciding: bool
    """Does the client wait for what becomes of its mail?"""

    def hang_up(self, reply: Reply) -> None: ...
    def finish(self) -> None: ...
    def abort(self) -> None: ...


@dataclass(slots=True)
class _Lately:
    """A sum that fades: a client that drips, or that begins and falls silent, soon counts as saying nothing."""

    since: float
    last: float = 0.0
    sum: float = 0.0  # as it was at `last`

    def at(self, now: float) -> float:
        return self.sum * math.exp2((self.last - now) / _HALF)

    def add(self, amount: int, now: float) -> None:
        self.sum, self.last = self.at(now) + amount, now


class Guard:
    """Knows who is connected. `clock`: seconds that never go back.

    When all places are taken, the slowest client gives way to a new one (spec/mail.md §5.2 R6): who holds places open
    without using them keeps nobody out.
    """

    def __init__(self, limits: LimitsSection, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.closing = False
        self._clock = clock
        self._sessions: set[Session] = set()
        self._said: dict[Session, _Lately] = {}  # bytes of those who were let in, the oldest first
        self._turned_away = _Lately(since=clock())
        self._queue = asyncio.Lock()  # for places, in the order in which they came
        self._queueing = 0
        self._nobody_here = asyncio.Event()
        self._open_by_network: Counter[str] = Counter()
        self._minute = 0
        self._new_by_network: Counter[str] = Counter()

    @property
    def connections(self) -> int:
        return len(self._sessions)

    def enter(self, session: Session, host: str) -> Reply | None:
        """Count a connection; the refusal when its network has too many. Every `enter` is followed by a `leave`."""
        network = network_of(host)
        self._sessions.add(session)
        self._nobody_here.clear()
        if network:
            self._open_by_network[network] += 1
            minute = int(self._clock() // 60)
            if minute != self._minute:
                self._minute = minute
                self._new_by_network.clear()
            self._new_by_network[network] += 1
            if (
                self._open_by_network[network] > self.limits.connections_per_network
                or self._new_by_network[network] > self.limits.connections_per_minute
            ):
                return _FULL_FOR_NETWORK
        return None

    async def place(self, session: Session) -> Reply | None:
        """Wait shortly for a place; the refusal when there is none."""
        if self._has_place() and not self._queueing:
            self._said[session] = _Lately(since=self._clock())
            return None
        if self._queueing >= _QUEUE * self.limits.connections:
            return self._full()
        self._queueing += 1
        try:
            async with asyncio.timeout(_WAIT), self._queue:
                while not self._has_place() and not self._make_place():  # noqa: ASYNC110 - time alone makes a place
                    await asyncio.sleep(_LOOK)
                self._said[session] = _Lately(since=self._clock())
        except TimeoutError:
            return self._full()
        finally:
            self._queueing -= 1
        return None

    def _has_place(self) -> bool:
        return len(self._said) < self.limits.connections

    def _full(self) -> Reply:
        self._turned_away.add(1, self._clock())
        return _FULL

    def _make_place(self) -> bool:
        """Send away who has said the least of late; never one whose mail is complete, for it would come again."""
        now = self._clock()
        patience = self._patience(now)
        settled = [
            session for session, said in self._said.items() if now - said.since >= patience and not session.deciding
        ]
        if not settled:
            return False
        slowest = min(settled, key=lambda session: self._said[session].at(now))
        del self._said[slowest]
        slowest.hang_up(_SLOWEST)
        self._turned_away.add(1, now)
        return True

    def _patience(self, now: float) -> float:
        """Shorter the more wait: who came first is let in before it is told that there is no place."""
        if self._queueing + self._turned_away.at(now) < _CROWD:
            return _PATIENCE
        turn = _TURN * self.limits.connections / max(self._queueing, 1)
        return min(max(turn, _LEAST_PATIENCE), _PATIENCE_IN_A_CROWD)

    def heard(self, session: Session, size: int) -> None:
        """A client has said something, of so many bytes."""
        if said := self._said.get(session):
            said.add(size, self._clock())

    def leave(self, session: Session, host: str) -> None:
        """May be called again."""
        if session not in self._sessions:
            return
        self._sessions.discard(session)
        self._said.pop(session, None)
        if not self._sessions:
            self._nobody_here.set()
        network = network_of(host)
        if network:
            self._open_by_network[network] -= 1
            if not self._open_by_network[network]:
                del self._open_by_network[network]

    async def finish(self, grace: float) -> None:
        """Nobody begins another mail; those who are in the middle of one have `grace` seconds."""
        self.closing = True
        for session in tuple(self._sessions):
            session.finish()
        if self._sessions:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nobody_here.wait(), grace)
        for session in tuple(self._sessions):
            session.abort()


class Certificate:
    """A certificate that is read again when its files change; a bad new one is logged, and the old one stays."""

    def __init__(self, certificate: str, key: str) -> None:
        """Raises OSError or ssl.SSLError when the files cannot be used."""
        self._files = (Path(certificate), Path(key))
        self._seen = self._stamp()
        self._context = self._loaded()

    def context(self) -> ssl.SSLContext:
        try:
            stamp = self._stamp()
            if stamp != self._seen:
                self._context = self._loaded()
                self._seen = stamp
        except OSError as trouble:  # ssl.SSLError is one; while both files are being replaced they do not fit
            log.warning("the certificate for STARTTLS cannot be read again, the old one stays", reason=str(trouble))
        return self._context

    def _stamp(self) -> tuple[tuple[int, int], ...]:
        stats = [file.stat() for file in self._files]
        return tuple((stat.st_mtime_ns, stat.st_ino) for stat in stats)

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996 §4
        context.load_cert_chain(*self._files)
        return context
