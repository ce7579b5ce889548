"""Straight to the mail servers of each recipient's domain: lines to many groups of hosts side by side.

What is written about one group stays with it: its pace, its trouble, its waiting copies. Others are not held up,
because a group keeps few copies waiting here and puts the rest off into the queue (spec/mail.md §3.4).
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from handlers.reply import Reply
from organic_mail.groups import Group, Waiting
from organic_mail.lines import COPIES_PER_CONNECTION, Kept, Lines, Unreachable
from organic_mail.routes import Route, Routing
from organic_mail.senders import Ready, trouble
from organic_mail.sending import Calls
from organic_mail.smtp_wire import ConnectionLost
from organic_mail.tls_out import NotSafe
from storage.queue import Claimed

LONGEST_WAIT = 30.0
"""Seconds after which a copy gives up its place in memory."""
REST_SECONDS = 60.0
"""A domain whose hosts could not be reached is left alone for so long."""
ROUTE_SECONDS, TROUBLE_SECONDS = 300.0, 30.0
"""For which a route, or that there is none, is believed."""
MOST_ROUTES, MOST_GROUPS = 10_000, 1_000
LOOKUPS = 20
log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Lane:
    """Carries copies of one group over one connection."""

    group: Group
    line: Kept | None = None


@dataclass(slots=True)
class _Known:
    """What was found out about a domain."""

    answer: Route | Reply
    until: float
    rest_until: float = 0.0


class Direct:
    """`Sending`. Everything but the lookups runs in one event loop."""

    suspect = False  # there is no one next hop that could be
    pause = 0.0

    def __init__(self, routing: Routing, lines: Lines, calls: Calls) -> None:
        self._routing = routing
        self._lines = lines
        self._calls = calls
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, list[Ready]] = {}
        self._groups: dict[str, Group] = {}
        self._lanes: set[asyncio.Task[None]] = set()
        self._lookups: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="routes")
        self._in_flight = asyncio.Semaphore(calls.limit)
        self._unsettled: set[int] = set()
        self._finishing = False

    def forgive(self) -> None:
        """Somebody may have put it right: try at once whom we could not reach. Who asked for a pause gets it."""
        for domain in [domain for domain, known in self._known.items() if known.rest_until]:
            del self._known[domain]

    def wait(self, recipient: str) -> tuple[float, str]:
        """Seconds for which a delivery had better not be begun, and why; asked before its copy is made."""
        known = self._known.get(_domain(recipient))
        if known is None or isinstance(known.answer, Reply):
            return 0.0, ""
        now = _now()
        if known.rest_until > now:
            return known.rest_until - now, "its mail servers could not be reached a moment ago"
        group = self._groups.get(known.answer.group)
        if group is None:
            return 0.0, ""
        if pause := group.pace.pause(now):
            return pause, f"{group.name} asked for a pause: {group.pace.why}"
        if group.full:
            return group.turn(now), f"others for {group.name} go first"
        return 0.0, ""

    def put(self, ready: Ready) -> None:
        if self._finishing:
            return
        domain = _domain(ready.copy.recipient)
        known = self._known.get(domain)
        if known is not None and known.until > _now():
            self._queue(ready, known.answer)
        elif domain in self._asking:
            self._asking[domain].append(ready)
        else:
            self._asking[domain] = [ready]
            lookup = asyncio.create_task(self._ask(domain))
            self._lookups.add(lookup)
            lookup.add_done_callback(self._lookups.discard)

    def settled(self, claimed: Claimed) -> None:
        """What became of it is written down."""
        if claimed.id in self._unsettled:
            self._unsettled.discard(claimed.id)
            self._in_flight.release()

    def tick(self) -> None:
        """Now and then: let go of idle connections, and of copies that have waited long enough to let others by."""
        self._lines.tidy()
        late = _now() - LONGEST_WAIT
        for group in self._groups.values():
            while group.waiting and group.waiting[0].since < late:
                self._give_back(group, group.waiting.popleft())
        if len(self._groups) > MOST_GROUPS:
            now = _now()
            self._groups = {name: group for name, group in self._groups.items() if group.is_busy(now)}
        self._serve_all()

    async def finish(self, seconds: float) -> None:
        """Come to an end: what is under way gets so many seconds, the rest is not begun."""
        self._finishing = True
        self._asking.clear()
        for lookup in self._lookups:
            lookup.cancel()
        for group in self._groups.values():
            group.waiting.clear()
        if self._lanes:
            _, late = await asyncio.wait(self._lanes, timeout=seconds)
            for lane in late:
                lane.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._lines.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, domain: str) -> None:
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, self._routing, domain)
        except Exception as problem:
            log.exception("no route could be found", domain=domain)
            answer = trouble(f"our own trouble: {problem!r}", "4.3.0")
        if len(self._known) >= MOST_ROUTES:
            self._known.clear()
        seconds = ROUTE_SECONDS if isinstance(answer, Route) else TROUBLE_SECONDS
        self._known[domain] = _Known(answer, _now() + seconds)
        for ready in self._asking.pop(domain, ()):
            self._queue(ready, answer)

    def _queue(self, ready: Ready, answer: Route | Reply) -> None:
        if isinstance(answer, Reply):
            self._calls.report(ready, answer)
            return
        seconds, reason = self.wait(ready.copy.recipient)
        if seconds:
            self._calls.put_off(ready.claimed, seconds, reason)
            return
        group = self._groups.setdefault(answer.group, Group(answer.group))
        group.waiting.append(Waiting(ready, answer, _now()))
        self._serve(group)

    def _give_back(self, group: Group, waiting: Waiting) -> None:
        seconds, reason = self.wait(waiting.ready.copy.recipient)
        self._calls.put_off(waiting.ready.claimed, seconds or group.turn(_now()), reason or f"{group.name} is slow")

    def _serve_all(self) -> None:
        for group in sorted((group for group in self._groups.values() if group.waiting), key=_longest_waiting):
            self._serve(group)

    def _serve(self, group: Group) -> None:
        """As many lanes as its pace allows, its copies ask for, and all others leave."""
        while group.wants_lane and len(self._lanes) < self._calls.limit and not self._finishing:
            self._lines.make_room(self._calls.limit - len(self._lanes) - 1)
            group.lanes += 1
            running = asyncio.create_task(self._run(_Lane(group)))
            self._lanes.add(running)
            running.add_done_callback(self._ended)

    def _ended(self, running: asyncio.Task[None]) -> None:
        self._lanes.discard(running)
        if not running.cancelled() and (problem := running.exception()) is not None:
            log.error("sending stopped", exc_info=problem)
        self._serve_all()

    async def _run(self, lane: _Lane) -> None:
        """One connection's worth of copies; then others who wait may have the place."""
        group = lane.group
        try:
            for _ in range(COPIES_PER_CONNECTION):
                if not group.waiting or self._finishing or group.lanes > group.pace.connections:
                    break
                waiting = group.waiting.popleft()
                try:
                    await self._carry(lane, waiting)
                except BaseException as problem:
                    stopped = isinstance(problem, asyncio.CancelledError)
                    reason = "we stopped in the middle" if stopped else f"our own trouble: {problem!r}"
                    self._calls.report(waiting.ready, trouble(reason, "4.3.0"))
                    if lane.line is not None:
                        self._lines.drop(lane.line)
                        lane.line = None
                    raise
        finally:
            group.lanes -= 1
            if lane.line is not None:
                self._lines.keep(lane.line)

    async def _carry(self, lane: _Lane, waiting: Waiting) -> None:
        group = lane.group
        if (turn := group.pace.turn(_now())) > 0:
            await asyncio.sleep(turn)
        if self._finishing:
            return
        if group.pace.pause(_now()):
            self._give_back(group, waiting)
            return
        line, lane.line = lane.line, None
        try:
            lane.line = line = await self._lines.to(waiting.route, line)
        except Unreachable as problem:
            self._unreachable(group, waiting, trouble(str(problem), "4.4.1"))
            for reply in problem.refusals:
                self._hear(group, reply, "")
            return
        except NotSafe as problem:
            self._unreachable(group, waiting, trouble(str(problem), "4.7.5"))
            return
        if line.safety > waiting.route.known:
            self._known.pop(waiting.route.domain, None)  # it gives now what must not be taken back
        if waiting.ready.seven_bit or line.connection.takes_octets_of(waiting.ready.copy):
            await self._send(group, waiting, line)
        else:
            self._calls.recode(waiting.ready)

    async def _send(self, group: Group, waiting: Waiting, line: Kept) -> None:
        ready = waiting.ready
        await self._in_flight.acquire()
        self._unsettled.add(ready.claimed.id)
        if not self._calls.may_send(ready.claimed):
            self.settled(ready.claimed)
            return
        began, kept = _now(), line.copies > 0
        try:
            reply = await line.connection.send(ready.copy)
        except ConnectionLost as lost:
            if kept and not lost.may_have_arrived and not self._finishing:
                self.settled(ready.claimed)
                group.waiting.appendleft(waiting)  # the connection ended while it was kept: that says nothing of her
                if lost.reply is not None:
                    self._hear(group, lost.reply, "")
                return
            reply = trouble(str(lost))
        group.took(_now() - began)
        self._calls.report(ready, reply)
        self._hear(group, reply, ready.copy.recipient)

    def _hear(self, group: Group, reply: Reply, recipient: str) -> None:
        group.heard(reply, recipient, _now())
        if group.pace.pause(_now()):
            while group.waiting:
                self._give_back(group, group.waiting.popleft())

    def _unreachable(self, group: Group, waiting: Waiting, reply: Reply) -> None:
        """No host of this domain could be had: all that waits for it here has had its attempt."""
        domain = waiting.route.domain
        if domain in self._known:
            self._known[domain].rest_until = _now() + REST_SECONDS
        for unsent in (waiting, *group.take_all_for(domain)):
            self._calls.report(unsent.ready, reply)


def _domain(recipient: str) -> str:
    return recipient.rpartition("@")[2].lower()


def _longest_waiting(group: Group) -> float:
    return group.waiting[0].since


def _now() -> float:
    return asyncio.get_running_loop().time()
