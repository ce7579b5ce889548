"""What the deciders are given: the envelope, the message, who wrote it by what evidence, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from handlers.message import Message
from handlers.route import Route


@dataclass(frozen=True, slots=True)
class Envelope:
    """Reverse-path and recipients of one SMTP transaction, never headers (RFC 5321 §2.3.1)."""

    sender: str  # "" is the null reverse-path (RFC 5321 §4.5.5)
    recipients: tuple[str, ...]
    client: str = ""  # the client's network address, "" where there is none
    helo: str = ""
    smtputf8: bool = False


class Verdict(StrEnum):
    """Is the author of From really the one who sent this? (spec/mail.md §2.4)"""

    ALIGNED = "aligned"  # DMARC pass, or everything is believed
    UNVERIFIED = "unverified"  # nothing aligned passed, and the domain asks for nothing strict
    REFUSED = "refused"  # nothing aligned passed, and the domain says quarantine or reject
    UNCERTAIN = "uncertain"  # DNS trouble: ask again later


@dataclass(frozen=True, slots=True)
class Authentication:
    verdict: Verdict
    signed_by_us: bool = False  # an intact signature of our own domain
    by_our_relay: bool = False  # a mail server of our own passed it on (RFC 8601 §7.1)
    detail: str = ""  # as Authentication-Results would say it (RFC 8601 §2.2), for the log


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message for one of its recipients."""

    envelope: Envelope
    message: Message
    authentication: Authentication
    route: Route
