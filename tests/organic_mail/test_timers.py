"""The timers: when they act, and what stops them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from functools import partial

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
    """Time passes as the timers wait for it, and no faster; the end comes at `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.now = NOON
        self.until = until

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timedelta(seconds=timeout or 0)
        if self.now >= self.until:
            self.set()
        return self.is_set()


def test_each_acts_at_the_start_and_then_in_its_time() -> None:
    acted: list[tuple[str, int]] = []

    def timer(name: str, hours: int) -> Timer:
        return Timer(name, timedelta(hours=hours), lambda now: acted.append((name, (now - NOON) // timedelta(hours=1))))

    clock = Clock(NOON + timedelta(hours=4, minutes=30))
    run_timers([timer("a", 1), timer("b", 2)], clock, lambda: clock.now)
    assert acted == [("a", 0), ("b", 0), ("a", 1), ("a", 2), ("b", 2), ("a", 3), ("a", 4), ("b", 4)]


def test_trouble_waits_for_the_next_time() -> None:
    tries: list[datetime] = []

    def act(now: datetime) -> None:
        tries.append(now)
        raise StorageTrouble("the disk is full")

    clock = Clock(NOON + timedelta(hours=1, minutes=30))
    run_timers([Timer("trouble", timedelta(hours=1), act)], clock, lambda: clock.now)
    assert tries == [NOON, NOON + timedelta(hours=1)]


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
