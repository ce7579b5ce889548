"""Connections kept, opened and given up, without a network: a line is whatever the test says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from handlers.reply import Reply
from organic_mail import senders
from organic_mail.senders import Ready, Senders
from organic_mail.smtp_client import NextHopRefused, Outgoing
from organic_mail.smtp_wire import ConnectionLost
from storage.queue import Claimed
from tests.wire.daemons import PATIENCE

OK = Reply(250, "2.0.0", "Ok")


def ready(number: int) -> Ready:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    claimed = Claimed(number, 1, 1, 1, 1, 1, 1, f"m{number}@example.org", "en", 1, now, "token")
    return Ready(claimed, Outgoing("b@oak.example", claimed.recipient, b"\r\n", b"", eight_bit=False))


class Line:
    """Takes copies until `lasts` of them; `usable` as long as it was not closed."""

    def __init__(self, send: Callable[[Outgoing], Awaitable[Reply]]) -> None:
        self._send = send
        self.usable = True
        self.copies = 0

    def takes_octets_of(self, copy: Outgoing) -> bool:
        return not copy.eight_bit

    async def send(self, copy: Outgoing, following: Outgoing | None = None) -> Reply:
        reply = await self._send(copy)
        self.copies += 1
        return reply

    async def quit(self) -> None:
        self.usable = False


class Harness:
    """Senders with everything that they report."""

    def __init__(self, dial: Callable[[], Awaitable[Line]], *, limit: int = 5, settles: bool = True) -> None:
        self.reports: list[tuple[int, Reply]] = []
        self.recoded: list[Ready] = []
        self.settles = settles
        self.senders = Senders(
            dial, limit=limit, may_send=lambda claimed: claimed.id >= 0, report=self.report, recode=self.recoded.append
        )

    def report(self, one: Ready, reply: Reply) -> None:
        self.reports.append((one.claimed.id, reply))
        if self.settles:
            self.senders.settled(one.claimed)


async def accept(copy: Outgoing) -> Reply:
    await asyncio.sleep(0)
    return OK


async def turns(count: int = 200) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_next_hop_that_is_away_is_left_alone_for_longer_and_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(senders, "FORGIVEN_AFTER", 0.0)

    async def dial() -> Line:
        raise ConnectionLost("refused")

    async def run() -> list[float]:
        harness = Harness(dial)
        pauses = []
        for number in range(9):
            harness.senders.put(ready(number))
            await turns(10)
            pauses.append(harness.senders.pause)
            harness.senders.forgive()
        assert [reply.code for _, reply in harness.reports] == [0] * 9
        assert harness.senders.suspect
        return pauses

    for pause, longest in zip(asyncio.run(run()), [10, 20, 40, 80, 160, 320, 600, 600, 600], strict=True):
        assert 0.8 * longest < pause <= longest  # the clock goes on while we look


def test_a_pause_is_shortened_but_not_ended_when_somebody_may_have_put_it_right() -> None:
    async def dial() -> Line:
        raise ConnectionLost("refused")

    async def run() -> float:
        harness = Harness(dial)
        harness.senders.put(ready(1))
        await turns(10)
        harness.senders.forgive()
        return harness.senders.pause

    assert 3 < asyncio.run(run()) <= 5


def test_a_next_hop_that_is_back_is_trusted_again() -> None:
    away = [True]

    async def dial() -> Line:
        if away[0]:
            raise NextHopRefused("not now", Reply(421, "", "later"))
        return Line(accept)

    async def run() -> None:
        harness = Harness(dial)
        harness.senders.put(ready(1))
        await turns()
        assert harness.senders.suspect
        away[0] = False
        harness.senders.put(ready(2))
        await turns()
        assert not harness.senders.suspect
        assert [number for number, reply in harness.reports if reply == OK] == [2]
        await harness.senders.finish(1)

    asyncio.run(run())


def test_no_more_copies_are_in_flight_than_the_limit_until_they_are_settled() -> None:
    async def dial() -> Line:
        return Line(accept)

    async def run() -> None:
        harness = Harness(dial, limit=4, settles=False)
        for number in range(50):
            harness.senders.put(ready(number))
        await turns()
        assert len(harness.reports) == 4
        for number, _ in harness.reports[:2]:
            harness.senders.settled(ready(number).claimed)
        await turns()
        assert len(harness.reports) == 6
        await harness.senders.finish(0.01)
        assert len(harness.reports) <= 10

    asyncio.run(run())


def test_what_was_begun_is_reported_when_we_stop() -> None:
    asked: list[Outgoing] = []

    async def never(copy: Outgoing) -> Reply:
        asked.append(copy)
        await asyncio.Event().wait()
        return OK

    async def dial() -> Line:
        return Line(never)

    async def run() -> None:
        harness = Harness(dial, limit=3)
        for number in range(40):
            harness.senders.put(ready(number))
        await turns()
        begun = {copy.recipient for copy in asked}
        await harness.senders.finish(0.01)
        assert {f"m{number}@example.org" for number, _ in harness.reports} == begun
        assert all(reply.code == 0 for _, reply in harness.reports)

    asyncio.run(run())


def test_a_copy_of_eight_bits_is_recoded_once() -> None:
    async def dial() -> Line:
        return Line(accept)

    async def run() -> None:
        harness = Harness(dial)
        one = ready(1)
        eight = Ready(one.claimed, replace(one.copy, eight_bit=True))
        harness.senders.put(eight)
        await turns()
        assert (harness.recoded, harness.reports) == ([eight], [])
        harness.senders.put(replace(eight, seven_bit=True))
        await turns()
        assert [number for number, _ in harness.reports] == [1]
        await harness.senders.finish(1)

    asyncio.run(run())


def test_a_copy_that_is_not_ours_any_more_is_passed_over() -> None:
    async def dial() -> Line:
        return Line(accept)

    async def run() -> None:
        harness = Harness(dial)
        for number in (-1, 2):
            harness.senders.put(ready(number))
        await turns()
        assert [number for number, _ in harness.reports] == [2]
        await harness.senders.finish(1)

    asyncio.run(run())


def test_a_fault_of_ours_in_one_copy_does_not_stop_the_next() -> None:
    async def dial() -> Line:
        async def send(copy: Outgoing) -> Reply:
            if copy.recipient == "m1@example.org":
                raise ValueError("a fault")
            return OK

        return Line(send)

    async def run() -> None:
        harness = Harness(dial)
        harness.senders.put(ready(1))
        await turns()
        harness.senders.put(ready(2))
        await turns()
        assert [(number, reply.code) for number, reply in harness.reports] == [(1, 0), (2, 250)]
        await harness.senders.finish(1)

    asyncio.run(run())


def test_a_connection_is_changed_after_a_thousand_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(senders, "COPIES_PER_CONNECTION", 10)
    lines: list[Line] = []

    async def dial() -> Line:
        lines.append(Line(accept))
        return lines[-1]

    async def run() -> None:
        harness = Harness(dial, limit=1)
        for number in range(25):
            harness.senders.put(ready(number))
        await turns(1000)
        assert [line.copies for line in lines] == [10, 10, 5]
        await harness.senders.finish(1)

    asyncio.run(run())


def test_an_idle_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(senders, "IDLE_SECONDS", 0.01)
    lines: list[Line] = []

    async def dial() -> Line:
        lines.append(Line(accept))
        return lines[-1]

    async def run() -> None:
        harness = Harness(dial)
        harness.senders.put(ready(1))
        async with asyncio.timeout(PATIENCE):
            while not lines or lines[0].usable:
                await turns(1)

    asyncio.run(run())
