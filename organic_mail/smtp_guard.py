"""Who may connect, how often, and with which certificate we answer STARTTLS (spec/mail.md §2.1)."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import structlog

from handlers.reply import Reply
from organic_mail.config import LimitsSection

log = structlog.get_logger()

_FULL = Reply(421, "4.7.0", "Too many connections. Please try again later")
_FULL_FOR_NETWORK = Reply(421, "4.7.0", "Too many connections from your network. Please try again later")


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
    def finish(self) -> None: ...
    def abort(self) -> None: ...


class Guard:
    """Knows who is connected. `clock`: seconds that never go back."""

    def __init__(self, limits: LimitsSection, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.closing = False
        self._clock = clock
        self._sessions: set[Session] = set()
        self._nobody_here = asyncio.Event()
        self._open_by_network: Counter[str] = Counter()
        self._minute = 0
        self._new_by_network: Counter[str] = Counter()

    @property
    def connections(self) -> int:
        return len(self._sessions)

    def enter(self, session: Session, host: str) -> Reply | None:
        """Count a connection; the refusal when it is one too many. Every `enter` is followed by a `leave`."""
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
        return _FULL if len(self._sessions) > self.limits.connections else None

    def leave(self, session: Session, host: str) -> None:
        """May be called again."""
        if session not in self._sessions:
            return
        self._sessions.discard(session)
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
