"""Mail in through the one mailbox: watch it, read what is new, move what was taken.

A mail is read, its fate committed, and only then is it moved; the place in the folder moves on after that. So a
connection may break, or the daemon die, between any two steps: what was read is known by its fingerprint, and is only
moved the next time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event

import structlog

from organic_mail.imap_session import (
    ASIDE_FOLDER,
    INBOX,
    TAKEN_FOLDER,
    Declined,
    ImapSession,
    ImapTrouble,
    LoginRefused,
    Waiting,
)
from organic_mail.mailbox_intake import MailboxIntake
from organic_mail.problem import Problem
from storage.database import Database, StorageTrouble
from storage.mailboxes import OLDEST, folder_place, set_folder_place
from storage.models_mailbox import Fate

FOLDERS = {Fate.TAKEN: TAKEN_FOLDER, Fate.ASIDE: ASIDE_FOLDER}
BATCH = 50
"""Mails whose headers are asked for together, and that are moved together."""
FIRST_QUIET = 1.0
"""Seconds of the first IDLE after a mail; doubled each time. What the server says in one breath with its "go ahead" is
seen only when that IDLE ends, so the first ones are short."""
FIRST_LATER, LONGEST_LATER = 60.0, 3600.0
"""Seconds until a mail is tried again that could not be read twice; doubled each time."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. IDLE has to be said again within 29 minutes (RFC 2177), and more often where routers forget."""

    idle: float = 9 * 60.0
    poll: float = 60.0  # where the server does not push
    junk: float = 5 * 60.0  # between two looks into the folder of what is taken for spam
    first_retry: float = 1.0  # after trouble; doubled each time
    longest_retry: float = 300.0
    refused: float = 300.0  # after a login that was refused, so that the account is not locked


@dataclass(slots=True)
class _Place:
    """How far a folder is read. `later`: what could not be read now, until when, and how often it was tried."""

    validity: int
    last_uid: int
    read: set[int] = field(default_factory=set)  # beyond last_uid, because something below is for later
    later: dict[int, tuple[float, int]] = field(default_factory=dict)

    def unread(self, found: Sequence[int], now: float) -> list[int]:
        """Those of the UIDs that are to be read now; what has gone from the folder is forgotten."""
        self.later = {uid: later for uid, later in self.later.items() if uid in found}
        return [uid for uid in found if uid not in self.read and self.later.get(uid, (now, 0))[0] <= now]

    def put_off(self, uid: int, now: float) -> None:
        """At once the first time, then later and later."""
        _, tries = self.later.get(uid, (now, 0))
        self.later[uid] = now + (min(FIRST_LATER * 2 ** (tries - 1), LONGEST_LATER) if tries else 0.0), tries + 1


class ImapInbox:
    """`connect` opens a session, `since`: mail from before then is left alone, `address` tells whose folders they are.

    Everything runs in the thread that calls `run`.
    """

    def __init__(
        self,
        connect: Callable[[], ImapSession],
        intake: MailboxIntake,
        database: Database,
        *,
        address: str,
        since: datetime,
        pace: Pace | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._connect = connect
        self._intake = intake
        self._database = database
        self._address = address
        self._since = since
        self._pace = pace or Pace()
        self._clock = clock
        self._places: dict[str, _Place] = {}
        self.connected = Event()

    def run(self, stop: Event) -> None:
        """Until `stop`. Trouble with the server, the database or the settings is waited for to pass."""
        failures, wait = 0, 0.0
        while not stop.is_set():
            started = time.monotonic()
            try:
                self._watch(stop)
            except LoginRefused as refused:
                log.error(
                    "the mailbox refuses our name and password; look at mailbox.password_file", reason=str(refused)
                )
                wait = self._pace.refused
            except (ImapTrouble, Declined, StorageTrouble, Problem) as trouble:
                if time.monotonic() - started > self._pace.longest_retry:
                    failures = 0
                wait = min(self._pace.first_retry * 2**failures, self._pace.longest_retry)
                failures += 1
                log.warning("the mailbox cannot be read", reason=str(trouble), seconds=round(wait))
            else:
                return
            finally:
                self.connected.clear()
            stop.wait(wait * random.uniform(0.8, 1.2))  # noqa: S311 - only so that not all come back at once

    def _watch(self, stop: Event) -> None:
        """One connection, as long as it lasts."""
        session = self._connect()
        try:
            junk = session.junk_folder()
            log.info("the mailbox is open", push=session.pushes, move=session.moves, junk=bool(junk))
            self.connected.set()
            next_junk, quiet = 0.0, FIRST_QUIET
            while not stop.is_set():
                if junk and time.monotonic() >= next_junk:
                    try:
                        self._read(session, junk, stop, junk=True)
                    except Declined as refusal:
                        log.warning("the folder for spam cannot be read", reason=str(refusal))
                        junk = None
                    next_junk = time.monotonic() + self._pace.junk
                if self._read(session, INBOX, stop, junk=False):
                    quiet = FIRST_QUIET
                    continue  # something may have come meanwhile, and nobody would tell us
                until_junk = max(0.0, next_junk - time.monotonic()) if junk else quiet
                self._wait(session, min(quiet, until_junk, self._until_later()), stop)
                quiet = min(2 * quiet, self._pace.idle)
        except ImapTrouble:
            session.abort()
            raise
        except BaseException:
            session.close()
            raise
        session.close()

    def _wait(self, session: ImapSession, seconds: float, stop: Event) -> None:
        if session.pushes:
            session.wait(min(seconds, self._pace.idle), stop)
        else:
            stop.wait(min(seconds, self._pace.poll))

    def _read(self, session: ImapSession, folder: str, stop: Event, *, junk: bool) -> bool:
        """Everything in the folder that has no fate yet. Was there anything?"""
        selected = session.select(folder)
        place = self._place_of(folder, selected.uid_validity)
        if selected.next_uid and selected.next_uid <= place.last_uid + 1:
            return False
        since = max(self._since, self._clock() - OLDEST)
        # The server compares days without their time zones.
        found = session.uids(place.last_uid + 1, (since - timedelta(days=1)).date())
        now = time.monotonic()
        uids = place.unread(found, now)
        for start in range(0, len(uids), BATCH):
            batch = uids[start : start + BATCH]
            mails = [mail for mail in self._waiting(session, place, batch) if mail.arrived_at >= since]
            self._take(session, place, mails, stop, junk=junk)
            if stop.is_set():
                return False
            place.read.update(uid for uid in batch if uid not in place.later)
        self._move_on(folder, place, max([*found, selected.next_uid - 1]))
        return bool(uids)

    def _waiting(self, session: ImapSession, place: _Place, batch: Sequence[int]) -> list[Waiting]:
        """One mail that the server cannot show keeps no other from being read."""
        try:
            return session.waiting(batch)
        except Declined:
            if len(batch) == 1:
                place.put_off(batch[0], time.monotonic())
                return []
        return [mail for uid in batch for mail in self._waiting(session, place, [uid])]

    def _take(self, session: ImapSession, place: _Place, mails: list[Waiting], stop: Event, *, junk: bool) -> None:
        """Give each of them its fate, then put them where they belong."""
        fates = self._intake.known(mails, junk=junk)
        for mail in mails:
            if mail.uid not in fates and not stop.is_set():
                place.put_off(mail.uid, time.monotonic())  # should the connection break because of it, others go first
                fate = self._fate(session, mail, junk=junk)
                if fate is not None:
                    fates[mail.uid] = fate
        for uid in fates:
            place.later.pop(uid, None)
        for fate, folder in FOLDERS.items():
            uids = [uid for uid, found in fates.items() if found is fate]
            if uids:
                self._move(session, uids, folder)

    def _fate(self, session: ImapSession, mail: Waiting, *, junk: bool) -> Fate | None:
        try:
            return self._intake.take(mail, lambda most: session.content(mail.uid, most), junk=junk)
        except Declined as refusal:
            log.warning("the server does not show a mail", reason=str(refusal))
            return None
        except (ImapTrouble, StorageTrouble):
            raise
        except Exception:  # our own failure at one mail is no reason to read no other
            log.exception("we cannot handle a mail")
            return self._intake.give_up(mail)

    def _move(self, session: ImapSession, uids: list[int], folder: str) -> None:
        try:
            session.move(uids, folder)
        except Declined as refusal:
            log.warning("mail stays where it is, and is not read again", mails=len(uids), reason=str(refusal))
        else:
            log.info("mail was read", mails=len(uids), folder=folder)

    def _place_of(self, folder: str, validity: int) -> _Place:
        """Where reading goes on: at the beginning, when the server counts anew (RFC 9051 §2.3.1.1)."""
        place = self._places.get(folder)
        if place is None or place.validity != validity:
            known = self._database.read(lambda session: folder_place(session, self._address, folder))
            last_uid = known.last_uid if known is not None and known.uid_validity == validity else 0
            place = self._places[folder] = _Place(validity, last_uid)
        return place

    def _move_on(self, folder: str, place: _Place, end: int) -> None:
        """Everything up to `end` has its fate, but for what is for later."""
        last_uid = min([end, *(uid - 1 for uid in place.later)])
        if last_uid <= place.last_uid:
            return
        self._database.write(
            lambda session: set_folder_place(
                session, address=self._address, name=folder, uid_validity=place.validity, last_uid=last_uid
            )
        )
        place.last_uid = last_uid
        place.read = {uid for uid in place.read if uid > last_uid}

    def _until_later(self) -> float:
        """Seconds until a mail that was put off is due."""
        due = [moment for place in self._places.values() for moment, _ in place.later.values()]
        return max(0.0, min(due, default=float("inf")) - time.monotonic())
