"""Bytes to and from a next hop: the wire form of a copy, and replies read in order and within bounds."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
from collections import deque
from functools import lru_cache

import idna

from handlers.reply import MalformedReply, Reply, is_last_line, parse_reply

LINE_LIMIT = 4096
"""Octets of one reply line; RFC 5321 §4.5.3.1.5 asks for 512."""
LINES_LIMIT = 100
"""Lines of one reply."""
WAITING_LIMIT = 64 * 1024
"""Octets that may wait in the transport before writing pauses."""

# A mailbox that can stand between < and > without changing the command (RFC 5321 §4.1.2); quoted blanks are not sent.
_PATH = re.compile(r"[^\x00-\x20\x7f-\x9f<>]+@[^\x00-\x20\x7f-\x9f<>@]+")
_one_line_reply = lru_cache(maxsize=64)(lambda line: parse_reply([line]))


class ConnectionLost(Exception):
    """The connection broke, timed out or talked nonsense; it is of no more use.

    `may_have_arrived`: the end of the message was on its way, so another attempt may make a second copy (RFC 1047).
    `reply`: what the other side said when it ended the connection.
    """

    def __init__(self, reason: str, *, may_have_arrived: bool = False, reply: Reply | None = None) -> None:
        super().__init__(reason)
        self.may_have_arrived = may_have_arrived
        self.reply = reply


class BareLineEnd(ValueError):
    """A CR or LF stands alone, or a NUL: another server could read it as the end of the message."""


class UnusablePath(ValueError):
    """An address that cannot be written into a command."""


def wire_form(content: bytes) -> bytes:
    """`content` with its dots doubled (RFC 5321 §4.5.2) and ending in CRLF; the very object when nothing changes.

    Raises BareLineEnd: this is the one place through which all content leaves, so nothing is smuggled onwards.
    """
    line_ends = content.count(b"\r\n")
    if content.count(b"\n") != line_ends or content.count(b"\r") != line_ends or b"\0" in content:
        raise BareLineEnd("a CR or LF stands alone, or there is a NUL")
    if content.startswith(b"."):
        content = b"." + content
    if b"\r\n." in content:
        content = content.replace(b"\r\n.", b"\r\n..")
    return content if content.endswith(b"\r\n") or not content else content + b"\r\n"


def envelope_path(address: str) -> str:
    """`address` for MAIL or RCPT ("" is the null reverse-path), its domain as A-label (RFC 5890 §2.3.2.1)."""
    if not address:
        return ""
    if _PATH.fullmatch(address) is None:
        raise UnusablePath("the address cannot be written on an envelope")
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode('ascii')}"
    except idna.IDNAError as problem:
        raise UnusablePath("the domain cannot be written on an envelope") from problem


class Wire(asyncio.Protocol):
    """One connection as a sequence of replies. A reply that nothing was asked for is trouble, never an answer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._lines: list[bytes] = []
        self._replies: deque[Reply] = deque()
        self._awaited = 1  # replies still to come; the greeting needs no command
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._paused = False
        self._trouble: str = ""
        self._patience, self._deadline = 0.0, math.inf
        self._alarm: asyncio.TimerHandle | None = None
        self._gone = asyncio.Event()

    @property
    def trouble(self) -> str:
        """Why this connection is of no more use; "" while it is."""
        return self._trouble

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.use(transport)

    def use(self, transport: asyncio.BaseTransport) -> None:
        """Talk through `transport` from now on: at the beginning, and after STARTTLS."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        transport.set_write_buffer_limits(high=WAITING_LIMIT)
        self._transport = transport

    @property
    def transport(self) -> asyncio.Transport:
        if self._transport is None:
            raise ConnectionLost("not connected")
        return self._transport

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            # What comes behind trouble would be taken for the answer to another command.
            if not self._trouble:
                self._line(line.removesuffix(b"\r"))
        if len(self._rest) > LINE_LIMIT:
            self.fail("an answer without an end")
        self._wake(self._reader)

    def _line(self, line: bytes) -> None:
        self._lines.append(line)
        if len(line) > LINE_LIMIT or len(self._lines) > LINES_LIMIT:
            self.fail("an answer without an end")
            return
        if not is_last_line(line):
            return
        lines, self._lines = self._lines, []
        try:
            reply = _one_line_reply(line) if len(lines) == 1 else parse_reply(lines)
        except MalformedReply as problem:
            self.fail(str(problem))
            return
        if self._awaited == 0:
            self.fail(f"{reply.code} {reply.text}" if reply.code == 421 else "an answer that nothing asked for")
            return
        self._awaited -= 1
        self._replies.append(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail_quietly(str(exc) if exc else "the other side closed the connection")
        if self._alarm is not None:
            self._alarm.cancel()
        self._gone.set()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake(self._writer)

    def fail(self, reason: str) -> None:
        """Give the connection up at once."""
        self._fail_quietly(reason)
        if self._transport is not None:
            self._transport.abort()

    def _fail_quietly(self, reason: str) -> None:
        self._trouble = self._trouble or reason
        self._wake(self._reader)
        self._wake(self._writer)

    @staticmethod
    def _wake(waiting: asyncio.Future[None] | None) -> None:
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def write(self, content: bytes | memoryview, *, replies: int) -> None:
        """Send `content`, which so many `replies` will follow."""
        if self._trouble:
            raise ConnectionLost(self._trouble)
        self._awaited += replies
        self.transport.write(content)

    def expect(self, replies: int) -> None:
        """So many replies more may come, from before the next write on."""
        self._awaited += replies

    async def flush(self, seconds: float) -> None:
        """Wait until the other side has taken enough of what was written."""
        while self._paused and not self._trouble:
            self._writer = self._loop.create_future()
            await self._within(self._writer, seconds)
        if self._trouble:
            raise ConnectionLost(self._trouble)

    async def reply(self, seconds: float) -> Reply:
        """The next reply in order. Replies that came before the trouble are still given."""
        while not self._replies:
            if self._trouble:
                raise ConnectionLost(self._trouble)
            self._reader = self._loop.create_future()
            await self._within(self._reader, seconds)
        return self._replies.popleft()

    def given(self) -> Reply | None:
        """A reply that has come already."""
        return self._replies.popleft() if self._replies else None

    async def _within(self, waiting: asyncio.Future[None], seconds: float) -> None:
        """One alarm for all waits, put off as long as answers come: setting one for each would cost more than these."""
        self._patience, self._deadline = seconds, self._loop.time() + seconds
        if self._alarm is None or self._alarm.when() > self._deadline:
            self._set_alarm()
        try:
            await waiting
        finally:
            self._deadline = math.inf

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(self._deadline, self._check_deadline)

    def _check_deadline(self) -> None:
        self._alarm = None
        if self._loop.time() >= self._deadline:
            self.fail(f"no answer within {self._patience:g} seconds")
        elif self._deadline < math.inf:
            self._set_alarm()

    def unread(self) -> bool:
        """Is anything there that nothing asked for? (RFC 3207 §4.2: what came before TLS must not count after it.)"""
        return bool(self._rest or self._lines or self._replies)

    def close(self) -> None:
        self._trouble = self._trouble or "closed"
        if self._transport is not None:
            self._transport.close()

    async def gone(self, seconds: float) -> None:
        """Wait until the closed connection is away: TLS says goodbye too, and who does not answer is cut off."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        if self._transport is not None:
            self._transport.abort()
