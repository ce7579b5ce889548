"""How safe the way to a mail server has to be, and the first line to one that is safe enough (spec/mail.md §3.3)."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from enum import IntEnum
from pathlib import Path
from typing import Protocol

import structlog

from organic_mail.smarthost import NextHop, Tls
from organic_mail.smtp_client import Connection, EncryptionFailed, NoEncryption

_FILE_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+")

log = structlog.get_logger()


class Safety(IntEnum):
    """Of a connection, and what a recipient's domain is known to give."""

    PLAIN = 0
    ENCRYPTED = 1  # with whoever answered
    VERIFIED = 2  # its certificate is good for the host's name


class NotSafe(Exception):
    """The way there was safer before, or has to be: the mail waits."""


class Levels(Protocol):
    """What domains have given, so that nobody in between can take it back unseen."""

    def recall(self, domain: str) -> Safety: ...

    def keep(self, domain: str, level: Safety) -> None: ...


class LevelFolder:
    """`Levels` as one small file for each domain; whoever removes a file lets the domain begin anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def recall(self, domain: str) -> Safety:
        if not _FILE_NAME.fullmatch(domain):
            return Safety.PLAIN
        try:
            return Safety[json.loads(self._file(domain).read_text("utf-8"))["level"].upper()]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return Safety.PLAIN

    def keep(self, domain: str, level: Safety) -> None:
        if not _FILE_NAME.fullmatch(domain) or self.recall(domain) >= level:
            return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        draft = self._folder / f"{domain}.new"
        draft.write_text(json.dumps({"level": level.name.lower()}), "utf-8")
        draft.replace(self._file(domain))

    def _file(self, domain: str) -> Path:
        return self._folder / f"{domain}.json"


Connect = Callable[[NextHop], Awaitable[Connection]]


async def safe_line(
    host: str, address: str, port: int, *, least: Safety, first: Safety, connect: Connect
) -> tuple[Connection, Safety]:
    """A connection to a mail server that is at least as safe as `least`, and how safe it is.

    `first` is tried first: VERIFIED where a policy is only being tested (RFC 8461 §5), else ENCRYPTED. Without a
    demand a plain one follows where TLS comes to nothing (RFC 7435 §3). Raises NotSafe, ConnectionLost and
    NextHopRefused.
    """
    wanted = max(least, first)
    while True:
        tls = Tls.NEVER if wanted is Safety.PLAIN else Tls.WHERE_OFFERED
        hop = NextHop(host, port, tls, verified=wanted is Safety.VERIFIED, address=address)
        try:
            line = await connect(hop)
        except (EncryptionFailed, NoEncryption) as problem:
            reason = str(problem)
        else:
            if line.encrypted:
                return line, wanted
            if least is Safety.PLAIN and wanted < Safety.VERIFIED:
                return line, Safety.PLAIN
            await line.quit()
            reason = f"{hop} offers no encryption"
        if wanted <= least:
            raise NotSafe(reason)
        log.warning("not as safe as it could be", reason=reason, policy_is_tested=wanted is Safety.VERIFIED)
        wanted = Safety(wanted - 1)
