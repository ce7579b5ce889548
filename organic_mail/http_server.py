"""The door of the web part: a small uvicorn in a thread of its own, with limits for what strangers can hold open."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS = 100
"""From here on a request is answered with 503; from five times as many on, a connection is closed at once."""
CONNECTION_SECONDS = 30.0
"""So long a connection lives at most, whether it asks slowly, reads slowly or says nothing at all."""
HEADER_BYTES = 16 * 1024
IDLE_SECONDS = 5
GRACE_SECONDS = 4


class _ShortConnection(H11Protocol):
    """uvicorn has no limit of its own for a client that never finishes its request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._end = self.loop.call_later(CONNECTION_SECONDS, transport.abort)
        if len(self.connections) > 5 * CONNECTIONS:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.cancel()
        super().connection_lost(exc)


class HttpServer:
    """`run` serves until `stop`, which may be called from any thread. `address`: HOST:PORT."""

    def __init__(self, application: Starlette, listening: socket.socket) -> None:
        self._socket = listening
        self._server = uvicorn.Server(
            uvicorn.Config(
                application,
                http=_ShortConnection,
                ws="none",
                loop="asyncio",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="error",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=CONNECTIONS,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
                h11_max_incomplete_event_size=HEADER_BYTES,
            )
        )

    @property
    def address(self) -> str:
        name: Any = self._socket.getsockname()
        host, port = name[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def run(self) -> None:
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        self._server.should_exit = True
