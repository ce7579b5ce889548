"""What has to be done from time to time: forget what was finished long ago, sign with the next key when DNS has it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from handlers.facts import Host
from organic_mail import keys
from organic_mail.asking_people import remind
from organic_mail.bouncing import forget_bounces, judge_bounces
from organic_mail.daily_note import write_daily_notes
from organic_mail.departing import stop_waiting
from organic_mail.forgetting import sweep
from organic_mail.home import Opened
from organic_mail.letters_due import LETTERS_KEPT, write_due_letters, write_wished_letters
from organic_mail.moderation import give_up_waiting, leave_to_people
from organic_mail.notices import host_of
from organic_mail.own_data import send_wished_data
from organic_mail.pausing import send_probes
from organic_mail.peer_keys import OwnKeys
from organic_mail.peering import give_up_handshakes
from organic_mail.problem import Problem
from organic_mail.relaying import forget_relayed_posts, send_due, wake
from organic_mail.repeats import write_repeats
from organic_mail.resolver import Dns, DnsTrouble
from organic_mail.rosters import renew_rosters
from organic_mail.travelling import depart_due, send_letters
from storage.arrivals import prune_arrivals
from storage.cleaned import forget_cleaned
from storage.database import Database
from storage.letters import forget_letters
from storage.mailboxes import OLDEST, prune_mails
from storage.mending import mend_times
from storage.private_mail import forget_private_mail
from storage.queue import prune
from storage.trouble import StorageTrouble
from storage.unused import forget_unused

SENT_DELIVERIES_KEPT = timedelta(days=14)
PRIVATE_MAIL_KEPT = timedelta(days=30)  # longer than a bounce address is believed
CLEANED_KEPT = timedelta(days=14)  # longer than anything is tried again; what is asked for later is made anew
ARRIVALS_KEPT = timedelta(days=7)  # spec/mail.md §3.6 G3

STEP = timedelta(minutes=5)
"""By so much a clock is never off by itself: somebody set it."""
SETTLING = timedelta(hours=1)
"""For so long after that only what is `at_any_time` is done: it may be set again, and what is forgotten stays so."""
LONG_OFF = timedelta(days=365)
"""A community that has done nothing for so long has a wrong clock, as machines have that lost their battery."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Timer:
    """`act` is called with the time of day, at the start and then each `every`.

    at_any_time: it does no harm when the clock is wrong.
    """

    name: str
    every: timedelta
    act: Callable[[datetime], None]
    at_any_time: bool = False


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


def forget_unused_messages(database: Database, now: datetime) -> None:
    """Letters of ours to one person, once their deliveries are forgotten."""
    after: int | None = 0
    while after is not None:
        after = database.write(partial(forget_unused, after=after, before=now - SENT_DELIVERIES_KEPT))


def forget_cleaned_messages(database: Database, now: datetime) -> None:
    before = now - CLEANED_KEPT
    while database.write(lambda session: forget_cleaned(session, before=before)):
        pass


def forget_old_letters(database: Database, now: datetime) -> None:
    """What stood in them stays; under which number, nobody asks any more."""
    before = now - LETTERS_KEPT
    while database.write(lambda session: forget_letters(session, before=before)):
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


def mend_queue(database: Database, now: datetime) -> None:
    """What was put off while the clock was wrong would wait for years."""
    if mended := database.write(lambda session: mend_times(session, now)):
        log.warning("deliveries waited for a day that is far away: the clock was wrong", count=mended)


def stop_waiting_for_members(database: Database, host: Host, now: datetime) -> None:
    """A week after she was asked whether she wrote it (spec/mail.md §2.4)."""
    database.write(lambda session: leave_to_people(session, host, now))


def remind_of_decisions(database: Database, host: Host, now: datetime) -> None:
    database.write(lambda session: remind(session, host, now))


def stop_waiting_for_people(database: Database, host: Host, now: datetime) -> None:
    """On lists that wait only so many days."""
    database.write(lambda session: give_up_waiting(session, host, now))


def end_old_handshakes(database: Database, host: Host, now: datetime) -> None:
    database.write(lambda session: give_up_handshakes(session, host, now))


def renew_all_rosters(database: Database, host: Host, now: datetime) -> None:
    database.write(lambda session: renew_rosters(session, host, now))


def _write_letters(opened: Opened, host: Host, now: datetime) -> None:
    write_wished_letters(opened.database, host, now)
    write_due_letters(opened.database, host, now)
    write_repeats(opened.database, host, now)


def stop_waiting_for_authors(database: Database, now: datetime) -> None:
    database.write(lambda session: stop_waiting(session, now))


def _relay(opened: Opened, host: Host, now: datetime) -> None:
    depart_due(opened.database, host, now)
    send_letters(opened.database, host, now)
    send_due(opened.database, host, now)


def standing_timers(opened: Opened, dns: Dns) -> tuple[Timer, ...]:
    hourly = timedelta(hours=1)
    host = host_of(opened.settings, opened.secrets, opened.database, OwnKeys(opened.home.keys))
    return (
        Timer("forget sent deliveries", hourly, lambda now: forget_sent_deliveries(opened.database, now)),
        Timer("forget arrivals", hourly, lambda now: forget_arrivals(opened.database, now)),
        Timer("forget private mail", hourly, lambda now: forget_sent_private_mail(opened.database, now)),
        Timer("forget cleaned messages", hourly, lambda now: forget_cleaned_messages(opened.database, now)),
        Timer("write daily notes", timedelta(minutes=10), lambda now: write_daily_notes(opened.database, host, now)),
        Timer("send wished data", timedelta(seconds=20), lambda now: send_wished_data(opened.database, host, now)),
        Timer("sweep after erasures", timedelta(minutes=1), lambda now: sweep(opened.database, now)),
        Timer("forget unused messages", timedelta(days=1), lambda now: forget_unused_messages(opened.database, now)),
        Timer("write letters", timedelta(seconds=20), lambda now: _write_letters(opened, host, now)),
        Timer("forget letters", hourly, lambda now: forget_old_letters(opened.database, now)),
        Timer("forget mailbox mails", hourly, lambda now: forget_mailbox_mails(opened.database, now)),
        Timer("sign with next key", hourly, lambda now: sign_with_next_key(opened, dns, now)),
        Timer("judge bounces", timedelta(minutes=1), lambda now: judge_bounces(opened.database, host, now)),
        Timer("send probes", hourly, lambda now: send_probes(opened.database, host, now)),
        Timer("forget bounces", hourly, lambda now: forget_bounces(opened.database, now)),
        Timer("remind of decisions", hourly, lambda now: remind_of_decisions(opened.database, host, now)),
        Timer("stop waiting for people", hourly, lambda now: stop_waiting_for_people(opened.database, host, now)),
        Timer("stop waiting for members", hourly, lambda now: stop_waiting_for_members(opened.database, host, now)),
        Timer("remove revoked keys", hourly, lambda now: remove_revoked_keys(opened, now)),
        Timer("give up handshakes", hourly, lambda now: end_old_handshakes(opened.database, host, now)),
        Timer("wake links", timedelta(days=1), lambda now: wake(opened.database, host, now)),
        Timer("let posts leave", timedelta(seconds=2), lambda now: _relay(opened, host, now), at_any_time=True),
        Timer("forget relayed posts", hourly, lambda now: forget_relayed_posts(opened.database, now)),
        Timer("stop waiting for authors", hourly, lambda now: stop_waiting_for_authors(opened.database, now)),
        Timer("renew rosters", hourly, lambda now: renew_all_rosters(opened.database, host, now)),
        Timer("mend queue", timedelta(minutes=1), lambda now: mend_queue(opened.database, now), at_any_time=True),
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _ticks() -> float:
    """Seconds that nobody sets; they go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def run_timers(
    timers: Sequence[Timer],
    stop: threading.Event,
    clock: Callable[[], datetime] = _now,
    ticks: Callable[[], float] = _ticks,
    last_seen: datetime | None = None,
) -> None:
    """Until `stop`. What fails is logged and waits for its next time.

    Intervals are measured by `ticks`. last_seen: when this community last did something.
    """
    due = dict.fromkeys(timers, ticks())
    began, ticks_then = clock(), ticks()
    if last_seen is not None and not last_seen - timedelta(days=1) < began < last_seen + LONG_OFF:
        _settle(due, ticks(), began - last_seen)
    while not stop.is_set():
        now = clock()
        step = now - began - timedelta(seconds=ticks() - ticks_then)
        if abs(step) > STEP:
            began += step
            _settle(due, ticks(), step)
        for timer in timers:
            if due[timer] <= ticks():
                due[timer] = ticks() + timer.every.total_seconds()
                _act(timer, now)
        stop.wait(max(min(due.values()) - ticks(), 0.0))


def _settle(due: dict[Timer, float], ticks: float, step: timedelta) -> None:
    log.warning("the clock was set; what depends on the day waits for an hour", by=str(step))
    for timer, moment in due.items():
        due[timer] = ticks if timer.at_any_time else max(moment, ticks + SETTLING.total_seconds())


def _act(timer: Timer, now: datetime) -> None:
    try:
        timer.act(now)
    except (StorageTrouble, DnsTrouble, Problem) as trouble:
        log.warning("timer failed", timer=timer.name, reason=str(trouble))
    except Exception:  # one post that we fail at must not take everybody's mail along
        log.exception("timer failed", timer=timer.name)
