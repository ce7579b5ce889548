"""What becomes of mail that came back: it is counted, and judged a while later (spec/mail.md §3.5).

A failure is judged only some minutes after it came, when most of its fan-out is known: so one bad hour of ours, or of
a large receiver, pauses nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlmodel import Session

from handlers.address import address_key
from handlers.facts import Host
from handlers.notice import NoticeKind
from handlers.outcome import Bounced
from handlers.retry import Fault
from handlers.score import KEPT, Count, is_dead, score, tells_nothing
from handlers.template import Value
from handlers.token import Secrets, address_marks
from organic_mail import pausing
from organic_mail.operator_letter import tell_operator
from storage import bounces, members
from storage.database import Database
from storage.events import record
from storage.models import Address
from storage.models_bounces import Blame, Bounce

KNOWN_AFTER = timedelta(minutes=10)
"""How long a failure waits to be judged."""
_A_DAY = timedelta(days=1)
_BLAMES = {Fault.ADDRESS_HARD: Blame.HARD, Fault.SOFT: Blame.SOFT, Fault.OURS: Blame.OURS}


def count(
    session: Session,
    secrets: Secrets,
    *,
    member_id: int,
    recipient: str,
    run: str,
    fault: Fault,
    weight: float,
    said: str,
    now: datetime,
) -> None:
    """Write down one failure. fault: of the address, or ours; said: by the other server."""
    key = address_key(recipient)
    bounces.add_bounce(
        session,
        mark=address_marks(secrets, key)[0],
        member_id=member_id,
        domain=key.rpartition("@")[2],
        blame=_BLAMES[fault],
        weight=weight,
        run=run,
        said=" ".join("…" if "@" in word else word for word in said.split()),
        now=now,
    )


def came_back(session: Session, secrets: Secrets, report: Bounced, now: datetime) -> None:
    """Count what a report told of."""
    count(
        session,
        secrets,
        member_id=report.member_id,
        recipient=report.recipient,
        run=report.run,
        fault=report.fault,
        weight=report.weight,
        said=report.said,
        now=now,
    )


def score_of(session: Session, secrets: Secrets, address: str, today: date) -> float:
    """How much speaks against an address now; from 3 on it is paused."""
    found = bounces.counted(session, address_marks(secrets, address_key(address)))
    return score([Count(each.at.date(), each.weight) for each in found], today)


def judge_bounces(database: Database, host: Host, now: datetime) -> None:
    """In transactions of moderate size."""
    while database.write(lambda session: judge(session, host, now)):
        pass


def forget_bounces(database: Database, now: datetime) -> None:
    """In small transactions, so that nobody's post waits for it."""
    while database.write(lambda session: bounces.prune_bounces(session, before=now - KEPT)):
        pass


def judge(session: Session, host: Host, now: datetime) -> int:
    """Look at what came back since the last time: void what tells nothing, and pause who cannot be reached.

    Returns at how many failures it looked.
    """
    fresh = bounces.fresh(session, before=now - KNOWN_AFTER)
    for run in dict.fromkeys(each.run for each in fresh):
        _judge_run(session, host, run, now)
    last_of_each = {each.mark: each for each in fresh if each.blame is not Blame.OURS}
    for last in last_of_each.values():
        _judge_address(session, host, last, now)
    bounces.set_judged(session, [each.id for each in fresh if each.id is not None])
    if any(each.blame is Blame.OURS for each in fresh):
        _tell_of_refusals(session, host, now)
    return len(fresh)


def _judge_run(session: Session, host: Host, run: str, now: datetime) -> None:
    """A fan-out of which much came back speaks against nobody, also not by what came back of it before."""
    failed = list({each.mark: each for each in bounces.of_run(session, run)}.values())
    if any(each.void for each in failed):
        bounces.set_void(session, run)
        return
    recipients = _recipients(session, run)
    domains = [address_key(each).rpartition("@")[2] for each in recipients]
    if not tells_nothing(domains, [each.domain for each in failed]):
        return
    bounces.set_void(session, run)
    suppressed = {each.mark for each in bounces.suppressions(session)}
    for each in failed:
        if each.mark in suppressed:
            _spare(session, host, each, now)
    text = f"{len(failed)} of {len(recipients)} emails that went out together came back. Nobody is paused for that."
    record(session, "spared", text, now=now)
    last = failed[-1]
    values: dict[str, Value] = {
        "sent": len(recipients),
        "failed": len(failed),
        "domain": last.domain,
        "said": last.said,
    }
    tell_operator(session, host, NoticeKind.MANY_BACK, values, cause=f"many back:{run}", now=now)


def _recipients(session: Session, run: str) -> Sequence[str]:
    kind, _, which = run.partition(":")
    if kind == "post":
        return bounces.recipients_of_post(session, int(which))
    begin = datetime.combine(date.fromisoformat(which), time(), UTC)
    return bounces.recipients_of_letters(session, since=begin, until=begin + _A_DAY)


def _judge_address(session: Session, host: Host, last: Bounce, now: datetime) -> None:
    address = _address_of(session, host, last)
    if address is not None and is_dead(score_of(session, host.secrets, address.address, now.date())):
        pausing.stop_sending(session, host, address, full=last.blame is Blame.SOFT, now=now)


def _spare(session: Session, host: Host, bounce: Bounce, now: datetime) -> None:
    """A pause that rested on what is void now ends."""
    address = _address_of(session, host, bounce)
    if address is None or is_dead(score_of(session, host.secrets, address.address, now.date())):
        return
    if bounces.lift(session, address_marks(host.secrets, address.key)):
        pausing.resume(session, address.member_id, now)


def _address_of(session: Session, host: Host, bounce: Bounce) -> Address | None:
    """None when the member, or this address of hers, is no more."""
    for address in members.addresses_of(session, bounce.member_id or 0):
        if bounce.mark in address_marks(host.secrets, address.key):
            return address
    return None


def _tell_of_refusals(session: Session, host: Host, now: datetime) -> None:
    """Once a day: what was refused because of us (spec/mail.md §3.4)."""
    refused = bounces.ours_since(session, now - _A_DAY)
    if not refused:
        return
    last = refused[-1]
    values: dict[str, Value] = {"number": len(refused), "domain": last.domain, "said": last.said}
    tell_operator(session, host, NoticeKind.REFUSED, values, cause=f"refused:{now:%Y-%m-%d}", now=now)
