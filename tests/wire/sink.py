"""A next hop for tests: keeps what it takes, and answers each step as the test says."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread

CLOSE = "close"
"""An answer: no answer, the connection ends."""
SILENCE = "silence"
"""An answer: nothing more is said."""


@dataclass
class Transaction:
    """What one MAIL command began. Also the record of what was taken."""

    connection: int
    sender: str = ""
    mail_parameters: str = ""
    recipient: str = ""
    content: bytes = b""
    encrypted: bool = False


@dataclass
class Sink:
    """`answer(step, transaction)` gives the reply to "EHLO", "MAIL", "RCPT", "DATA", "END" …; None: the usual one."""

    answer: Callable[[str, Transaction], str | None] = lambda step, transaction: None
    extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SIZE 40000000", "SMTPUTF8")
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    login: tuple[str, str] | None = None
    taken: list[Transaction] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    open_connections: int = 0
    most_connections: int = 0
    port: int = 0

    @contextmanager
    def listening(self, port: int = 0, address: str = "127.0.0.1") -> Iterator[Sink]:
        """Serve on loopback from a thread of its own."""
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(
            asyncio.start_server(self.session, address, port, limit=2**26, ssl=self.tls if self.implicit_tls else None)
        )
        self.port = server.sockets[0].getsockname()[1]
        thread = Thread(target=loop.run_forever)
        thread.start()
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(_close(server), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections += 1
        self.most_connections = max(self.most_connections, self.open_connections)
        try:
            await Session(self, reader, writer, self.connections).talk()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            self.open_connections -= 1
            writer.transport.abort()


async def _close(server: asyncio.Server) -> None:
    server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for session in tasks:
        session.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)


class Session:
    def __init__(self, sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        self.sink = sink
        self.reader = reader
        self.writer = writer
        self.encrypted = sink.implicit_tls
        self.connection = connection
        self.transaction = Transaction(connection, encrypted=self.encrypted)
        self.begun = False  # MAIL was accepted (RFC 5321 §4.1.4)

    async def say(self, step: str, usual: str) -> int:
        reply = self.sink.answer(step, self.transaction) or usual
        if reply == SILENCE:
            await self.reader.read()
            raise ConnectionResetError
        if reply == CLOSE:
            raise ConnectionResetError
        self.writer.write(reply.encode("latin-1") + b"\r\n")
        await self.writer.drain()
        if reply.startswith("421"):
            raise ConnectionResetError
        return int(reply[:3]) if reply[:3].isdigit() else 0

    async def talk(self) -> None:
        await self.say("GREETING", "220 sink.example ESMTP")
        while True:
            line = (await self.reader.readuntil(b"\r\n")).decode("utf-8").removesuffix("\r\n")
            self.sink.commands.append(line)
            verb, _, rest = line.partition(" ")
            if not await self.obey(verb.upper(), rest):
                return

    async def obey(self, verb: str, rest: str) -> bool:
        match verb:
            case "EHLO":
                offers = list(self.sink.extensions)
                if self.sink.tls and not self.encrypted:
                    offers.append("STARTTLS")
                await self.say(verb, "\r\n".join(["250-sink.example"] + [f"250-{o}" for o in offers] + ["250 HELP"]))
            case "MAIL":
                path, _, parameters = rest.removeprefix("FROM:").partition(" ")
                if self.begun:
                    self.writer.write(b"503 5.5.1 nested MAIL\r\n")
                    return True
                self.transaction = Transaction(self.connection, path.strip("<>"), parameters, encrypted=self.encrypted)
                self.begun = await self.say(verb, "250 2.1.0 Ok") // 100 == 2
            case "RCPT":
                if not self.begun:
                    self.writer.write(b"503 5.5.1 MAIL first\r\n")
                    return True
                self.transaction.recipient = rest.removeprefix("TO:").strip("<>")
                if await self.say(verb, "250 2.1.5 Ok") // 100 != 2:
                    self.transaction.recipient = ""
            case "DATA":
                usual = (
                    "354 End data with <CR><LF>.<CR><LF>" if self.transaction.recipient else "554 5.5.1 No recipients"
                )
                if await self.say(verb, usual) == 354:
                    await self.take_message()
            case "AUTH":
                await self.log_in(rest)
            case "STARTTLS":
                await self.say(verb, "220 2.0.0 Ready")
                await self.writer.start_tls(self.sink.tls)
                self.encrypted = True
            case "QUIT":
                await self.say(verb, "221 2.0.0 Bye")
                return False
            case _:
                self.begun = False
                await self.say(verb, "250 2.0.0 Ok")
        return True

    async def take_message(self) -> None:
        if self.sink.answer("BODY", self.transaction):
            await self.reader.readline()
            await self.say("BODY", "")
            await self.reader.readuntil(b"\r\n.\r\n")
            raise ConnectionResetError
        lines = []
        while (line := await self.reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        self.transaction.content = b"".join(lines)
        self.begun = False
        code = await self.say("END", f"250 2.0.0 Ok: queued as {len(self.sink.taken):X}")
        if code // 100 == 2 and self.transaction.recipient:
            self.sink.taken.append(self.transaction)

    async def log_in(self, rest: str) -> None:
        mechanism, _, initial = rest.partition(" ")
        if mechanism == "LOGIN":
            name = await self.ask("334 VXNlcm5hbWU6")
            secret = await self.ask("334 UGFzc3dvcmQ6")
        elif mechanism == "PLAIN":
            _, name, secret = base64.b64decode(initial).decode().split("\0")
        else:
            user, bearer, *_ = base64.b64decode(initial).decode().split("\1")
            name, secret = user.removeprefix("user="), bearer.removeprefix("auth=Bearer ")
            if (name, secret) != self.sink.login:
                await self.ask("334 eyJzdGF0dXMiOiI0MDEifQ==")
        good = (name, secret) == self.sink.login
        await self.say("AUTH", "235 2.7.0 Welcome" if good else "535 5.7.8 Credentials are not good")

    async def ask(self, challenge: str) -> str:
        self.writer.write(f"{challenge}\r\n".encode())
        return base64.b64decode(await self.reader.readuntil(b"\r\n")).decode()
