"""One message comes in: parse, authenticate, route, look up, decide, write down, and only then answer 250."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

import structlog
from sqlmodel import Session

from handlers import mime
from handlers.address import Mailbox, NoSingleAuthor, author_of
from handlers.decide import Decision, decide, kept, together
from handlers.facts import Facts
from handlers.incoming import Authentication, Envelope, Incoming
from handlers.join import BUSY
from handlers.message import MalformedMessage, Message, parse
from handlers.outcome import NOBODY_HERE, TRY_LATER
from handlers.peer.keys import PeerKey
from handlers.reply import Reply
from handlers.route import Route, in_domain
from handlers.token import Secrets
from organic_mail.apply import apply
from organic_mail.authenticate import authenticate
from organic_mail.config import Settings
from organic_mail.first_readers import ReaderDied, ReadersGone, ReadFirst, nobody_reads
from organic_mail.joining_limit import JoiningLimit
from organic_mail.landing import Landing
from organic_mail.lookup import look_up, route_of
from organic_mail.notices import host_of
from organic_mail.resolver import Dns
from storage.arrivals import remember
from storage.contents import Packed, pack, store_content
from storage.database import Database, StorageTrouble
from storage.events import record
from storage.shunts import set_aside

log = structlog.get_logger()

_RECIPIENT_OK = Reply(250, "2.1.5", "OK")
_NO_RELAY = Reply(550, "5.7.1", "We do not pass on mail for other domains")
_UNREADABLE = Reply(554, "5.6.0", "We cannot read this mail. Please send it in a simpler form")
_SMALL = 32 * 1024  # bytes
_LARGE = 256 * 1024  # bytes, from which on reading a message would make other clients wait
_NAMED = 3  # recipients in a line of the log
_THREADS = 4
_DNS_THREADS = 32  # they wait more than they work

T = TypeVar("T")
Join = Callable[[Sequence[Decision]], Sequence[Decision]]


class Receiver:
    """What stands behind the SMTP sessions.

    `read_first`: FirstReaders.read, which keeps bombs out of this process. `committed` is called when there may be
    something to send; `checkpoint` is told of each step, so that tests can stop there.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        secrets: Secrets,
        *,
        dns: Dns,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        committed: Callable[[], None] = lambda: None,
        read_first: ReadFirst = nobody_reads,
        checkpoint: Callable[[str], None] = lambda _: None,
        peer_key: Callable[[bytes], PeerKey] | None = None,
    ) -> None:
        self._database = database
        self._committed = committed
        self._settings = settings
        self.host = host_of(settings, secrets, database, peer_key)
        self._dns = dns
        self._clock = clock
        self._read_first = read_first
        self._checkpoint = checkpoint
        self._landing = Landing()
        self._joining = JoiningLimit(settings.smtp.trusted_relays)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="intake")
        self._dns_threads = ThreadPoolExecutor(_DNS_THREADS, thread_name_prefix="dns")

    async def recipient(self, address: str) -> Reply:
        """May mail for this address come? 250, or why not."""
        if "@" in address and not in_domain(address, self.host.domain):
            return _NO_RELAY
        today = self._clock().date()

        def read(session: Session) -> Route | None:
            return route_of(session, self.host, address, today)

        try:
            if self._database.in_process:
                route = self._database.read(read)
            else:
                route = await self._in_thread(self._database.read, read)
        except StorageTrouble as trouble:
            log.error("the database cannot tell who is here", reason=str(trouble))
            return TRY_LATER
        return _RECIPIENT_OK if route else NOBODY_HERE

    async def receive(self, envelope: Envelope, raw: bytes) -> Reply:
        """Take the message or refuse it: one answer for all recipients. 250 means that it is committed."""
        return (await self._received(envelope, raw, together))[0]

    async def receive_each(self, envelope: Envelope, raw: bytes) -> Sequence[Reply]:
        """The same with an answer for each recipient, in their order (RFC 2033 §4.2)."""
        return await self._received(envelope, raw, lambda decisions: decisions)

    async def receive_kept(self, envelope: Envelope, raw: bytes) -> Reply:
        """The same for a message that somebody else has taken already, so that no refusal reaches its author."""
        replies = await self._received(envelope, raw, kept)
        return next((reply for reply in replies if reply.code == 250), replies[0])

    def close(self) -> None:
        self._threads.shutdown()
        self._dns_threads.shutdown(cancel_futures=True)

    async def _received(self, envelope: Envelope, raw: bytes, join: Join) -> Sequence[Reply]:
        now = self._clock()
        try:
            with self._database.preparing():
                message = await self.parsed(raw)
            self._checkpoint("parsed")
            authentication = await authenticate(envelope, message, self._settings, self._dns, self._dns_threads, now)
            self._checkpoint("authenticated")
            written = None
            with self._database.preparing():
                if self._database.in_process and len(raw) < _SMALL:  # changing threads twice would take as long
                    decisions, packed = self._decided(envelope, message, authentication, join, now)
                else:
                    decisions, packed = await self._in_thread(
                        self._decided, envelope, message, authentication, join, now
                    )
                self._checkpoint("decided")
                if not self._joining.allows(envelope.client, decisions):
                    return [BUSY] * len(envelope.recipients)
                if packed is not None:
                    written = self._database.submit(lambda session: self._write(session, decisions, packed, now))
            if written is not None:
                await self._landing.of(written)
                self._committed()
            self._checkpoint("committed")
            return [decision.outcome.reply for decision in decisions]
        except MalformedMessage as malformed:
            await self._say_refused(envelope, malformed.reason, now)
            return [Reply(550, "5.6.0", malformed.reason)] * len(envelope.recipients)
        except StorageTrouble as trouble:
            log.error("the database cannot take mail", reason=str(trouble))
        except ReadersGone:
            log.error("nobody is left who reads mail: restart organic-mail serve")
        except ReaderDied:
            log.error("reading a mail took too much time or memory", size=len(raw))
            if await self._kept(envelope, raw, "Reading this mail takes too much time or memory.", now, times=2):
                return [_UNREADABLE] * len(envelope.recipients)
        except Exception as fault:
            log.exception("we cannot handle a mail")
            reason = f"We failed at this mail: {type(fault).__name__}. The log of the server says more."
            await self._kept(envelope, raw, reason, now, times=1)
        return [TRY_LATER] * len(envelope.recipients)

    async def parsed(self, raw: bytes) -> Message:
        """Raises MalformedMessage, and what the first readers raise."""
        await self._read_first(raw)
        return _parse(raw) if len(raw) < _LARGE else await self._in_thread(_parse, raw)

    def _decided(
        self, envelope: Envelope, message: Message, authentication: Authentication, join: Join, now: datetime
    ) -> tuple[Sequence[Decision], Packed | None]:
        """What becomes of it for each recipient, and the message ready to be stored when anything is to be written."""
        author = _author(message)

        def read(session: Session) -> list[tuple[Route, Facts]]:
            return [look_up(session, self.host, message, author, address, now) for address in envelope.recipients]

        decisions = []
        for route, facts in self._database.read(read):
            incoming = Incoming(envelope, message, authentication, route)
            decisions.append(Decision(incoming, facts, decide(incoming, facts, now)))
        joined = join(decisions)
        return joined, pack(message.raw) if any(decision.outcome.actions for decision in joined) else None

    def _write(self, session: Session, decisions: Sequence[Decision], packed: Packed, now: datetime) -> None:
        apply(session, decisions, packed, now)
        self._checkpoint("written")

    async def _kept(self, envelope: Envelope, raw: bytes, reason: str, now: datetime, *, times: int) -> bool:
        """Set aside what we failed at, once, when it has come so many `times`; the sender's server keeps it till then.

        Is it kept?
        """

        def write(session: Session) -> bool:
            if times > 1 and remember(session, hashlib.sha256(b"unread\0" + raw).digest(), now):
                return False
            if remember(session, shunt_fingerprint(raw), now):
                set_aside(
                    session,
                    content_id=store_content(session, raw, now),
                    reason=reason,
                    envelope_sender=envelope.sender,
                    recipients=envelope.recipients,
                    now=now,
                )
            return True

        try:
            return await asyncio.wrap_future(self._database.submit(write))
        except StorageTrouble as trouble:
            log.error("the database cannot take mail", reason=str(trouble))
            return False

    async def _say_refused(self, envelope: Envelope, reason: str, now: datetime) -> None:
        """To the operator, whose member may ask where her mail is."""
        recipients = ", ".join(envelope.recipients[:_NAMED])
        text = f"An email from {envelope.sender or 'a mail server'} to {recipients} was refused. {reason}"
        try:
            await asyncio.wrap_future(self._database.submit(lambda session: record(session, "refused", text, now=now)))
        except StorageTrouble as trouble:
            log.error("the database cannot take mail", reason=str(trouble))

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


def shunt_fingerprint(raw: bytes) -> bytes:
    """Under what `arrival` remembers that a message was set aside, because we failed at it."""
    return hashlib.sha256(b"shunt\0" + raw).digest()


def _parse(raw: bytes) -> Message:
    """Raises MalformedMessage, also for a structure over the caps of spec/mail.md §2.2."""
    message = parse(raw)
    mime.parts(message)
    return message


def _author(message: Message) -> Mailbox | None:
    try:
        return author_of(message)
    except NoSingleAuthor:
        return None
