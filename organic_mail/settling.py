"""Writing down what became of deliveries, many at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlmodel import Session

from handlers.facts import Host
from handlers.reply import Reply
from handlers.retry import Fault, classify, clean_reply, next_attempt
from handlers.score import run_of, weight
from handlers.token import Secrets
from organic_mail import bouncing, private_mail
from organic_mail.claims import Claims
from organic_mail.picture_process import WorkerNotStarted
from organic_mail.smtp_wire import UnusablePath
from storage import queue
from storage.database import Database, StorageTrouble
from storage.events import record
from storage.models import DeliveryState
from storage.queue import Claimed, Settled
from storage.shunts import set_aside

TRIES_OF_OURS = 3
"""A copy that we cannot make so often is set aside (spec: mail §3.6 G5)."""
SOON_SECONDS = 0.01
"""For so long at most a result waits for others."""
TROUBLE_SECONDS = 1.0

_WHOSE_FAULT = {
    Fault.ADDRESS_HARD: "nobody has this address",
    Fault.SOFT: "the mailbox takes nothing",
    Fault.OURS: "refused because of us, not because of this address",
    Fault.MESSAGE: "this one message was refused",
    None: "refused",
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Finished:
    """One attempt and what is written about it. `event`: kind and text of a line in the log, None for a sent copy.

    `fault`: whom it speaks against that nothing more will be tried; None for what is not over.
    """

    claimed: Claimed
    settled: Settled
    event: tuple[str, str] | None = None
    fault: Fault | None = None
    shunt_reason: str = ""

    @property
    def gave_up(self) -> bool:
        """Tried in vain; not dropped because nobody waits for it."""
        return self.settled.state is DeliveryState.FAILED and self.event is not None


def answered(claimed: Claimed, reply: Reply, now: datetime, random_fraction: float) -> Finished:
    """What is written about an attempt that `reply` decided."""
    result = classify(reply)
    text = f"{reply.code} {reply.enhanced} {reply.text}" if reply.code else reply.text
    if result.state is DeliveryState.SENT:
        return Finished(claimed, Settled(claimed.id, result.state, clean_reply(text)))
    if result.state is DeliveryState.DEFERRED:
        in_the_end = Fault.OURS if result.fault is Fault.OURS else Fault.SOFT
        return put_off(claimed, text, now, random_fraction, in_the_end)
    return _failed(claimed, clean_reply(text), _WHOSE_FAULT[result.fault], result.fault)


def put_off(
    claimed: Claimed, reason: str, now: datetime, random_fraction: float, in_the_end: Fault | None = None
) -> Finished:
    """Try again later, or give up when that was long enough. in_the_end: whose fault it is then."""
    reason = clean_reply(reason)
    due_at = next_attempt(claimed.attempts, now, random_fraction)
    if due_at is None:
        return _failed(claimed, reason, "given up after five days", in_the_end)
    if claimed.expires_at is not None and due_at >= claimed.expires_at:
        return _failed(claimed, reason, "given up, because it would be of no use any more", None)
    event = "deferred", f"{claimed.recipient}: waits until {due_at:%Y-%m-%d %H:%M} UTC: {reason}"
    return Finished(claimed, Settled(claimed.id, DeliveryState.DEFERRED, reason, due_at), event)


def spoiled(claimed: Claimed, problem: Exception, now: datetime, random_fraction: float) -> Finished:
    """Its copy could not be made: our own trouble. After some tries it is set aside with its bytes."""
    if isinstance(problem, StorageTrouble | WorkerNotStarted):
        return put_off(claimed, str(problem), now, random_fraction)
    if isinstance(problem, UnusablePath):
        return _failed(claimed, str(problem), _WHOSE_FAULT[Fault.ADDRESS_HARD], Fault.ADDRESS_HARD)
    reason = clean_reply(f"we could not make this copy: {type(problem).__name__}: {problem}")
    if claimed.attempts < TRIES_OF_OURS:
        return put_off(claimed, reason, now, random_fraction)
    event = "shunted", f"{claimed.recipient}: set aside, see organic-mail shunt ls: {reason}"
    return Finished(claimed, Settled(claimed.id, DeliveryState.HELD, reason), event, shunt_reason=reason)


def not_sent(claimed: Claimed, reason: str) -> Finished:
    """Nobody waits for it any more."""
    return Finished(claimed, Settled(claimed.id, DeliveryState.FAILED, f"not sent: {reason}"))


def _failed(claimed: Claimed, reply: str, what: str, fault: Fault | None = None) -> Finished:
    event = "failed", f"{claimed.recipient}: {what}: {reply}"
    return Finished(claimed, Settled(claimed.id, DeliveryState.FAILED, reply), event, fault)


@dataclass(frozen=True, slots=True)
class _Post:
    id: int
    list_id: int | None


class Settling:
    """`settled` is called after each commit with what it wrote. A result is kept until the database has taken it.

    `batch`: so many results do not wait for more.
    """

    def __init__(
        self,
        database: Database,
        claims: Claims,
        *,
        batch: int,
        host: Host,
        clock: Callable[[], datetime],
        settled: Callable[[Sequence[Claimed]], None],
    ) -> None:
        self._database = database
        self._claims = claims
        self._batch = batch
        self._host = host
        self._clock = clock
        self._settled = settled
        self._results: list[Finished] = []
        self._sent: Counter[_Post] = Counter()  # copies of posts that have others under way
        self._some = asyncio.Event()
        self._many = asyncio.Event()
        self._ending = False

    def put(self, finished: Finished) -> None:
        self._results.append(finished)
        self._some.set()
        if len(self._results) >= self._batch:
            self._many.set()

    def end(self) -> None:
        """`run` returns when everything is written."""
        self._ending = True
        self._some.set()
        self._many.set()

    async def run(self) -> None:
        while self._results or not self._ending:
            await self._some.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SOON_SECONDS):
                    await self._many.wait()
            try:
                await self._write()
            except StorageTrouble as trouble:
                log.warning("results wait to be written", reason=str(trouble), waiting=len(self._results))
                await asyncio.sleep(TROUBLE_SECONDS)

    async def _write(self) -> None:
        results = self._results[:]
        sent = self._sent + _sent_copies(results)
        finished = [post for post in sent if self._is_last(post, results)]
        lines = [(post, sent[post]) for post in finished]
        now = self._clock()
        await asyncio.wrap_future(
            self._database.submit(lambda session: _write_down(session, results, lines, self._host, now))
        )
        for post in finished:
            del sent[post]
        self._sent = sent
        del self._results[: len(results)]
        settled = [result.claimed for result in results]
        for claimed in settled:
            self._claims.let_go(claimed)
        if not self._results and not self._ending:
            self._some.clear()
        if len(self._results) < self._batch and not self._ending:
            self._many.clear()
        self._settled(settled)

    def _is_last(self, post: _Post, results: Sequence[Finished]) -> bool:
        """Is nothing of this post under way beside these results?"""
        return sum(result.claimed.post_id == post.id for result in results) >= self._claims.of_post(post.id)


def _sent_copies(results: Sequence[Finished]) -> Counter[_Post]:
    return Counter(
        _Post(result.claimed.post_id, result.claimed.list_id)
        for result in results
        if result.settled.state is DeliveryState.SENT and result.claimed.post_id is not None
    )


def _write_down(
    session: Session,
    results: Sequence[Finished],
    sent: Sequence[tuple[_Post, int]],
    host: Host,
    now: datetime,
) -> None:
    queue.settle(session, [result.settled for result in results], now)
    for result in results:
        claimed = result.claimed
        if result.event is not None:
            kind, text = result.event
            record(
                session,
                kind,
                text,
                now=now,
                list_id=claimed.list_id,
                post_id=claimed.post_id,
                member_id=claimed.member_id,
                content_id=claimed.content_id,
            )
        if result.fault is not None:
            _count(session, host.secrets, claimed, result.fault, result.settled.last_reply, now)
        if claimed.private_id is not None and result.gave_up:
            private_mail.came_back(session, host, claimed.private_id, now)
        if result.shunt_reason:
            set_aside(
                session,
                content_id=claimed.content_id,
                reason=result.shunt_reason,
                recipients=(claimed.recipient,),
                delivery_id=claimed.id,
                now=now,
            )
    for post, copies in sent:
        text = "sent to 1 member" if copies == 1 else f"sent to {copies} members"
        record(session, "sent", text, now=now, list_id=post.list_id, post_id=post.id)


def _count(session: Session, secrets: Secrets, claimed: Claimed, fault: Fault, said: str, now: datetime) -> None:
    """What the next hop itself said is the surest sign (spec/mail.md §3.5)."""
    if fault is not Fault.MESSAGE and claimed.member_id is not None:
        bouncing.count(
            session,
            secrets,
            member_id=claimed.member_id,
            recipient=claimed.recipient,
            run=run_of(claimed.post_id, claimed.created_at.date()),
            fault=fault,
            weight=weight(fault),
            said=said,
            now=now,
        )
