"""The connection under an SMTP session: timers, lines, answers, and what goes wrong between them.

aiosmtpd keeps the transport and STARTTLS. What a stranger can send is read here, because stock aiosmtpd keeps endless
lines and answers a failure of ours with a permanent 500.
"""

from __future__ import annotations

import asyncio
import logging
from typing import AnyStr

import structlog
from aiosmtpd.smtp import SMTP, TLSSetupException

from handlers.outcome import TRY_LATER
from handlers.reply import Reply
from handlers.smtp_command import Refused
from handlers.smtp_reply import (
    CLOSING,
    START_TLS,
    TOO_LONG,
    TOO_MANY_COMMANDS,
    TOO_MANY_ERRORS,
    TOO_SLOW,
    UNKNOWN_COMMAND,
    wire_of,
)
from organic_mail.smtp_guard import Certificate, Guard

log = structlog.get_logger()
logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd logs addresses at INFO and whole mails at DEBUG

_LAST_WORDS = 30.0
_READ_AHEAD = 1 << 14  # twice this much is taken off the wire before it is asked for: a short mail comes in one piece
_LONGEST_COMMAND = 1000  # RFC 5321 §4.5.3.1.4 wants 512, and room for parameters


class SmtpConnection(SMTP):
    """One connection of a client. What each command means is said in MailSession.

    `idle`: seconds that a client may be silent between commands.
    """

    line_length_limit = _READ_AHEAD
    _deadline: float  # of the loop's clock: when the client has been silent for too long

    def __init__(
        self, guard: Guard, *, hostname: str, max_size: int, certificate: Certificate | None, idle: float
    ) -> None:
        super().__init__(
            None,
            data_size_limit=max_size,
            enable_SMTPUTF8=True,
            hostname=hostname,
            tls_context=certificate.context() if certificate else None,
            timeout=idle,
            loop=asyncio.get_running_loop(),
        )
        self._guard = guard
        self._client = ""
        self._refusal: Reply | None = None
        self._commands = 0  # since the last mail that was taken
        self._errors = 0
        self._in_data = False
        self.deciding = False
        self._hello = ""  # what the client calls itself

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._original_transport is None:  # not the second call, with TLS
            peer = transport.get_extra_info("peername")
            self._client = peer[0] if isinstance(peer, tuple) else ""
            self._refusal = self._guard.enter(self, self._client)
        self._hello = ""  # after STARTTLS nothing that was said before counts (RFC 3207 §4.2)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._guard.leave(self, self._client)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        self._guard.heard(self, len(data))
        super().data_received(data)

    def eof_received(self) -> bool | None:
        """A client may say all it has, close its side and wait: it gets its answers (unlike in aiosmtpd)."""
        if self._tls_protocol is not None:
            return super().eof_received()
        self._reader.feed_eof()
        return True

    def hang_up(self, reply: Reply) -> None:
        """Say why and close; nothing that was not answered has been taken."""
        if self._shakes_hands:
            self.abort()  # words would be no TLS
        elif self.transport is not None and not self.transport.is_closing():
            self._writer.write(wire_of(reply))
            self.transport.close()
            self._reset_timeout(_LAST_WORDS)

    @property
    def _shakes_hands(self) -> bool:
        return self._tls_protocol is not None and self.session is not None and self.session.ssl is None

    def finish(self) -> None:
        """The server stops: an idle client is sent away now, one in the middle of a mail after it."""
        if not self._in_data:
            self.hang_up(CLOSING)

    def abort(self) -> None:
        """Away with it, whatever was still to be said."""
        if self.transport is not None:
            self._writer.transport.abort()

    def _reset_timeout(self, duration: float | None = None) -> None:
        """One timer, set anew only when it has run down: to set one for each line would be a fifth of its cost."""
        self._deadline = self.loop.time() + (duration or self._timeout_duration)
        if self._timeout_handle is None or self._timeout_handle.when() > self._deadline:
            super()._reset_timeout(duration)

    def _timeout_cb(self) -> None:
        left = self._deadline - self.loop.time()
        if left > 0:
            super()._reset_timeout(left)
        elif self.transport is not None and self.transport.is_closing():  # it does not even read our last words
            self.abort()
        else:
            self.hang_up(TOO_SLOW)

    # Lines come, and answers go

    async def _handle_client(self) -> None:
        if refusal := self._refusal or await self._guard.place(self):
            self.hang_up(refusal)
            return
        self._send(f"220 {self.hostname} ESMTP".encode())  # RFC 5321 §4.2; no word on which program this is
        try:
            while self.transport is not None and not self.transport.is_closing():
                self._reset_timeout()
                await self._obey(await self._command_line())
        except asyncio.IncompleteReadError:
            pass  # the client has nothing more to say
        except ConnectionError:
            log.debug("a client went away")
        except TLSSetupException as trouble:  # asyncio does not tell us of the end of what never was
            log.debug("no TLS", reason=str(trouble.__cause__))
            self._writer.close()
            self.connection_lost(None)
        finally:
            self._writer.close()

    async def _command_line(self) -> bytes:
        """One line; an endless one is dropped as it comes, until the session has been idle for too long."""
        too_long = False
        while True:
            try:
                line: bytes = await self._reader.readuntil(b"\n")
                break
            except asyncio.LimitOverrunError as overrun:
                too_long = True
                await self._reader.read(overrun.consumed)
        return b"" if too_long else line.rstrip(b"\r\n")

    async def _obey(self, line: bytes) -> None:
        if not line or len(line) > _LONGEST_COMMAND:
            await self._say(TOO_LONG)
            return
        verb, _, argument = line.partition(b" ")
        method = self._smtp_methods.get(verb.decode("ascii", "replace").upper())
        if method is None:
            await self._say(UNKNOWN_COMMAND)
            return
        try:
            await method(argument.strip().decode("utf-8", "surrogateescape"))
        except Refused as refused:
            await self._say(refused.reply)
        except (ConnectionError, asyncio.IncompleteReadError, TLSSetupException):
            raise
        except Exception:
            # Our own failure is never a reason to lose the sender's mail: 4xx, and no word of what it was.
            log.exception("a command failed")
            await self._say(TRY_LATER)

    async def _say(self, reply: Reply) -> None:
        self._send(wire_of(reply).removesuffix(b"\r\n"))
        self._errors += reply.code >= 400
        await self._count()

    async def _count(self) -> None:
        self._commands += 1
        if self._errors >= self._guard.limits.errors:
            self.hang_up(TOO_MANY_ERRORS)
        elif self._commands > self._guard.limits.commands:
            self.hang_up(TOO_MANY_COMMANDS)
        else:
            await self._writer.drain()

    def _send(self, line: bytes) -> None:
        self._writer.write(line + b"\r\n")

    async def push(self, status: AnyStr) -> None:
        """What aiosmtpd says itself: only that TLS may begin."""
        await super().push(wire_of(START_TLS).removesuffix(b"\r\n"))
