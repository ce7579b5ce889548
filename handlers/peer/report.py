"""A report: another server asks our operator to look at a post that left from here (spec/federation.md §2.7).

It says which post and why, never who has complained. It comes over the link, or straight from a server of the space;
it changes nothing by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from handlers.peer.audience import AHEAD, BEHIND
from handlers.peer.control import Control, Unreadable
from handlers.peer.control_mail import REPORT, ControlMail, control_digest
from handlers.peer.direct import is_from_roster
from handlers.peer.hop import DIRECT, Hop, signed_hop
from handlers.peer.link_account import is_from_peer
from handlers.peer.relay import Outcome, Taken
from handlers.peer.roster import Roster
from handlers.peer.seal import PostKey
from handlers.peer.store import Link, Own, RelayStore, Reported, Seen
from handlers.peer.value import moment_text, read_domain, read_moment

MOST_A_DAY = 20
"""Reports of one server that our operator is told of in 24 hours."""
LONGEST_REASON = 300
"""Characters."""
_POST = re.compile(r"[a-z2-7]{26}")


class ReportStore(RelayStore, Protocol):
    """What reports need beside."""

    def count_report(self, peer: str, digest: str, now: datetime) -> int:
        """How many of this server came in 24 hours, this one included; 0 when this one came before."""


@dataclass(frozen=True, slots=True)
class Report:
    sender: str  # domain
    key: PostKey
    reason: str
    time: datetime


def write_report(own: Own, key: PostKey, reason: str, now: datetime) -> Control:
    return Control(
        (
            ("v", "1"),
            ("type", REPORT),
            ("from", own.domain),
            ("to", key.origin),
            ("time", moment_text(now)),
            ("post", key.post),
            ("reason", reason),
        )
    )


def read_report(control: Control) -> Report:
    """Raises Unreadable."""
    post, reason = control.first("post"), control.first("reason").strip()
    if _POST.fullmatch(post) is None:
        raise Unreadable(f"{post[:40]!r} names no post")
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Unreadable("its reason is missing, or too long")
    key = PostKey(read_domain(control.first("to")), post, 1)
    return Report(read_domain(control.first("from")), key, reason, read_moment(control.first("time")))


def report_mail(own: Own, control: Control, link: Link | None, *, seq: int) -> ControlMail:
    """Over this link; without one straight to the server, under 128 random bits."""
    to, epoch = control.first("to"), link.epoch if link else DIRECT
    hop = Hop(own.domain, to, epoch, 0 if link else seq, control_digest(control), own.domain)
    return ControlMail(control, signed_hop(hop, own.key))


def received_report(store: ReportStore, own: Own, mail: ControlMail, *, token: str, now: datetime) -> Outcome:
    """One that came to the mailbox of this token, or to the one that stands in the roster."""
    hop = mail.hop.hop
    try:
        report = read_report(mail.control)
    except Unreadable as problem:
        return Outcome(Taken.DROPPED, str(problem))
    if (report.sender, report.key.origin) != (hop.sender, hop.to) or hop.to != own.domain:
        return Outcome(Taken.DROPPED, "it is no report for us")
    seen = max(store.forms(report.key), key=lambda form: form.key.rev, default=None)
    roster = store.roster(seen.space, seen.roster) if seen else None
    if seen is None or roster is None or roster.entry(hop.sender, seen.date) is None:
        return Outcome(Taken.DROPPED, "it is about no post of ours that its server has")
    if not _is_signed(store, own, mail, roster, seen, token, now):
        return Outcome(Taken.DROPPED, "it is not signed for us by a server of the space")
    if not now - BEHIND <= report.time <= now + AHEAD:
        return Outcome(Taken.DROPPED, "it is of another time")
    number = store.count_report(hop.sender, control_digest(mail.control), now)
    if not number:
        return Outcome(Taken.KNOWN, "it came before")
    if number > MOST_A_DAY:
        return Outcome(Taken.DROPPED, "its server reports too much today")
    return Outcome(Taken.APPLIED, "", (Reported(hop.sender, seen.key, report.reason),))


def _is_signed(
    store: RelayStore, own: Own, mail: ControlMail, roster: Roster, seen: Seen, token: str, now: datetime
) -> bool:
    if mail.hop.hop.epoch == DIRECT:
        return is_from_roster(store, roster, seen.date, mail.hop, now)
    link = store.link_of_token(token)
    return link is not None and is_from_peer(link, own, mail.hop, link.peer_epoch, now)
