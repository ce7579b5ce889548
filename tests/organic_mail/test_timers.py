"""The timers: when they act, and what stops them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from organic_mail import keys
from organic_mail.resolver import Resolver
from organic_mail.timers import Timer, run_timers, standing_timers
from storage import mailboxes
from storage.arrivals import remember
from storage.models import KeyState
from storage.models_mailbox import Fate
from storage.trouble import StorageTrouble
from tests.dns_server import DnsServer
from tests.wire.command_line import DOMAIN, Operator, empty_home, om

__all__ = ["empty_home", "om"]

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Clock(threading.Event):
    """Time passes as the timers wait for it, and no faster; the end comes at `until`.

    `steps`: somebody sets the clock by so much when so many minutes have passed.
    """

    def __init__(self, until: datetime, steps: dict[int, timedelta] | None = None) -> None:
        super().__init__()
        self.passed = timedelta()
        self.set_by = timedelta()
        self.until = until
        self.steps = steps or {}

    @property
    def now(self) -> datetime:
        return NOON + self.passed + self.set_by

    def ticks(self) -> float:
        return self.passed.total_seconds()

    def wait(self, timeout: float | None = None) -> bool:
        self.passed += timedelta(seconds=timeout or 0)
        self.set_by += self.steps.pop(self.passed // timedelta(minutes=1), timedelta())
        if self.passed >= self.until - NOON:
            self.set()
        return self.is_set()

    def run(self, *timers: Timer, last_seen: datetime | None = None) -> None:
        run_timers(timers, self, lambda: self.now, self.ticks, last_seen)


def test_each_acts_at_the_start_and_then_in_its_time() -> None:
    acted: list[tuple[str, int]] = []

    def timer(name: str, hours: int) -> Timer:
        return Timer(name, timedelta(hours=hours), lambda now: acted.append((name, (now - NOON) // timedelta(hours=1))))

    clock = Clock(NOON + timedelta(hours=4, minutes=30))
    clock.run(timer("a", 1), timer("b", 2))
    assert acted == [("a", 0), ("b", 0), ("a", 1), ("a", 2), ("b", 2), ("a", 3), ("a", 4), ("b", 4)]


@pytest.mark.parametrize("trouble", [StorageTrouble("the disk is full"), ValueError("a fault of ours")])
def test_trouble_waits_for_the_next_time(trouble: Exception) -> None:
    """A daemon that ended at a fault of ours would meet the same one at its next start, and nobody had mail."""
    tries: list[datetime] = []

    def act(now: datetime) -> None:
        tries.append(now)
        raise trouble

    clock = Clock(NOON + timedelta(hours=1, minutes=30))
    clock.run(Timer("trouble", timedelta(hours=1), act))
    assert tries == [NOON, NOON + timedelta(hours=1)]


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(days=-1), timedelta(days=3650), timedelta(days=-3650)])
def test_after_a_step_of_the_clock_nothing_is_forgotten_for_an_hour(step: timedelta) -> None:
    clock = Clock(NOON + timedelta(hours=4), {120: step})
    forgotten: list[timedelta] = []
    mended: list[timedelta] = []
    clock.run(
        Timer("tick", timedelta(minutes=1), lambda now: mended.append(clock.passed), at_any_time=True),
        Timer("forget", timedelta(minutes=30), lambda now: forgotten.append(clock.passed)),
    )
    assert [passed // timedelta(minutes=1) for passed in forgotten] == [0, 30, 60, 90, 180, 210]
    assert len(mended) == 240


def test_a_clock_that_is_put_right_in_time_does_no_harm() -> None:
    clock = Clock(NOON + timedelta(hours=4), {20: timedelta(days=3650), 40: timedelta(days=-3650)})
    days: set[int] = set()
    clock.run(
        Timer("tick", timedelta(minutes=1), lambda now: None, at_any_time=True),
        Timer("forget", timedelta(minutes=30), lambda now: days.add(now.year)),
    )
    assert days == {NOON.year}


@pytest.mark.parametrize(
    ("last_seen", "at_once"),
    [
        (None, True),
        (NOON - timedelta(days=60), True),
        (NOON + timedelta(hours=12), True),
        (NOON - timedelta(days=3650), False),
        (NOON + timedelta(days=3650), False),
    ],
)
def test_a_clock_that_is_wrong_at_the_start(last_seen: datetime | None, at_once: bool) -> None:
    clock = Clock(NOON + timedelta(minutes=59))
    acted: list[datetime] = []
    clock.run(Timer("forget", timedelta(hours=1), acted.append), last_seen=last_seen)
    assert bool(acted) is at_once


def test_the_next_key_signs_when_dns_has_it(om: Operator, dns_server: DnsServer) -> None:
    with om.opened() as opened:
        dns = Resolver([dns_server.nameserver], try_seconds=0.5, total_seconds=1)
        switch = next(timer for timer in standing_timers(opened, dns) if timer.name == "sign with next key")
        switch.act(NOON)
        key = keys.make_next_key(opened.database, opened.home.keys, now=NOON)
        dns_server.put(DOMAIN, A=["192.0.2.1"])
        switch.act(NOON)
        assert keys.next_key(opened.database) is not None
        dns_server.soa = False
        record = keys.record_of(key, DOMAIN)
        dns_server.put(record.name, TXT=[[record.value[:200], record.value[200:]]])
        later = Resolver([dns_server.nameserver])
        next(timer for timer in standing_timers(opened, later) if timer.name == "sign with next key").act(NOON)
        assert keys.next_key(opened.database) is None
    states = {each["selector"]: each["state"] for each in om("keys", "ls", "--json").json}
    assert states.pop(key.selector) == KeyState.ACTIVE
    assert list(states.values()) == [KeyState.RETIRED]


def test_the_file_of_a_revoked_key_is_removed(om: Operator) -> None:
    om("keys", "rotate", "--now")
    old, new = (each["selector"] for each in om("keys", "ls", "--json").json)
    with om.opened() as opened:
        timers = standing_timers(opened, Resolver(["127.0.0.1:1"]))
        remove = next(timer for timer in timers if timer.name == "remove revoked keys")
        for days, left in ((29, {f"{old}.pem", f"{new}.pem"}), (31, {f"{new}.pem"})):
            remove.act(datetime.now(UTC) + timedelta(days=days))
            assert {file.name for file in om.home.glob("keys/*.pem")} == left


def test_old_arrivals_are_forgotten(om: Operator, dns_server: DnsServer) -> None:
    with om.opened() as opened:
        forget = next(
            each for each in standing_timers(opened, Resolver(["127.0.0.1:1"])) if each.name == "forget arrivals"
        )
        new = NOON - timedelta(days=6)
        opened.database.write(lambda session: remember(session, b"old", NOON - timedelta(days=8)))
        opened.database.write(lambda session: remember(session, b"new", new))
        forget.act(NOON)
        assert opened.database.write(lambda session: remember(session, b"old", NOON))
        assert not opened.database.write(lambda session: remember(session, b"new", NOON))


def test_mails_of_the_mailbox_are_forgotten_when_they_are_too_old_to_be_read(om: Operator) -> None:
    with om.opened() as opened:
        forget = next(
            each for each in standing_timers(opened, Resolver(["127.0.0.1:1"])) if each.name == "forget mailbox mails"
        )
        for mark, days in ((b"old", 401), (b"new", 399)):
            seen_at = NOON - timedelta(days=days)
            opened.database.write(partial(mailboxes.remember_mail, fingerprint=mark, fate=Fate.TAKEN, now=seen_at))
        forget.act(NOON)
        assert opened.database.read(lambda session: mailboxes.fates_of(session, [b"old", b"new"])) == {
            b"new": Fate.TAKEN
        }
