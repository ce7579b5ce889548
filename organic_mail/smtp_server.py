"""The doors through which mail comes in: TCP and UNIX sockets for SMTP and LMTP."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from socket import AF_UNIX, socket

from organic_mail.config import Settings
from organic_mail.config_values import Listener
from organic_mail.lmtp_session import LmtpSession
from organic_mail.smtp_guard import Certificate, Guard
from organic_mail.smtp_session import Intake, MailSession

_BACKLOG = 1024
_ALL_MAY_CONNECT = 0o666  # an MTA runs as another account; what it hands over is checked like all mail


@dataclass(frozen=True, slots=True)
class Doors:
    """What was opened, and everybody who came in by it."""

    servers: tuple[asyncio.Server, ...]
    guard: Guard

    @property
    def addresses(self) -> tuple[str, ...]:
        """HOST:PORT or the path of each open socket, in the order of the settings."""
        return tuple(_shown(door) for server in self.servers for door in server.sockets)

    @property
    def open(self) -> bool:
        return not self.guard.closing and any(server.is_serving() for server in self.servers)

    async def close(self, grace: float) -> None:
        """Let nobody in any more; idle clients leave at once, others may finish their mail within `grace` seconds."""
        for server in self.servers:
            server.close()
        await self.guard.finish(grace)


async def start_smtp(
    settings: Settings,
    intake: Intake,
    *,
    sockets: Iterable[socket] = (),
    has_room: Callable[[], bool] = lambda: True,
) -> Doors:
    """Listen as `smtp.listen` says, or on `sockets` that the service manager has opened (UNIX ones speak LMTP).

    While `has_room` says no, every mail is put off.

    Raises OSError when an address or the certificate cannot be used.
    """
    smtp = settings.smtp
    guard = Guard(settings.limits, time.monotonic)
    certificate = Certificate(smtp.tls_certificate, smtp.tls_key) if smtp.tls_certificate else None

    def session(kind: type[MailSession]) -> Callable[[], MailSession]:
        return partial(
            kind,
            intake,
            guard,
            hostname=settings.community.domain,
            max_size=smtp.max_size,
            certificate=certificate,
            has_room=has_room,
        )

    loop = asyncio.get_running_loop()
    servers: list[asyncio.Server] = []
    try:
        for opened in sockets:
            if opened.family == AF_UNIX:
                servers.append(await loop.create_unix_server(session(LmtpSession), sock=opened, backlog=_BACKLOG))
            else:
                servers.append(await loop.create_server(session(MailSession), sock=opened, backlog=_BACKLOG))
        if not servers:
            for listener in settings.listeners:
                server = await _listening(session(LmtpSession if listener.lmtp else MailSession), listener)
                servers.append(server)
    except BaseException:
        for server in servers:
            server.close()
        raise
    return Doors(tuple(servers), guard)


async def _listening(session: Callable[[], MailSession], listener: Listener) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if listener.path:
        server = await loop.create_unix_server(session, listener.path, backlog=_BACKLOG)
        os.chmod(listener.path, _ALL_MAY_CONNECT)  # noqa: PTH101
        return server
    return await loop.create_server(session, listener.host, listener.port, backlog=_BACKLOG)


def _shown(door: socket) -> str:
    name = door.getsockname()
    if not isinstance(name, tuple):
        return str(name)
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
