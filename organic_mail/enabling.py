"""May this machine send by itself? Not before the world can see who it is (spec/mail.md §1.2 M2).

A new sender that nobody can place gets a bad name with the large providers within a day, and keeps it for months. So
with "direct" what is due waits in the queue until DNS says what it has to; that is asked again each minute. Once it was
well it stays so: what breaks later is for `doctor`, and stops no mail.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlmodel import Session

from organic_mail import doctor_dns, doctor_network
from organic_mail.deliver import CLAIM
from organic_mail.finding import Finding, Level, warning
from organic_mail.home import Opened
from organic_mail.keys import write_private
from organic_mail.resolver import Dns, DnsTrouble
from organic_mail.timers import Timer
from storage.events import record

LOOK_EVERY = timedelta(minutes=1)
_NEEDED = ("spf", "dkim", "dmarc", "ptr")

log = structlog.get_logger()


class Enabling:
    """dns: whom to ask, None: the name servers of the settings."""

    def __init__(self, opened: Opened, dns: Dns | None = None) -> None:
        self._opened = opened
        self._dns = dns
        self._said: list[Finding] = []
        self._mark = opened.home.sending_file
        self._domain = opened.settings.community.domain
        self._may_send = self._mark.is_file() and self._mark.read_text("utf-8").strip() == self._domain

    def allowance(self, session: Session, now: datetime) -> int:
        """How many deliveries may be claimed."""
        return CLAIM if self._may_send else 0

    def timer(self) -> Timer:
        return Timer("may mail leave", LOOK_EVERY, self.look, at_any_time=True)

    def look(self, now: datetime) -> None:
        if self._may_send:
            return
        found = faults(self._opened, self._dns, now)
        if not found:
            self._mark.unlink(missing_ok=True)
            write_private(self._mark, f"{self._domain}\n".encode())
            self._may_send = True
        if found != self._said or not found:
            self._say(found, now)
        self._said = found

    def _say(self, found: list[Finding], now: datetime) -> None:
        lines = [f"Outgoing mail waits. {fault.check}: {fault.finding}. Cure: {fault.cure}" for fault in found]
        for line in lines:
            log.warning(line)
        if not lines:
            lines = ["Mail may leave: the world can see who we are."]
            log.info(lines[0])

        def write(session: Session) -> None:
            for line in lines:
                record(session, "waiting", line, now=now)

        self._opened.database.write(write)


def is_needed(opened: Opened) -> bool:
    """Not where private addresses are written to: that is a trial, which no provider gets to see."""
    delivery = opened.settings.delivery
    return delivery.transport == "direct" and not delivery.allow_private_addresses


def faults(opened: Opened, dns: Dns | None, now: datetime) -> list[Finding]:
    """What has to be put right first."""
    asked = doctor_dns.patient(dns, opened.settings)
    bad: tuple[Level, ...] = (Level.WARNING, Level.FATAL)
    checks = [(check, findings, bad) for check, findings in doctor_dns.checks(opened, asked, now) if check in _NEEDED]
    # That one server refuses us is no proof: it may be the wrong one to ask.
    checks.append(("port 25 out", doctor_network.port_out(opened.settings, asked), (Level.FATAL,)))
    found: list[Finding] = []
    for check, findings, levels in checks:
        try:
            found += (finding for finding in findings if finding.level in levels)
        except DnsTrouble as trouble:
            found.append(warning(check, f"DNS could not be asked: {trouble}", "look at the network"))
    return found
