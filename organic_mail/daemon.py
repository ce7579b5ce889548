"""`organic-mail serve`: mail in, mail out, and the timers, in one process.

Intake runs on the event loop of the main thread; delivery has a thread and a loop of its own, so that sending never
makes a client wait; the timers have a thread. When one of them ends by itself the daemon ends as a whole, because half
a daemon looks alive to whoever watches it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import re
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from handlers.sign import Signer
from organic_mail import config
from organic_mail.claimant import this_daemon
from organic_mail.config import Settings
from organic_mail.config_values import host_and_port
from organic_mail.deliver import Deliverer, unlimited
from organic_mail.dns_records import sts_policy
from organic_mail.first_readers import ReadFirst, nobody_reads
from organic_mail.free_space import FreeSpace
from organic_mail.home import Home, Opened, open_home, serves_sts_policy
from organic_mail.imap_profile import imap_place, imap_secret, mailbox_address
from organic_mail.keys import private_key
from organic_mail.listening import listen_problem, tls_problem
from organic_mail.lock import serve_lock
from organic_mail.logs import start_log
from organic_mail.notices import host_of
from organic_mail.part import Part
from organic_mail.peer_keys import OwnKeys
from organic_mail.problem import Problem
from organic_mail.receive import Receiver
from organic_mail.resolver import Dns, Resolver
from organic_mail.smtp_server import Doors, start_smtp
from organic_mail.submission import MOST_CONNECTIONS
from organic_mail.systemd import activated_sockets, notify
from organic_mail.timers import Timer, run_timers, standing_timers
from organic_mail.transport import check_next_hop, sending_of
from organic_mail.version import version
from storage.budget import allowance
from storage.engines import database_url, sqlite_file
from storage.events import latest_events
from storage.keys import active_key
from storage.models import SigningKey

if TYPE_CHECKING:
    from organic_mail.enabling import Enabling
    from organic_mail.http_server import HttpServer

DRAIN_SECONDS = 7.5  # contract §1 gives 10: a machine that is busy needs some of them to end the process
SESSION_GRACE = 6.0
OPEN_FILES = 65536

log = structlog.get_logger()


def serve(path: Path, *, parts: frozenset[Part], read_first: ReadFirst = nobody_reads) -> int:
    """Serves a HOME until SIGTERM; returns the exit code. Raises Problem before anything is accepted."""
    home = Home(path.absolute())
    settings = config.load(home.path)
    with config.naming_lines(home.path):
        check_startable(settings, parts)
    _allow_many_files()
    with (
        _private_files(),
        contextlib.ExitStack() as limits,  # of the time that the end takes, the database's included
        _sole_owner(home, settings),
        open_home(home.path, owner=True) as opened,
    ):
        start_log(_log_key(opened), debug=os.environ.get("ORGANIC_MAIL_DEBUG") == "1")
        if Part.DELIVER in parts:
            _check_key(opened)
        return asyncio.run(_run(opened, parts, read_first, limits))


@contextlib.contextmanager
def _private_files() -> Iterator[None]:
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def check_startable(settings: Settings, parts: frozenset[Part]) -> None:
    """What can be known before anything is opened. Raises Problem."""
    if Part.WEB in parts and parts != frozenset(Part) and not settings.web.listen:
        raise Problem('web.listen is empty; write for example "127.0.0.1:8080", or leave out --only web')
    if Part.RECEIVE in parts and settings.smtp.tls_certificate and (fault := tls_problem(settings)):
        raise Problem("; ".join(fault))
    if settings.delivery.transport == "mailbox":
        mailbox_address(settings)
        imap_secret(settings)
    if Part.DELIVER in parts:
        check_next_hop(settings)


def _allow_many_files() -> None:
    """A connection is a file; the usual soft limit of 1,024 is a custom, the hard one is meant."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _sole_owner(home: Home, settings: Settings) -> contextlib.AbstractContextManager[None]:
    """One daemon owns a SQLite file; PostgreSQL serves any number of them."""
    if settings.database.url.startswith("sqlite:"):
        return serve_lock(home.lock_file)
    return contextlib.nullcontext()


def _check_key(opened: Opened) -> None:
    """Raises Problem when what goes out could not be signed."""
    key = opened.database.read(active_key)
    if key is None:
        raise Problem("there is no key to sign with; make one with: organic-mail keys rotate --now")
    _signer(opened, key)


def _signer(opened: Opened, key: SigningKey) -> Signer:
    return Signer(opened.settings.community.domain, key.selector, private_key(opened.home.keys, key))


def _log_key(opened: Opened) -> bytes:
    return hmac.digest(opened.secrets[0].key, b"log", hashlib.sha256)


class _Ending:
    """Why and when the daemon ends: a signal (exit 0), or the death of a part (exit 1: systemd starts it again)."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.wanted = asyncio.Event()
        self.code = 0
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)

    def _signalled(self) -> None:
        if self.wanted.is_set():  # the second one: at once
            os._exit(1)
        self.wanted.set()

    def part_died(self) -> None:
        """May be called from any thread."""
        self.code = 1
        self._loop.call_soon_threadsafe(self.wanted.set)


class _Beside:
    """A part that runs in a thread of its own until `stop` is called."""

    def __init__(
        self, part: Part, ending: _Ending, *, run: Callable[[], None], tell_to_stop: Callable[[], None]
    ) -> None:
        self._part = part
        self._ending = ending
        self._run = run
        self._tell_to_stop = tell_to_stop
        self._thread = threading.Thread(target=self._live, name=part.value, daemon=True)
        self._thread.start()

    def _live(self) -> None:
        try:
            self._run()
        except BaseException:
            log.exception("a part died", part=self._part.value)
        if not self._ending.wanted.is_set():
            self._ending.part_died()

    async def stop(self) -> None:
        self._tell_to_stop()
        await asyncio.to_thread(self._thread.join)


@dataclass(frozen=True, slots=True)
class _Intake:
    """The open doors. `names`: smtp=HOST:PORT or lmtp=PLACE, as `ready` says them."""

    receiver: Receiver
    doors: Doors
    names: list[str]
    inbox: _Beside | None = None
    inbox_is_open: Callable[[], bool] = lambda: False

    @property
    def accepts(self) -> bool:
        """Does mail come in now?"""
        return self.doors.open or self.inbox_is_open()

    async def stop(self) -> None:
        closing = [self.doors.close(SESSION_GRACE)]
        if self.inbox is not None:
            closing.append(self.inbox.stop())
        await asyncio.gather(*closing)
        await asyncio.to_thread(self.receiver.close)


async def _run(opened: Opened, parts: frozenset[Part], read_first: ReadFirst, limits: contextlib.ExitStack) -> int:
    ending = _Ending(asyncio.get_running_loop())
    dns = Resolver(opened.settings.dns.nameservers)
    enabling = _enabling(opened) if Part.DELIVER in parts else None
    deliverer = _deliverer(opened, dns, enabling) if Part.DELIVER in parts else None
    wake = deliverer.wake if deliverer else lambda: None
    listening = _web_socket(opened.settings) if Part.WEB in parts and opened.settings.web.listen else None
    intake: _Intake | None = None
    running: list[_Intake | _Beside] = []
    names: list[str] = []
    try:
        if Part.RECEIVE in parts:
            intake = await _take_mail(opened, dns, read_first, wake=wake)
            if opened.settings.delivery.transport == "mailbox":
                intake = _fetch_mail(opened, intake, deliverer, ending)
            running.append(intake)
            names += intake.names
        if listening:
            server = _web_server(opened, listening, intake, wake=wake)
            running.append(_Beside(Part.WEB, ending, run=server.run, tell_to_stop=server.stop))
            names.append(f"web={server.address}")
        if deliverer:
            running.append(_deliver(deliverer, ending))
        if enabling:
            running.append(_in_time((enabling.timer(),), Part.DELIVER, ending))
        if Part.TIMERS in parts:
            running.append(_keep_time(opened, dns, ending))
        print("ready", *names, flush=True)
        notify("READY=1")
        log.info("ready", version=version(), listening=" ".join(names))
        await ending.wanted.wait()
    finally:
        await _drain(running, ending, limits)
    return ending.code


async def _drain(running: Sequence[_Intake | _Beside], ending: _Ending, limits: contextlib.ExitStack) -> None:
    """Lets what is under way finish. What takes longer is cut off: it was committed, or never answered with 250."""
    if not running:
        return
    notify("STOPPING=1")
    limit = threading.Timer(DRAIN_SECONDS, os._exit, (ending.code,))
    limit.daemon = True
    limit.start()
    limits.callback(limit.cancel)
    await asyncio.gather(*(part.stop() for part in running))
    log.info("stopped")


def _has_room(opened: Opened) -> Callable[[], bool]:
    """PostgreSQL looks after its own disk, which may be another machine's."""
    file = sqlite_file(database_url(opened.settings.database.url, home=opened.home.path))
    if file is None:
        return lambda: True
    return FreeSpace(file.parent, opened.settings.limits.free_space, time.monotonic).enough


async def _take_mail(opened: Opened, dns: Dns, read_first: ReadFirst, *, wake: Callable[[], None]) -> _Intake:
    """Raises Problem when an address of smtp.listen cannot be had."""
    settings = opened.settings
    receiver = Receiver(
        opened.database,
        settings,
        opened.secrets,
        dns=dns,
        committed=wake,
        read_first=read_first,
        peer_key=OwnKeys(opened.home.keys),
    )
    given = activated_sockets()
    try:
        doors = await start_smtp(settings, receiver, sockets=given, has_room=_has_room(opened))
    except OSError as fault:
        place = re.search(r"\('([^']+)', (\d+)", str(fault))
        where = f"{place[1]}:{place[2]}" if place else ", ".join(settings.smtp.listen)
        raise Problem("; ".join(listen_problem(where, fault))) from None
    if given:
        lmtp = [door.family == socket.AF_UNIX for door in given]
    else:
        lmtp = [listener.lmtp for listener in settings.listeners]
    kinds = [
        "lmtp" if kind else "smtp" for kind, server in zip(lmtp, doors.servers, strict=True) for _ in server.sockets
    ]
    return _Intake(receiver, doors, [f"{kind}={place}" for kind, place in zip(kinds, doors.addresses, strict=True)])


def _fetch_mail(opened: Opened, intake: _Intake, deliverer: Deliverer | None, ending: _Ending) -> _Intake:
    """The same intake with the mailbox beside its doors. Raises Problem when the mailbox cannot be what is written."""
    from organic_mail.imap_part import imap_inbox  # most communities have a domain of their own

    loop, stop = asyncio.get_running_loop(), threading.Event()

    def learned() -> None:
        host = host_of(opened.settings, opened.secrets, opened.database)
        intake.receiver.host = host
        if deliverer:
            deliverer.write_as(host)

    inbox = imap_inbox(opened, intake.receiver, loop, learned=learned)
    beside = _Beside(Part.RECEIVE, ending, run=partial(inbox.run, stop), tell_to_stop=stop.set)
    names = [*intake.names, f"imap={imap_place(opened.settings)}"]
    return replace(intake, names=names, inbox=beside, inbox_is_open=inbox.connected.is_set)


def _web_socket(settings: Settings) -> socket.socket:
    """Raises Problem when web.listen cannot be had."""
    host, port = host_and_port(settings.web.listen)
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as fault:
        raise Problem("; ".join(listen_problem(settings.web.listen, fault, "web.listen"))) from None


def _web_server(
    opened: Opened, listening: socket.socket, intake: _Intake | None, *, wake: Callable[[], None]
) -> HttpServer:
    from organic_mail.http_server import HttpServer  # most communities have no web part
    from organic_mail.web import Web

    host = host_of(opened.settings, opened.secrets, opened.database)
    policy = sts_policy(host.domain) if serves_sts_policy(opened.settings) else ""
    if intake is None:  # others accept the mail
        return HttpServer(Web(opened.database, host, committed=wake, sts_policy=policy).application(), listening)
    doors = intake.doors
    web = Web(
        opened.database,
        host,
        accepts=lambda: intake.accepts,
        connections=lambda: doors.guard.connections,
        committed=wake,
        sts_policy=policy,
    )
    return HttpServer(web.application(), listening)


def _enabling(opened: Opened) -> Enabling | None:
    from organic_mail.enabling import Enabling, is_needed  # most communities have a smarthost

    return Enabling(opened) if is_needed(opened) else None


def _deliverer(opened: Opened, dns: Dns, enabling: Enabling | None) -> Deliverer:
    """Raises Problem when the next hop cannot be used as it is written."""
    settings, concurrency = opened.settings, opened.settings.delivery.concurrency
    by_mailbox = settings.delivery.transport == "mailbox"
    allowed = enabling.allowance if enabling else unlimited
    return Deliverer(
        opened.database,
        host_of(settings, opened.secrets, opened.database),
        sending=sending_of(settings, home=opened.home.path, dns=dns),
        concurrency=min(concurrency, MOST_CONNECTIONS) if by_mailbox else concurrency,
        allowance=partial(allowance, budget=settings.mailbox.daily_budget) if by_mailbox else allowed,
        signer=lambda key: _signer(opened, key),
        who=this_daemon(),
    )


def _deliver(deliverer: Deliverer, ending: _Ending) -> _Beside:
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(deliverer.run(stop))

    def tell_to_stop() -> None:
        with contextlib.suppress(RuntimeError):  # its loop is closed already
            loop.call_soon_threadsafe(stop.set)

    return _Beside(Part.DELIVER, ending, run=run, tell_to_stop=tell_to_stop)


def _keep_time(opened: Opened, dns: Dns, ending: _Ending) -> _Beside:
    last = opened.database.read(lambda session: latest_events(session, limit=1))
    return _in_time(standing_timers(opened, dns), Part.TIMERS, ending, last_seen=last[0].at if last else None)


def _in_time(timers: Sequence[Timer], part: Part, ending: _Ending, *, last_seen: datetime | None = None) -> _Beside:
    stop = threading.Event()
    run = partial(run_timers, timers, stop, last_seen=last_seen)
    return _Beside(part, ending, run=run, tell_to_stop=stop.set)
