"""Due deliveries out to the next hop: claim, make the copies, send, settle. Runs in an event loop of its own."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

import structlog
from sqlmodel import Session

from handlers.facts import Host
from handlers.reply import Reply
from handlers.sign import Signer
from organic_mail import claimant
from organic_mail.claims import Claims
from organic_mail.copies import Key, SharedBytes, key_of, made_copies
from organic_mail.problem import Problem
from organic_mail.senders import Ready
from organic_mail.sending import Calls, OpenSending
from organic_mail.settling import Settling, answered, not_sent, spoiled
from organic_mail.smtp_client import Outgoing
from storage import queue
from storage.copies import not_wanted
from storage.database import Database, StorageTrouble
from storage.keys import active_key
from storage.models import SigningKey
from storage.queue import Claimed

CLAIM = 100
IN_FLIGHT = 400
"""Deliveries that may be ours at a time: enough that no connection idles, few enough to be kept in memory."""
LEASE_SECONDS = 60.0
LEASE_MARGIN = 5.0
"""Seconds before the end of a lease from which on nothing is sent under it."""
RENEW_BEFORE = 35.0
CLOCK_STEP = timedelta(seconds=10)
"""By so much somebody has set the clock, and our leases say the wrong moment."""
BEAT_SECONDS = 0.5
DRAIN_SECONDS, DRAIN_WRITE_SECONDS = 5.0, 1.5
"""For what is being sent when we stop, and for writing it down, so that all is over within ten."""
PUT_OFF_SECONDS = 0.02
"""For so long deliveries that are put off wait for others."""
COPIES_AT_ONCE = 16
"""Copies that a thread makes in one go."""

Allowance = Callable[[Session, datetime], int]

log = structlog.get_logger()


def unlimited(session: Session, now: datetime) -> int:  # noqa: ARG001
    """As many as there is room for."""
    return CLAIM


class _Taken(NamedTuple):
    rows: list[Claimed]
    not_wanted: dict[int, str]
    key: SigningKey | None


class Deliverer:
    """`signer` loads the private key of a selector; `checkpoint` is told each step, for tests that interrupt there.

    `allowance`: how many may be claimed at a moment, asked in the transaction that claims them.
    """

    def __init__(
        self,
        database: Database,
        host: Host,
        *,
        sending: OpenSending,
        concurrency: int,
        signer: Callable[[SigningKey], Signer],
        who: str,
        allowance: Allowance = unlimited,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        random_fraction: Callable[[], float] = random.random,
        checkpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._load_signer = signer
        self._who = who
        self._allowance = allowance
        self._clock = clock
        self._random_fraction = random_fraction
        self._checkpoint = checkpoint
        self._signer: Signer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._awake = asyncio.Event()
        self._hearing = asyncio.Lock()
        self._claims = Claims()
        self._clock_read = clock(), 0.0
        self._shared = SharedBytes(database, host, clock)
        self._senders = sending(Calls(concurrency, self._may_send, self._on_reply, self._recode, self._put_off))
        self._putting_off: dict[tuple[datetime, str], list[Claimed]] = {}
        self._settling = Settling(
            database,
            self._claims,
            batch=max(1, concurrency // 2),
            host=host,
            clock=clock,
            settled=self._on_settled,
        )
        self._making: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(len(os.sched_getaffinity(0)), thread_name_prefix="copies")

    def write_as(self, host: Host) -> None:
        """From now on copies are those of `host`. May be called from any thread."""
        self._shared.host = host

    def wake(self) -> None:
        """There is something to send. May be called from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._awake.set)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`. What is being sent then is finished, everything else goes back into the queue.

        Raises Problem when there is no key to sign with.
        """
        self._loop = asyncio.get_running_loop()
        self._clock_read = self._clock(), self._time()
        await self._get_ready(stop)
        try:
            async with asyncio.TaskGroup() as group:
                settling = group.create_task(self._settling.run())
                others = [group.create_task(self._beat()), group.create_task(self._watch(stop))]
                await self._feed(stop)
                for other in others:
                    other.cancel()
                await self._drain(settling)
        finally:
            await self._senders.finish(0)
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _get_ready(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                return await asyncio.to_thread(self._prepare)
            except StorageTrouble as trouble:
                log.warning("delivery waits for the database", reason=str(trouble))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await stop.wait()
        return None

    def _prepare(self) -> None:
        """Take back what a dead daemon of this host had claimed, and see that we can sign."""
        now = self._clock()
        host, alive = claimant.this_host(), claimant.is_alive
        self._database.write(lambda session: queue.take_back(session, host=host, alive=alive, now=now))
        self._use_key(self._database.read(active_key))
        self._signing()

    def _use_key(self, key: SigningKey | None) -> None:
        if key is None or (self._signer is not None and self._signer.selector == key.selector):
            return
        try:
            self._signer = self._load_signer(key)
        except Problem as problem:
            if self._signer is None:
                raise
            log.error("the key before goes on signing", reason=str(problem))  # it is still published

    def _signing(self) -> Signer:
        if self._signer is None:
            raise Problem("there is no key to sign with; make one with: organic-mail keys rotate --now")
        return self._signer

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._awake.set()

    async def _feed(self, stop: asyncio.Event) -> None:
        """Claim whenever something may be due and there is room for it."""
        while not stop.is_set():
            self._awake.clear()
            limit = self._room()
            try:
                claimed = await self._claim(limit) if limit else 0
            except StorageTrouble as trouble:
                log.warning("nothing can be claimed", reason=str(trouble))
                claimed = 0
            if claimed < CLAIM:
                await self._awake.wait()

    def _room(self) -> int:
        """How many deliveries to claim now."""
        if self._senders.pause > 0:
            return 0
        if self._senders.suspect:
            return 0 if self._claims else 1  # one finds out whether the next hop is back
        return CLAIM if len(self._claims) + CLAIM <= IN_FLIGHT else 0

    async def _claim(self, limit: int) -> int:
        until = self._time() + LEASE_SECONDS - LEASE_MARGIN
        now = self._clock()
        was_set = abs(now - self._clock_at(self._time())) > CLOCK_STEP
        ours = [claimed.id for claimed in self._claims.all_rows()] if was_set else ()
        self._clock_read = now, self._time()
        take = partial(_take, who=self._who, now=now, limit=limit, allowance=self._allowance, ours=ours)
        taking = self._database.submit(take)
        taken = await asyncio.wrap_future(taking)
        self._claims.add(taken.rows, until)
        self._checkpoint("claimed")
        if not taken.rows:
            return 0
        self._use_key(taken.key)
        heard = False
        wanted: dict[Key, list[Claimed]] = {}
        for claimed in taken.rows:
            if claimed.id in taken.not_wanted:
                self._settling.put(not_sent(claimed, taken.not_wanted[claimed.id]))
                continue
            seconds, reason = self._senders.wait(claimed.recipient)
            if seconds and not heard:  # it may be due because somebody has put right what it waits for
                heard = True
                await self._hear_of_others()
                seconds, reason = self._senders.wait(claimed.recipient)
            if seconds:
                self._put_off(claimed, seconds, reason)
            else:
                wanted.setdefault(key_of(claimed), []).append(claimed)
        for key, rows in wanted.items():
            self._begin_copies(key, rows)
        return len(taken.rows)

    def _clock_at(self, time: float) -> datetime:
        """What the clock shows then, when nobody sets it."""
        then, ticks = self._clock_read
        return then + timedelta(seconds=time - ticks)

    def _begin_copies(self, key: Key, rows: list[Claimed]) -> None:
        making = asyncio.create_task(self._make_copies(key, rows))
        self._making.add(making)
        making.add_done_callback(self._making.discard)

    def _recode(self, ready: Ready) -> None:
        """The next hop takes no lines of 8 bits."""
        self._begin_copies(key_of(ready.claimed, seven_bit=True), [ready.claimed])

    async def _make_copies(self, key: Key, rows: list[Claimed]) -> None:
        signer, loop = self._signing(), asyncio.get_running_loop()
        try:
            shared = await self._shared.get(key)
        except Exception as problem:
            self._on_copies(key, [(claimed, problem) for claimed in rows])
            return
        for under_way in [
            loop.run_in_executor(self._threads, made_copies, shared, rows[start : start + COPIES_AT_ONCE], signer)
            for start in range(0, len(rows), COPIES_AT_ONCE)
        ]:
            self._on_copies(key, await under_way)

    def _on_copies(self, key: Key, made: Sequence[tuple[Claimed, Outgoing | Exception]]) -> None:
        self._checkpoint("copies made")
        problem: Exception | None = None
        for claimed, copy in made:
            if isinstance(copy, Outgoing):
                self._senders.put(Ready(claimed, copy, key.seven_bit))
            else:
                problem = copy
                self._settling.put(spoiled(claimed, copy, self._clock(), self._random_fraction()))
        if problem is not None:
            log.warning("copies could not be made", content=key.content_id, exc_info=problem)

    def _may_send(self, claimed: Claimed) -> bool:
        if self._claims.are_ours(claimed, self._time()):
            self._checkpoint("sending")
            return True
        self._claims.let_go(claimed)
        self._awake.set()
        return False

    def _on_reply(self, ready: Ready, reply: Reply) -> None:
        self._checkpoint("answered")
        self._settling.put(answered(ready.claimed, reply, self._clock(), self._random_fraction()))

    def _put_off(self, claimed: Claimed, seconds: float, reason: str) -> None:
        """Others go first, or a pause was asked for: back into the queue. Many are written down at once."""
        until = self._clock().replace(microsecond=0) + timedelta(seconds=math.ceil(seconds))
        if not self._putting_off:
            asyncio.get_running_loop().call_later(PUT_OFF_SECONDS, self._begin_putting_off)
        self._putting_off.setdefault((until, reason), []).append(claimed)

    def _begin_putting_off(self) -> None:
        writing = asyncio.create_task(self._write_put_off(self._putting_off))
        self._putting_off = {}
        self._making.add(writing)
        writing.add_done_callback(self._making.discard)

    async def _write_put_off(self, rows: dict[tuple[datetime, str], list[Claimed]]) -> None:
        def write(session: Session) -> None:
            for (until, reason), claims in rows.items():
                queue.postpone(session, [claimed.id for claimed in claims], until=until, reason=reason, who=self._who)

        try:
            await asyncio.wrap_future(self._database.submit(write))
        except StorageTrouble as trouble:
            log.warning("the queue cannot be written", reason=str(trouble))  # their leases run out
        for claims in rows.values():
            for claimed in claims:
                self._claims.let_go(claimed)
        self._awake.set()

    def _on_settled(self, rows: Sequence[Claimed]) -> None:
        self._checkpoint("settled")
        for claimed in rows:
            self._senders.settled(claimed)
        self._awake.set()

    async def _beat(self) -> None:
        """Twice a second: keep our leases, see what else has become due, and let nothing wait behind slow answers."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            self._senders.tick()
            try:
                await self._renew_leases()
                due_at = await asyncio.to_thread(self._database.read, queue.next_due)
                await self._hear_of_others()
            except StorageTrouble as trouble:
                log.warning("the queue cannot be read", reason=str(trouble))
                continue
            if due_at is not None and due_at <= self._clock():
                self._awake.set()

    async def _hear_of_others(self) -> None:
        """Another process, as that of the operator who says `queue retry`, may have put right what copies wait for."""
        async with self._hearing:
            if await asyncio.to_thread(self._database.changed):
                self._senders.forgive()

    async def _renew_leases(self) -> None:
        now = self._time()
        ids = self._claims.ending_before(now + RENEW_BEFORE)
        if not ids:
            return
        until = self._clock() + timedelta(seconds=LEASE_SECONDS)
        who = self._who
        await asyncio.wrap_future(
            self._database.submit(lambda session: queue.extend(session, ids, who=who, until=until))
        )
        self._claims.renew(ids, now + LEASE_SECONDS - LEASE_MARGIN)

    async def _drain(self, settling: asyncio.Task[None]) -> None:
        """Nothing new is begun: finish, write down, give back."""
        await self._senders.finish(DRAIN_SECONDS)
        for making in self._making:
            making.cancel()
        self._settling.end()
        _, late = await asyncio.wait({settling}, timeout=DRAIN_WRITE_SECONDS)
        if late:  # the database is in trouble: the next start takes back what it does not know
            settling.cancel()
            return
        left = [claimed.id for claimed in self._claims.all_rows()]
        if left:
            with contextlib.suppress(StorageTrouble):
                await asyncio.wrap_future(self._database.submit(lambda session: queue.release(session, left)))

    def _time(self) -> float:
        return asyncio.get_running_loop().time()


def _take(
    session: Session, *, who: str, now: datetime, limit: int, allowance: Allowance, ours: Sequence[int]
) -> _Taken:
    """`ours`: what is being sent, and must not be taken for lost, because the clock was set."""
    lease = timedelta(seconds=LEASE_SECONDS)
    if ours:
        queue.extend(session, ours, who=who, until=now + lease)
    room = min(limit, allowance(session, now))
    rows = queue.claim(session, who=who, now=now, limit=room, lease=lease) if room > 0 else []
    if not rows:
        return _Taken([], {}, None)
    return _Taken(rows, not_wanted(session, [row.id for row in rows]), active_key(session))
