"""MTA-STS (RFC 8461): a domain's promise that its mail servers are these, and speak TLS with good certificates.

Whoever stands in between can hide the promise once, but not take it back: it is remembered until it expires. All of
this blocks, so it is called in a thread.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import re
import ssl
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Protocol

from handlers.sts_policy import BrokenPolicy, Mode, Policy, read_policy, record_id
from organic_mail.mx import is_public
from organic_mail.resolver import Dns, DnsTrouble, NoSuchName

LARGEST_POLICY = 64 * 1024  # RFC 8461 §3.3
LARGEST_RESPONSE = LARGEST_POLICY + 16 * 1024  # with its header
FETCH_SECONDS = 30.0
LOOK_AGAIN_AFTER = timedelta(days=1)
AFTER_FAILURE = timedelta(minutes=5)  # RFC 8461 §3.3
MOST_FAILURES_KEPT = 10_000

_FILE_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+")


@dataclass(frozen=True, slots=True)
class Kept:
    """A policy as it was fetched; `id` is that of the DNS record which announced it."""

    policy: Policy
    id: str
    fetched_at: datetime
    look_again_at: datetime

    def valid(self, now: datetime) -> bool:
        return now < self.fetched_at + timedelta(seconds=self.policy.max_age)


class Memory(Protocol):
    """Where policies outlive the process."""

    def recall(self, domain: str) -> Kept | None: ...

    def keep(self, domain: str, kept: Kept) -> None: ...


class MtaSts:
    """*fetch* gets the policy text of a domain, raising `BrokenPolicy`; *chance* spreads refreshes over time."""

    def __init__(self, dns: Dns, fetch: Callable[[str], bytes], memory: Memory, chance: Random) -> None:
        self._dns = dns
        self._fetch = fetch
        self._memory = memory
        self._chance = chance
        self._not_before: dict[str, datetime] = {}

    def policy_for(self, domain: str, now: datetime) -> Policy | None:
        """The policy of a recipient's *domain* (A-labels); None when there is none. Never raises.

        One that is still valid stays in force when DNS or the web server say nothing (RFC 8461 §3.3).
        """
        kept = self._memory.recall(domain)
        if kept is not None and not kept.valid(now):
            kept = None
        announced = self._announced(domain)
        if announced and self._may_fetch(domain, announced, kept, now):
            try:
                policy = read_policy(self._fetch(domain))
            except BrokenPolicy:
                self._failed(domain, now)
            else:
                pause = min(timedelta(seconds=policy.max_age), LOOK_AGAIN_AFTER) * self._chance.uniform(0.5, 0.9)
                kept = Kept(policy, announced, now, now + pause)
                self._memory.keep(domain, kept)
        return kept.policy if kept else None

    def _announced(self, domain: str) -> str | None:
        try:
            return record_id(self._dns.txt(f"_mta-sts.{domain}"))
        except (NoSuchName, DnsTrouble):
            return None

    def _may_fetch(self, domain: str, announced: str, kept: Kept | None, now: datetime) -> bool:
        if kept is not None and kept.id == announced and now < kept.look_again_at:
            return False
        return now >= self._not_before.get(domain, now)

    def _failed(self, domain: str, now: datetime) -> None:
        if len(self._not_before) >= MOST_FAILURES_KEPT:
            self._not_before.clear()
        self._not_before[domain] = now + AFTER_FAILURE


class HttpsFetch:
    """Gets https://mta-sts.DOMAIN/.well-known/mta-sts.txt as RFC 8461 §3.3 wants it: a good certificate, 200 and
    text/plain, no redirect, at most 64 KiB; and from the public Internet only, unless *allow_private*."""

    def __init__(
        self,
        dns: Dns,
        *,
        allow_private: bool = False,
        port: int = 443,
        trust: ssl.SSLContext | None = None,
        seconds: float = FETCH_SECONDS,
    ) -> None:
        self._dns = dns
        self._allow_private = allow_private
        self._port = port
        self._trust = trust or ssl.create_default_context()
        self._seconds = seconds

    def __call__(self, domain: str) -> bytes:
        """Raises `BrokenPolicy`."""
        host = f"mta-sts.{domain}"
        address = next((ip for ip in self._addresses(host) if self._allow_private or is_public(ip)), None)
        if address is None:
            raise BrokenPolicy(f"{host} has no public address")
        try:
            return _policy_text(asyncio.run(self._exchange(host, address)))
        except (OSError, TimeoutError, http.client.HTTPException, ValueError) as trouble:
            raise BrokenPolicy(f"{host}: {trouble}") from None

    def _addresses(self, host: str) -> tuple[str, ...]:
        try:
            return self._dns.a(host) or self._dns.aaaa(host)
        except (NoSuchName, DnsTrouble) as trouble:
            raise BrokenPolicy(f"{host}: {trouble}") from None

    async def _exchange(self, host: str, address: str) -> bytes:
        """The whole response, cut where it is too long anyway."""
        request = f"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        async with asyncio.timeout(self._seconds):
            reader, writer = await asyncio.open_connection(address, self._port, ssl=self._trust, server_hostname=host)
            try:
                writer.write(request.encode("ascii"))
                response = b""
                while len(response) <= LARGEST_RESPONSE and (piece := await reader.read(LARGEST_RESPONSE)):
                    response += piece
            finally:
                writer.transport.abort()
        return response


class _Received:
    """What http.client needs of a socket to read a response that has come already."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._data)


def _policy_text(response: bytes) -> bytes:
    read = http.client.HTTPResponse(_Received(response))  # type: ignore[arg-type]
    read.begin()
    if read.status != 200:
        raise BrokenPolicy(f"the answer is {read.status}")
    if read.headers.get_content_type() != "text/plain":
        raise BrokenPolicy("the answer is not text/plain")
    text = read.read(LARGEST_POLICY + 1)
    if len(text) > LARGEST_POLICY:
        raise BrokenPolicy("the answer is too long")
    if read.length:
        raise BrokenPolicy("the answer was cut short")
    return text


class PolicyFolder:
    """`Memory` as one small file for each domain; a file that cannot be read is as good as none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def recall(self, domain: str) -> Kept | None:
        if not _FILE_NAME.fullmatch(domain):
            return None
        try:
            kept = json.loads((self._folder / f"{domain}.json").read_text("utf-8"))
            policy = Policy(Mode(kept["mode"]), tuple(kept["mx"]), int(kept["max_age"]))
            return Kept(policy, str(kept["id"]), _moment(kept["fetched_at"]), _moment(kept["look_again_at"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, domain: str, kept: Kept) -> None:
        if not _FILE_NAME.fullmatch(domain):
            return
        written = {
            **asdict(kept.policy),
            "id": kept.id,
            "fetched_at": kept.fetched_at.isoformat(),
            "look_again_at": kept.look_again_at.isoformat(),
        }
        self._folder.mkdir(exist_ok=True)
        draft = self._folder / f"{domain}.new"
        draft.write_text(json.dumps(written), "utf-8")
        draft.replace(self._folder / f"{domain}.json")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
