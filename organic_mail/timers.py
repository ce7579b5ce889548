"""What has to be done from time to time: forget what was finished long ago, sign with the next key when DNS has it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from organic_mail import keys
from organic_mail.home import Opened
from organic_mail.problem import Problem
from organic_mail.resolver import Dns, DnsTrouble
from storage.arrivals import prune_arrivals
from storage.queue import prune
from storage.trouble import StorageTrouble

SENT_DELIVERIES_KEPT = timedelta(days=14)
ARRIVALS_KEPT = timedelta(days=7)  # spec/mail.md §3.6 G3

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Timer:
    every: timedelta
    act: Callable[[Opened, Dns, datetime], None]


def forget_sent_deliveries(opened: Opened, dns: Dns, now: datetime) -> None:
    """In small transactions, so that nobody's post waits for it."""
    before = now - SENT_DELIVERIES_KEPT
    while opened.database.write(lambda session: prune(session, before=before)):
        pass


def forget_arrivals(opened: Opened, dns: Dns, now: datetime) -> None:
    before = now - ARRIVALS_KEPT
    while opened.database.write(lambda session: prune_arrivals(session, before=before)):
        pass


def sign_with_next_key(opened: Opened, dns: Dns, now: datetime) -> None:
    """The second half of `keys rotate`."""
    key = keys.next_key(opened.database)
    if key is None:
        return
    keys.private_key(opened.home.keys, key)
    if keys.is_published(key, opened.settings.community.domain, dns):
        keys.switch_key(opened.database, key.selector, now)
        log.info("key switched", selector=key.selector)


TIMERS = (
    Timer(timedelta(hours=1), forget_sent_deliveries),
    Timer(timedelta(hours=1), forget_arrivals),
    Timer(timedelta(hours=1), sign_with_next_key),
)


def run_timers(
    opened: Opened,
    dns: Dns,
    stop: threading.Event,
    *,
    timers: tuple[Timer, ...] = TIMERS,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Until `stop`. Each timer acts at the start and then each `every`; trouble waits for the next time."""
    due = {timer: clock() for timer in timers}
    while not stop.is_set():
        for timer in timers:
            if due[timer] <= clock():
                due[timer] = clock() + timer.every
                _act(timer, opened, dns, clock())
        rest = min(due.values()) - clock()
        stop.wait(max(rest.total_seconds(), 0.0))


def _act(timer: Timer, opened: Opened, dns: Dns, now: datetime) -> None:
    try:
        timer.act(opened, dns, now)
    except (StorageTrouble, DnsTrouble, Problem) as trouble:
        log.warning("timer failed", timer=timer.act.__name__, reason=str(trouble))
