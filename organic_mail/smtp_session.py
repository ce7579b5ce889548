"""SMTP from the outside: what each command does, with a DATA loop of our own.

Stock aiosmtpd takes bare line feeds, and keeps whatever comes after DATA.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import structlog
from aiosmtpd.smtp import TLSSetupException

from handlers.incoming import Envelope
from handlers.outcome import TRY_LATER
from handlers.reply import Reply
from handlers.smtp_command import forward_path, reverse_path
from handlers.smtp_data import BROKEN_LINES, TOO_LARGE, DataReader
from handlers.smtp_reply import (
    BYE,
    CLOSING,
    ENDED_TWICE,
    HELLO_FIRST,
    MAIL_FIRST,
    MAIL_TWICE,
    NAME_WANTED,
    NO_ARGUMENT,
    NO_ROOM,
    NOT_OFFERED,
    OK,
    RCPT_FIRST,
    TOO_MANY_RECIPIENTS,
    TOO_SLOW,
)
from organic_mail.outlasting import outlasting
from organic_mail.smtp_connection import SmtpConnection
from organic_mail.smtp_guard import Certificate, Guard

log = structlog.get_logger()

T = TypeVar("T")

_IDLE = 300.0  # seconds between commands (RFC 5321 §4.5.3.2.7)
_DATA_IDLE = 180.0
_DATA_TOTAL = 600.0
_SLOWEST = 8 * 1024  # bytes a second, once DATA takes longer than _DATA_TOTAL
_DECIDE = 30.0
_CHUNK = 1 << 18


class Intake(Protocol):
    """What stands behind the SMTP sessions: organic_mail.receive."""

    async def recipient(self, address: str) -> Reply:
        """May mail for this address come? 250, or why not."""

    async def receive(self, envelope: Envelope, raw: bytes) -> Reply:
        """Take the message or refuse it: one answer for all recipients. 250 means that it is committed."""

    async def receive_each(self, envelope: Envelope, raw: bytes) -> Sequence[Reply]:
        """The same with an answer for each recipient, in their order (RFC 2033 §4.2)."""


class MailSession(SmtpConnection):
    """What a client says on one connection, command by command."""

    _sender: str | None
    _smtputf8: bool
    _recipients: list[str]

    def __init__(
        self,
        intake: Intake,
        guard: Guard,
        *,
        hostname: str,
        max_size: int,
        certificate: Certificate | None,
        has_room: Callable[[], bool],
    ) -> None:
        super().__init__(guard, hostname=hostname, max_size=max_size, certificate=certificate, idle=_IDLE)
        self._intake = intake
        self._max_size = max_size
        self._has_room = has_room

    # The commands

    async def smtp_EHLO(self, name: str) -> None:  # noqa: N802
        if not self._greeted_by(name):
            await self._say(NAME_WANTED)
            return
        offers = [self.hostname, f"SIZE {self._max_size}", "PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        if self.tls_context is not None and self._tls_protocol is None:
            offers.append("STARTTLS")
        lines = [f"250-{offer}" for offer in offers[:-1]] + [f"250 {offers[-1]}"]
        self._send("\r\n".join(lines).encode())
        await self._count()

    async def smtp_HELO(self, name: str) -> None:  # noqa: N802
        if not self._greeted_by(name):
            await self._say(NAME_WANTED)
            return
        self._send(f"250 {self.hostname}".encode())
        await self._count()

    async def smtp_MAIL(self, argument: str) -> None:  # noqa: N802
        if not self._hello:
            await self._say(HELLO_FIRST)
            return
        if self._sender is not None:
            await self._say(MAIL_TWICE)
            return
        path = reverse_path(argument)
        if path.size > self._max_size:
            await self._say(TOO_LARGE)  # RFC 1870 §6.1
            return
        if not self._has_room():
            await self._say(NO_ROOM)
            return
        self._sender = path.address
        self._smtputf8 = path.smtputf8
        await self._say(OK)

    async def smtp_RCPT(self, argument: str) -> None:  # noqa: N802
        if self._sender is None:
            await self._say(MAIL_FIRST)
            return
        address = forward_path(argument, smtputf8=self._smtputf8)
        if len(self._recipients) >= self._guard.limits.recipients:
            await self._say(TOO_MANY_RECIPIENTS)
            return
        try:
            async with asyncio.timeout(_DECIDE):  # it only reads: it may be cancelled, and needs no asyncio.Task
                reply = await self._intake.recipient(address)
        except TimeoutError:
            log.error("the database does not tell who is here", seconds=_DECIDE)
            reply = TRY_LATER
        if reply.code == 250:
            self._recipients.append(address)
        await self._say(reply)

    async def smtp_DATA(self, argument: str) -> None:  # noqa: N802
        if argument:
            await self._say(NO_ARGUMENT)
            return
        if not self._recipients:
            await self._say(RCPT_FIRST)
            return
        self._send(b"354 Please send your mail, and then a line with only a dot")
        self._in_data = True
        try:
            content = await self._content()
            replies = self._refused(content) if isinstance(content, Reply) else await self._decided(content)
        finally:
            self._in_data = False
            self._set_rset_state()
        if any(reply.code == 250 for reply in replies):
            self._commands = 0
        for reply in replies:
            await self._say(reply)
        if self._guard.closing:
            self.hang_up(CLOSING)
        elif content is BROKEN_LINES and self._reader._buffer:  # type: ignore[attr-defined]
            self.hang_up(ENDED_TWICE)

    async def smtp_RSET(self, argument: str) -> None:  # noqa: N802
        self._set_rset_state()
        await self._say(OK)

    async def smtp_NOOP(self, argument: str) -> None:  # noqa: N802
        await self._say(OK)

    async def smtp_QUIT(self, argument: str) -> None:  # noqa: N802
        self.hang_up(BYE)

    async def smtp_VRFY(self, argument: str) -> None:  # noqa: N802
        await self._say(Reply(252, "2.5.2", "We do not tell who is here. Please send your mail"))  # RFC 5321 §7.3

    async def smtp_HELP(self, argument: str) -> None:  # noqa: N802
        await self._say(Reply(214, "2.0.0", f"To reach a person, write to postmaster@{self.hostname}"))

    async def smtp_EXPN(self, argument: str) -> None:  # noqa: N802
        await self._say(NOT_OFFERED)

    async def smtp_AUTH(self, argument: str) -> None:  # noqa: N802
        await self._say(NOT_OFFERED)  # nobody logs in here: members are known by their mail

    async def smtp_STARTTLS(self, argument: str) -> None:  # noqa: N802
        if self.tls_context is None or self._tls_protocol is not None:
            await self._say(NOT_OFFERED)
            return
        await super().smtp_STARTTLS(argument)
        if self._shakes_hands:
            raise TLSSetupException  # the connection is gone: asyncio takes that for the end of the handshake

    # The parts of them

    def _set_rset_state(self) -> None:
        """Forget the transaction; aiosmtpd calls it too, for each new connection and after STARTTLS."""
        self._sender = None
        self._smtputf8 = False
        self._recipients = []

    def _greeted_by(self, name: str) -> bool:
        self._set_rset_state()
        if not name.isprintable() or not name:
            return False
        self._hello = name
        return True

    async def _content(self) -> bytes | Reply:
        """What comes until CRLF.CRLF; raises when the client goes away or takes too long."""
        reader = DataReader(self._max_size)
        started = self.loop.time()
        while True:
            self._reset_timeout(_DATA_IDLE)
            chunk = await self._reader.read(_CHUNK)
            if not chunk:
                raise ConnectionResetError
            if reader.feed(chunk):
                self._reader._buffer[:0] = reader.rest  # type: ignore[attr-defined]
                return reader.result()
            if reader.hopeless:
                self.hang_up(TOO_LARGE)
                raise ConnectionAbortedError
            if self.loop.time() - started > max(_DATA_TOTAL, reader.received / _SLOWEST):
                self.hang_up(TOO_SLOW)
                raise ConnectionAbortedError

    def _refused(self, reply: Reply) -> Sequence[Reply]:
        return (reply,)

    async def _decided(self, content: bytes) -> Sequence[Reply]:
        return (await self._within_time(self._intake.receive(self._envelope(), content), TRY_LATER),)

    def _envelope(self) -> Envelope:
        return Envelope(
            sender=self._sender or "",
            recipients=tuple(self._recipients),
            client=self._client,
            helo=self._hello,
            smtputf8=self._smtputf8,
        )

    async def _within_time(self, work: Awaitable[T], otherwise: T) -> T:
        self.deciding = True
        try:
            return await outlasting(work, seconds=_DECIDE, otherwise=otherwise)
        finally:
            self.deciding = False
