"""A wire between a client and a server that breaks at a chosen command."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, Thread

from tests.wire.daemons import PATIENCE


@dataclass
class Wire:
    """Breaks once, at the command of that number (from 1): before it reaches the server, or, `deaf`, after it has and
    before the answer comes back."""

    server_port: int
    breaks_at: int = 0
    deaf: bool = False
    commands: list[bytes] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)
    port: int = 0

    @contextmanager
    def laid(self) -> Iterator[Wire]:
        with socket.create_server(("127.0.0.1", 0)) as door:
            self.port = door.getsockname()[1]
            accepting = Thread(target=self._accept, args=(door,), daemon=True)
            accepting.start()
            yield self
            with contextlib.suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
        accepting.join(PATIENCE)

    @property
    def broke(self) -> bool:
        return 0 < self.breaks_at <= len(self.commands)

    def _accept(self, door: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = door.accept()
                server = socket.create_connection(("127.0.0.1", self.server_port))
                Thread(target=self._up, args=(client, server), daemon=True).start()
                Thread(target=_carry, args=(server, client), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        """What the client says, a line at a time."""
        with contextlib.suppress(OSError), client.makefile("rb") as lines:
            for line in lines:
                with self.lock:
                    self.commands.append(line)
                    cut = len(self.commands) == self.breaks_at
                if cut and not self.deaf:
                    break
                if cut:
                    _hang_up(client)
                server.sendall(line)
                if cut:
                    break
        _hang_up(client)
        _hang_up(server)


def _carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    _hang_up(target)


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
