"""What has to be done from time to time: forget what was finished long ago, sign with the next key when DNS has it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from handlers.facts import Host
from organic_mail import keys
from organic_mail.asking_people import remind
from organic_mail.bouncing import forget_bounces, judge_bounces
from organic_mail.home import Opened
from organic_mail.moderation import leave_to_people
from organic_mail.notices import host_of
from organic_mail.pausing import send_probes
from organic_mail.problem import Problem
from organic_mail.resolver import Dns, DnsTrouble
from storage.arrivals import prune_arrivals
from storage.cleaned import forget_cleaned
from storage.database import Database
from storage.mailboxes import OLDEST, prune_mails
from storage.private_mail import forget_private_mail
from storage.queue import prune
from storage.trouble import StorageTrouble

SENT_DELIVERIES_KEPT = timedelta(days=14)
PRIVATE_MAIL_KEPT = timedelta(days=30)  # longer than a bounce address is believed
CLEANED_KEPT = timedelta(days=14)  # longer than anything is tried again; what is asked for later is made anew
ARRIVALS_KEPT = timedelta(days=7)  # spec/mail.md §3.6 G3

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Timer:
    """`act` is called with the time of day, at the start and then each `every`."""

    name: str
    every: timedelta
    act: Callable[[datetime], None]


def forget_sent_deliveries(database: Database, now: datetime) -> None:
    """In small transactions, so that nobody's post waits for it."""
    before = now - SENT_DELIVERIES_KEPT
    while database.write(lambda session: prune(session, before=before)):
        pass


def forget_arrivals(database: Database, now: datetime) -> None:
    before = now - ARRIVALS_KEPT
    while database.write(lambda session: prune_arrivals(session, before=before)):
        pass


def forget_sent_private_mail(database: Database, now: datetime) -> None:
    """What two people wrote to each other is nobody else's, once nothing of it can come back any more."""
    before = now - PRIVATE_MAIL_KEPT
    while database.write(lambda session: forget_private_mail(session, before=before)):
        pass


def forget_cleaned_messages(database: Database, now: datetime) -> None:
    before = now - CLEANED_KEPT
    while database.write(lambda session: forget_cleaned(session, before=before)):
        pass


def forget_mailbox_mails(database: Database, now: datetime) -> None:
    """Older mail is never read, so nothing has to be known of it."""
    before = now - OLDEST
    while database.write(lambda session: prune_mails(session, before=before)):
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


def remove_revoked_keys(opened: Opened, now: datetime) -> None:
    """The last part of `keys rotate` (spec/mail.md §1.6)."""
    for selector in keys.remove_revoked(opened.database, opened.home.keys, now):
        log.info("key removed", selector=selector)


def stop_waiting_for_members(database: Database, host: Host, now: datetime) -> None:
    """A week after she was asked whether she wrote it (spec/mail.md §2.4)."""
    database.write(lambda session: leave_to_people(session, host, now))


def remind_of_decisions(database: Database, host: Host, now: datetime) -> None:
    database.write(lambda session: remind(session, host, now))


def standing_timers(opened: Opened, dns: Dns) -> tuple[Timer, ...]:
    hourly = timedelta(hours=1)
    host = host_of(opened.settings, opened.secrets, opened.database)
    return (
        Timer("forget sent deliveries", hourly, lambda now: forget_sent_deliveries(opened.database, now)),
        Timer("forget arrivals", hourly, lambda now: forget_arrivals(opened.database, now)),
        Timer("forget private mail", hourly, lambda now: forget_sent_private_mail(opened.database, now)),
        Timer("forget cleaned messages", hourly, lambda now: forget_cleaned_messages(opened.database, now)),
        Timer("forget mailbox mails", hourly, lambda now: forget_mailbox_mails(opened.database, now)),
        Timer("sign with next key", hourly, lambda now: sign_with_next_key(opened, dns, now)),
        Timer("judge bounces", timedelta(minutes=1), lambda now: judge_bounces(opened.database, host, now)),
        Timer("send probes", hourly, lambda now: send_probes(opened.database, host, now)),
        Timer("forget bounces", hourly, lambda now: forget_bounces(opened.database, now)),
        Timer("remind of decisions", hourly, lambda now: remind_of_decisions(opened.database, host, now)),
        Timer("stop waiting for members", hourly, lambda now: stop_waiting_for_members(opened.database, host, now)),
        Timer("remove revoked keys", hourly, lambda now: remove_revoked_keys(opened, now)),
    )


def run_timers(
    timers: Sequence[Timer], stop: threading.Event, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> None:
    """Until `stop`. What fails is logged and waits for its next time."""
    due = dict.fromkeys(timers, clock())
    while not stop.is_set():
        for timer in timers:
            if due[timer] <= clock():
                due[timer] = clock() + timer.every
                _act(timer, clock())
        stop.wait(max((min(due.values()) - clock()).total_seconds(), 0.0))


def _act(timer: Timer, now: datetime) -> None:
    try:
        timer.act(now)
    except (StorageTrouble, DnsTrouble, Problem) as trouble:
        log.warning("timer failed", timer=timer.name, reason=str(trouble))
