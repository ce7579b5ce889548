"""Sending over one kept SMTP connection: greeting, TLS, login, and copies one after the other.

One recipient to a transaction. The envelope goes out in one write where the next hop allows it (RFC 2920), the
envelope of the next copy right behind the end of this one.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
import ssl
from dataclasses import dataclass

from handlers.reply import Reply
from organic_mail.smarthost import Login, NextHop, Tls
from organic_mail.smtp_wire import ConnectionLost, Wire

BLOCK = 128 * 1024
"""Octets of a large message that are written at a time."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for each step (RFC 5321 §4.5.3.2)."""

    connect: float = 30
    greeting: float = 300
    mail: float = 300
    recipient: float = 300
    data: float = 120
    block: float = 180
    end: float = 600
    farewell: float = 2


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One copy for the wire: its addresses as `envelope_path` makes them, header and body as `wire_form` does.

    The body is one object that all copies of a rendition share.
    """

    sender: str
    recipient: str
    header: bytes
    body: bytes
    eight_bit: bool


class NextHopRefused(Exception):
    """The next hop takes nothing from us: its greeting, TLS or the login failed. All mail for it waits."""

    def __init__(self, what: str, reply: Reply) -> None:
        super().__init__(f"{what}: {reply.code} {reply.text}")
        self.reply = reply


class NoEncryption(NextHopRefused):
    """It does not begin TLS."""


class EncryptionFailed(ConnectionLost):
    """TLS began, and came to nothing: no version in common, or a certificate that is not good."""


async def connect(hop: NextHop, *, helo: str, timeouts: Timeouts) -> Connection:
    """A connection to `hop` that is ready for copies. Raises ConnectionLost and NextHopRefused."""
    loop = asyncio.get_running_loop()
    context = tls_context(hop) if hop.tls is Tls.IMPLICIT else None
    try:
        async with asyncio.timeout(timeouts.connect):
            _, wire = await loop.create_connection(
                Wire, hop.address or hop.host, hop.port, ssl=context, server_hostname=hop.host if context else None
            )
    except TimeoutError:
        raise ConnectionLost(f"{hop} did not answer within {timeouts.connect:g} seconds") from None
    except OSError as problem:
        raise ConnectionLost(f"{hop} cannot be reached: {_reason(problem)}") from problem
    connection = Connection(hop, wire, timeouts)
    try:
        await connection.greet(helo)
        if hop.tls is Tls.STARTTLS or (hop.tls is Tls.WHERE_OFFERED and connection.offers("STARTTLS")):
            await connection.start_tls(helo)
        if hop.login is not None:
            await connection.log_in(hop.login)
    except BaseException:
        wire.close()
        await wire.gone(timeouts.farewell)
        raise
    return connection


def tls_context(hop: NextHop) -> ssl.SSLContext:
    context = ssl.create_default_context() if hop.verified else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996 §6
    if not hop.verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Connection:
    """A next hop that listens to us. When it is no longer `usable`, open another one."""

    def __init__(self, hop: NextHop, wire: Wire, timeouts: Timeouts) -> None:
        self._hop = hop
        self._wire = wire
        self._timeouts = timeouts
        self._extensions: dict[str, str] = {}  # RFC 5321 §2.2.1: upper-case keyword to its parameters
        self._announced: Outgoing | None = None  # its envelope is on the wire already
        self._busy = False  # in the middle of a copy
        self.copies = 0
        self.encrypted = hop.tls is Tls.IMPLICIT

    @property
    def usable(self) -> bool:
        return not self._wire.trouble

    def takes_octets_of(self, copy: Outgoing) -> bool:
        """Not lines of 8 bits without 8BITMIME (RFC 6152 §2)."""
        return not copy.eight_bit or "8BITMIME" in self._extensions

    def offers(self, extension: str) -> bool:
        return extension in self._extensions

    async def greet(self, helo: str) -> None:
        greeting = await self._wire.reply(self._timeouts.greeting)
        if greeting.code != 220:
            raise NextHopRefused("it does not take mail from us", greeting)
        await self._introduce(helo)

    async def _introduce(self, helo: str) -> None:
        """EHLO, else HELO (RFC 5321 §3.2)."""
        reply = await self._ask(f"EHLO {helo}", self._timeouts.greeting)
        self._extensions = {}
        if reply.code == 250:
            for line in reply.text.split("\n")[1:]:
                keyword, _, parameters = line.partition(" ")
                self._extensions[keyword.upper()] = parameters.upper()
            return
        reply = await self._ask(f"HELO {helo}", self._timeouts.greeting)
        if reply.code != 250:
            raise NextHopRefused("it does not accept our name", reply)

    async def start_tls(self, helo: str) -> None:
        """RFC 3207 §4; what was said before counts for nothing afterwards."""
        reply = await self._ask("STARTTLS", self._timeouts.greeting)
        if reply.code != 220:
            raise NoEncryption("it offers no encryption", reply)
        if self._wire.unread():
            self._wire.fail("words in the clear behind the start of encryption")
        hop, wire, loop = self._hop, self._wire, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeouts.connect):
                transport = await loop.start_tls(wire.transport, wire, tls_context(hop), server_hostname=hop.host)
        except (OSError, TimeoutError) as problem:
            raise EncryptionFailed(f"encryption with {hop} failed: {problem}") from problem
        if transport is None:
            raise EncryptionFailed(f"encryption with {hop} failed: the connection was closed")
        wire.use(transport)
        self.encrypted = True
        await self._introduce(helo)

    async def log_in(self, login: Login) -> None:
        """RFC 4954 §4, PLAIN (RFC 4616 §2), LOGIN, or XOAUTH2 when the operator named it."""
        offered = self._extensions.get("AUTH", "").split()
        if login.mechanism == "XOAUTH2":
            token = _base64(f"user={login.name}\1auth=Bearer {login.secret}\1\1")
            reply = await self._ask(f"AUTH XOAUTH2 {token}", self._timeouts.mail)
            if reply.code == 334:  # it says why not, and wants an empty line before it refuses
                reply = await self._ask("", self._timeouts.mail)
        elif "PLAIN" in offered or "LOGIN" not in offered:
            token = _base64(f"\0{login.name}\0{login.secret}")
            reply = await self._ask(f"AUTH PLAIN {token}", self._timeouts.mail)
        else:
            reply = await self._ask("AUTH LOGIN", self._timeouts.mail)
            for answer in (login.name, login.secret):
                if reply.code == 334:
                    reply = await self._ask(_base64(answer), self._timeouts.mail)
        if reply.code != 235:
            raise NextHopRefused("it does not accept our name and password", reply)

    async def send(self, copy: Outgoing, following: Outgoing | None = None) -> Reply:
        """Send one copy and return the reply that decided about it: of MAIL, RCPT, DATA or the end of the message.

        `following`: the copy that will be sent next here, so that its envelope can go along. Raises ConnectionLost.
        """
        if not self._takes(copy):
            return Reply(550, "5.6.7", f"{self._hop} does not take addresses beyond ASCII")  # RFC 6531 §3.5
        if self._announced is not copy:
            if self._announced is not None:
                self._wire.fail("another copy was announced")
            self._wire.write(self._envelope(copy), replies=3 if self._pipelines else 1)
        self._announced = None
        self._busy = True
        reply = await self._offer(copy) or await self._hand_over(copy, following)
        self._busy = False
        return reply

    async def quit(self) -> None:
        """Take leave (RFC 5321 §4.1.1.10); never raises. In the middle of a copy: hang up, so that it is not taken."""
        if self._busy or self._announced is not None:
            self._wire.fail("we stopped in the middle")
        else:
            with contextlib.suppress(ConnectionLost):
                await self._ask("QUIT", self._timeouts.farewell)
            self._wire.close()
        await self._wire.gone(self._timeouts.farewell)

    @property
    def _pipelines(self) -> bool:
        return "PIPELINING" in self._extensions

    def _takes(self, copy: Outgoing) -> bool:
        return copy.recipient.isascii() or "SMTPUTF8" in self._extensions

    def _envelope(self, copy: Outgoing) -> bytes:
        """MAIL, with RCPT and DATA behind it where the next hop takes them together (RFC 2920 §3.1)."""
        mail = f"MAIL FROM:<{copy.sender}>"
        if "SIZE" in self._extensions:
            mail += f" SIZE={len(copy.header) + len(copy.body)}"  # RFC 1870 §6
        if copy.eight_bit and "8BITMIME" in self._extensions:
            mail += " BODY=8BITMIME"  # RFC 6152 §3
        if not copy.recipient.isascii():
            mail += " SMTPUTF8"  # RFC 6531 §3.4
        if self._pipelines:
            mail += f"\r\nRCPT TO:<{copy.recipient}>\r\nDATA"
        return f"{mail}\r\n".encode()

    async def _offer(self, copy: Outgoing) -> Reply | None:
        """Read what the next hop says to the envelope: None when it waits for the message, else its refusal."""
        refusal: Reply | None = None
        try:
            for seconds, command in (
                (self._timeouts.mail, f"RCPT TO:<{copy.recipient}>\r\n"),
                (self._timeouts.recipient, "DATA\r\n"),
            ):
                reply = await self._wire.reply(seconds)
                if reply.code // 100 != 2:
                    refusal = refusal or reply
                if refusal is not None and (refusal.code == 421 or not self._pipelines):
                    break
                if not self._pipelines:
                    self._wire.write(command.encode(), replies=1)
            else:
                refusal = await self._permission(refusal)
            if refusal is not None:
                await self._forget_transaction(refusal)
        except ConnectionLost:
            if refusal is None:
                raise
        if refusal is not None and refusal.code == 421 and self.copies:
            raise ConnectionLost(f"it wants no more mail on this connection: {refusal.text}", reply=refusal)
        return refusal

    async def _permission(self, refusal: Reply | None) -> Reply | None:
        """The reply to DATA."""
        permission = await self._wire.reply(self._timeouts.data)
        if permission.code != 354:
            return refusal or permission
        if refusal is not None:
            # It let DATA through although it refused the recipient: end the message, empty (RFC 2920 §3.1).
            await self._ask(".", self._timeouts.end)
        return refusal

    async def _forget_transaction(self, refusal: Reply) -> None:
        """A recipient was refused and the transaction is still open: the next MAIL would be out of order."""
        if refusal.code == 421:  # RFC 5321 §3.8: it closes the connection
            self._wire.close()
        else:
            await self._ask("RSET", self._timeouts.mail)

    async def _hand_over(self, copy: Outgoing, following: Outgoing | None) -> Reply:
        """The message, its end and, with luck, the next envelope; then the reply that counts."""
        if following is not None and not (self._pipelines and self._takes(following)):
            following = None
        end = b".\r\n" if following is None else b".\r\n" + self._envelope(following)
        ended = False
        try:
            self._wire.expect(1)
            last = await self._write_blocks(copy)
            self._wire.write(last + end, replies=0 if following is None else 3)
            ended = True
            reply = await self._wire.reply(self._timeouts.end)
        except ConnectionLost as lost:
            early = self._wire.given()
            if early is not None and early.code // 100 in {4, 5}:
                return early  # refused before its end, for its size
            raise ConnectionLost(str(lost), may_have_arrived=ended) from None
        self._announced = following
        self.copies += 1
        if reply.code == 421:
            self._wire.close()
        return reply

    async def _write_blocks(self, copy: Outgoing) -> bytes:
        """Write a large message but for its last block, as fast as the next hop takes it; returns what is left."""
        if len(copy.body) <= BLOCK:
            return copy.header + copy.body
        self._wire.write(copy.header, replies=0)
        body = memoryview(copy.body)
        while len(body) > BLOCK:
            self._wire.write(body[:BLOCK], replies=0)
            await self._wire.flush(self._timeouts.block)
            body = body[BLOCK:]
        return bytes(body)

    async def _ask(self, command: str, seconds: float) -> Reply:
        self._wire.write(f"{command}\r\n".encode(), replies=1)
        return await self._wire.reply(seconds)


def _reason(problem: OSError) -> str:
    if isinstance(problem, socket.gaierror | ssl.SSLError) or not problem.errno:
        return problem.strerror or str(problem)
    return os.strerror(problem.errno)  # asyncio writes other words into its own


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
