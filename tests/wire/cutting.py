"""A wire between a client and a server that breaks at a chosen command, and a gate before a server that can be shut."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, Thread


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
        accepting.join(10)

    @property
    def broke(self) -> bool:
        return 0 < self.breaks_at <= len(self.commands)

    def _accept(self, door: socket.socket) -> None:
        for client, server in _pairs(door, ("127.0.0.1", self.server_port)):
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


def _pairs(door: socket.socket, behind: tuple[str, int]) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Who comes, and a connection to the server for each; who finds it gone is sent away. Until the door closes."""
    with contextlib.suppress(OSError):
        while True:
            client, _ = door.accept()
            try:
                yield client, socket.create_connection(behind)
            except OSError:
                _hang_up(client)


def _carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    _hang_up(target)


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@dataclass
class Gate:
    """What the world finds in the place of a server: it lets through what should pass, and can be cut."""

    address: str
    port: int
    server: str
    shut_for: Callable[[str], bool] = lambda name: False  # asked with the name in EHLO
    breaks: str = ""  # "in the text" or "before the answer"; then nobody passes until it is mended
    of: bytes = b""  # the mail in which it does: it has these words
    _open: list[socket.socket] = field(default_factory=list)

    @contextmanager
    def standing(self) -> Iterator[Gate]:
        with socket.create_server((self.address, self.port)) as door:
            accepting = Thread(target=self._accept, args=(door,), daemon=True)
            accepting.start()
            yield self
            with contextlib.suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
        accepting.join(10)
        self._hang_up_all()

    @property
    def is_cut(self) -> bool:
        return self.shut_for("anybody")

    def cut(self) -> None:
        """Whoever speaks is cut off, and nobody is let in any more."""
        self.shut_for = lambda name: True
        self._hang_up_all()

    def mend(self) -> None:
        self.breaks, self.shut_for = "", lambda name: False
        self._hang_up_all()

    def _hang_up_all(self) -> None:
        while self._open:
            _hang_up(self._open.pop())

    def _accept(self, door: socket.socket) -> None:
        for client, server in _pairs(door, (self.server, self.port)):
            self._open += [client, server]
            Thread(target=self._up, args=(client, server), daemon=True).start()
            Thread(target=_carry, args=(server, client), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        name, in_text, meant = "", False, False
        with contextlib.suppress(OSError), client.makefile("rb") as lines:
            for line in lines:
                if line[:4].upper() == b"EHLO":
                    name = line[5:].strip().decode("ascii", "replace")
                if self.shut_for(name):
                    break
                meant = in_text and (meant or self.of in line)
                if meant and self.breaks == "in the text":
                    self.cut()
                    break
                if meant and self.breaks == "before the answer" and line == b".\r\n":
                    self.shut_for = lambda name: True
                    _hang_up(client)
                    server.sendall(line)
                    return  # the server goes on as if it were heard
                server.sendall(line)
                in_text = line != b".\r\n" if in_text else line.upper() == b"DATA\r\n"
        _hang_up(client)
        _hang_up(server)
