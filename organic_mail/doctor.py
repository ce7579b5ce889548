"""`organic-mail doctor`: what could keep mail from working, each finding with its cure.

A check yields findings and changes nothing. What cannot be asked (no network, no database) is a finding too, and so is
a check that fails or takes too long.
"""

from __future__ import annotations

import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from sqlalchemy import text
from sqlmodel import Session

import handlers
import organic_mail
import storage
from organic_mail import config, doctor_dns, doctor_mailbox, doctor_network, doctor_queue, keys
from organic_mail.config_faults import ConfigProblem
from organic_mail.finding import Finding, fatal, ok, warning
from organic_mail.free_space import is_low
from organic_mail.home import Home, Opened, open_home
from organic_mail.problem import Problem
from organic_mail.resolver import Dns, DnsTrouble
from storage.community import the_community
from storage.events import latest_events
from storage.keys import active_key
from storage.trouble import DatabaseProblem, StorageTrouble

SOUND_SQLITE = (3, 51, 3)  # older ones can lose commits when two processes checkpoint a WAL (spec/mail.md §0 D8)
SECONDS = 19.0
"""The longest that `doctor` takes, whatever does not answer."""


def examine(path: Path, dns: Dns | None, now: datetime, *, seconds: float = SECONDS) -> Iterator[Finding]:
    """All findings for a HOME. dns: whom to ask, None: the name servers of the settings. Never raises."""
    found: SimpleQueue[Finding | None] = SimpleQueue()

    def look() -> None:
        for finding in _guarded("doctor", _findings(Home(path.absolute()), dns, now)):
            found.put(finding)
        found.put(None)

    until = time.monotonic() + seconds
    Thread(target=look, name="doctor", daemon=True).start()
    last = "start"
    while True:
        try:
            finding = found.get(timeout=max(until - time.monotonic(), 0.0))
        except Empty:
            yield fatal(
                "doctor",
                f"what comes after {last} was not looked at: it took longer than {seconds:g} seconds",
                "see whether network, disk and database answer, then run it again",
            )
            return
        if finding is None:
            return
        last = finding.check
        yield finding


def _guarded(check: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """What stops a check becomes a finding, and the other checks go on."""
    try:
        yield from findings
    except (Problem, DatabaseProblem, StorageTrouble) as problem:
        yield fatal(check, *_parted(str(problem)))
    except DnsTrouble as trouble:
        cure = "look at the network, or name a server in dns.nameservers"
        yield warning(check, f"DNS could not be asked: {trouble}", cure)
    except Exception as fault:  # whatever it is, the operator came here for help
        yield fatal(check, f"it could not be looked at: {type(fault).__name__}: {fault}", "please report it")


def _findings(home: Home, dns: Dns | None, now: datetime) -> Iterator[Finding]:
    yield from package_layout()
    try:
        settings = config.load(home.path)
    except ConfigProblem as problem:
        for line in str(problem).splitlines():
            yield fatal("settings", *_parted(line))
        return
    yield ok("settings", f"{home.config_file} is understood")
    if not settings.community.operator:
        yield warning(
            "operator", "mail to postmaster@ and abuse@ reaches nobody", "write your address into community.operator"
        )
    yield from _guarded("file modes", file_modes(home))
    yield from _guarded("disk", disk(home, settings.limits.free_space))
    yield from _guarded("sqlite", sqlite_version(settings))
    yield from _guarded("ports", doctor_network.listeners(home, settings))
    yield from _guarded("tls", doctor_network.certificate(settings, now))
    yield from _guarded("next hop", doctor_network.next_hop(settings))
    yield from _guarded("home", _inside(home, dns, now))


def _inside(home: Home, dns: Dns | None, now: datetime) -> Iterator[Finding]:
    """What needs the database."""
    with open_home(home.path) as opened:
        yield from _guarded("signing key", signing_key(opened))
        yield from _guarded("database", database(opened))
        yield from _guarded("clock", clock(opened, now))
        yield from _guarded("queue", doctor_queue.waiting(opened, now))
        if opened.settings.delivery.transport == "mailbox":  # the provider's records count, not ours
            yield from _guarded("mailbox", doctor_mailbox.mailbox(opened.settings))
            yield from _guarded("budget", doctor_mailbox.budget(opened, now))
            return
        asked = doctor_dns.patient(dns, opened.settings)
        for check, findings in doctor_dns.checks(opened, asked, now):
            yield from _guarded(check, findings)
        yield from _guarded("port 25", doctor_network.port_in(opened.settings, asked))
        yield from _guarded("port 25 out", doctor_network.port_out(opened.settings, asked))


def _parted(problem: str) -> tuple[str, str]:
    """`what is wrong; the cure` or `what is wrong: the cure` in two."""
    for between in ("; ", ": "):
        finding, found, cure = problem.partition(between)
        if found:
            return finding, cure
    return problem, ""


def package_layout() -> Iterator[Finding]:
    """The three packages have common names: another `storage` on the path would be taken for ours."""
    places = {Path(str(package.__file__)).parents[1] for package in (organic_mail, handlers, storage)}
    if len(places) > 1:
        where = ", ".join(sorted(str(place) for place in places))
        yield fatal(
            "packages",
            f"organic_mail, handlers and storage come from different folders: {where}",
            "install organic-mail in an environment of its own",
        )
    else:
        yield ok("packages", f"all three are in {places.pop()}")


def file_modes(home: Home) -> Iterator[Finding]:
    """Letters, addresses and keys are for the account that serves them."""
    databases = home.path.glob("*.db*")
    open_to_others = [
        path
        for path in (home.path, home.config_file, home.keys, *home.keys.glob("*"), *databases)
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    for path in sorted(open_to_others):
        mode = stat.S_IMODE(path.stat().st_mode)
        yield warning("file modes", f"{path} may be opened by others (mode {mode:o})", f"chmod go= {path}")
    if not open_to_others:
        yield ok("file modes", f"{home.path} is for its owner alone")


def disk(home: Home, wanted: int) -> Iterator[Finding]:
    """`serve` asks the same (spec/mail.md §3.6)."""
    usage = shutil.disk_usage(home.path)
    finding = f"{usage.free // 10**6} MB are free in {home.path}"
    if is_low(usage, wanted):
        yield fatal("disk", finding, "make room; new mail is put off until then")
    elif is_low(usage, 2 * wanted):
        yield warning("disk", finding, "make room before it is full")
    else:
        yield ok("disk", finding)


def sqlite_version(settings: config.Settings) -> Iterator[Finding]:
    if not settings.database.url.startswith("sqlite:"):
        return
    if sqlite3.sqlite_version_info < SOUND_SQLITE:
        yield warning(
            "sqlite",
            f"SQLite {sqlite3.sqlite_version} has a rare fault that can damage the database",
            "upgrade SQLite to 3.51.3 or newer; until then make backups, and open the file with no other program",
        )
    else:
        yield ok("sqlite", f"SQLite {sqlite3.sqlite_version}")


def signing_key(opened: Opened) -> Iterator[Finding]:
    key = opened.database.read(active_key)
    if key is None:
        yield fatal("signing key", "no key signs what goes out", "organic-mail keys rotate --now")
        return
    try:
        keys.private_key(opened.home.keys, key)
    except Problem as problem:
        yield fatal("signing key", *_parted(str(problem)))
    else:
        yield ok("signing key", f"{key.selector} signs")


def database(opened: Opened) -> Iterator[Finding]:
    if not opened.settings.database.url.startswith("sqlite:"):
        yield ok("database", "it answers and has the schema of this program")
        return
    faults = opened.database.read(_quick_check)
    if faults:
        yield fatal("database", f"the file is damaged: {faults}", "stop `serve` and put a backup back")
    else:
        yield ok("database", "it has the schema of this program, and its file is whole")


def _quick_check(session: Session) -> str:
    said = str(session.connection().execute(text("PRAGMA quick_check(1)")).scalar())
    return "" if said == "ok" else said


def clock(opened: Opened, now: datetime) -> Iterator[Finding]:
    """Signatures and schedules need the time; a clock that went back shows in what was written before."""
    community, last = opened.database.read(lambda session: (the_community(session), latest_events(session, limit=1)))
    newest = max([event.at for event in last] + ([community.created_at] if community else []), default=now)
    if newest > now:
        yield fatal(
            "clock",
            f"it is {now:%Y-%m-%d %H:%M} UTC here, but the log has {newest:%Y-%m-%d %H:%M} already",
            "set the clock, and keep it right: timedatectl set-ntp true",
        )
    else:
        yield ok("clock", f"{now:%Y-%m-%d %H:%M} UTC")
