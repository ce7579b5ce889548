"""What a next hop's reply means for one delivery, and when to try again (spec: mail §3.4)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from handlers.reply import Reply
from storage.models import DeliveryState

REPLY_LENGTH = 200
"""Characters that are kept of what another server said."""


class Fault(StrEnum):
    """Whom a delivery that did not succeed speaks against. Only the first two are about the member's address."""

    ADDRESS_HARD = "address_hard"  # no such address, or it is closed
    SOFT = "soft"  # the mailbox is full or cannot take mail now
    OURS = "ours"  # our reputation, set-up or commands
    MESSAGE = "message"  # this message alone: its size or content


@dataclass(frozen=True, slots=True)
class Result:
    """SENT, DEFERRED or FAILED, and whose fault it is; None: nobody's, as with a network that is down."""

    state: DeliveryState
    fault: Fault | None = None


_HARD = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
_MESSAGE = frozenset({"2.3", "3.4", "4.6"})
_FULL = "2.2"

# RFC 4954 §6, RFC 3207 §4: the next hop wants us to log in or to use TLS first. The operator can put that right, so the
# mail waits for her.
_LOGIN_CODES = frozenset({530, 534, 535, 538})

_POLICY = re.compile(
    r"policy|policies|dmarc|dkim|\bspf\b|spam|unsolicited|blocked|block ?list|black ?list|deny ?list|\brbl\b|\bdnsbl\b"
    r"|reputation|banned|not authenticated|unauthenticated|authentication|rate limit|relay(?:ing)? (?:access )?denied"
    r"|unable to relay|sender (?:address )?(?:rejected|denied|refused)",
    re.IGNORECASE,
)
_IS_FULL = re.compile(
    r"(?:mail ?box|inbox|account) (?:is |size )?(?:full|exceeded)|over (?:its |the )?quota|quota (?:is )?exceeded"
    r"|(?:exceeded|out of) storage",
    re.IGNORECASE,
)
_NO_SUCH_ADDRESS = re.compile(
    r"(?:user|recipient|mailbox|address|account)s? (?:is )?(?:unknown|unavailable|invalid|inactive|disabled|not found"
    r"|not known|closed)"
    r"|(?:unknown|invalid|no such|bad destination) (?:local )?(?:user|recipient|mailbox|address|account)"
    r"|(?:does not|doesn't|doesn\u2019t|not) (?:exist|have an?\b)"
    r"|recipient (?:address )?rejected|not a valid (?:mailbox|recipient)|no mailbox|not our customer",
    re.IGNORECASE,
)

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_FIRST_WAITS = (_MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR)
_LAST_WAIT = 8 * _HOUR
_PATIENCE = timedelta(days=5)  # RFC 5321 §4.5.4.1: at least four to five days
_WAITS = _FIRST_WAITS + ((_PATIENCE - sum(_FIRST_WAITS, timedelta())) // _LAST_WAIT) * (_LAST_WAIT,)
_JITTER = 0.1


def classify(reply: Reply) -> Result:
    """What `reply`, the one that decided the transaction, means: the enhanced code first (RFC 3463, RFC 5248).

    Where the two codes disagree about temporary or permanent (RFC 2034 §4 forbids it), it is temporary: another
    attempt costs little, a lost mail much.
    """
    if reply.code // 100 == 2:
        return Result(DeliveryState.SENT)
    detail = reply.enhanced.partition(".")[2]
    text = " ".join(reply.text.split())
    if reply.code in _LOGIN_CODES:
        return Result(DeliveryState.DEFERRED, Fault.OURS)
    if reply.code // 100 != 5 or reply.enhanced.startswith("4"):
        return Result(DeliveryState.DEFERRED, _fault_of_delay(detail, text))
    return Result(DeliveryState.FAILED, _fault_of_failure(reply.code, detail, text))


def _fault_of_delay(detail: str, text: str) -> Fault | None:
    if detail.startswith("7.") or _POLICY.search(text):
        return Fault.OURS
    return Fault.SOFT if detail.startswith("2.") else None


def _fault_of_failure(code: int, detail: str, text: str) -> Fault:
    subject = detail.partition(".")[0]
    if detail in _HARD:
        return Fault.ADDRESS_HARD
    if detail == _FULL:
        return Fault.SOFT
    if detail in _MESSAGE or subject == "6":
        return Fault.MESSAGE
    if subject == "7" or _POLICY.search(text):
        return Fault.OURS
    # Some large providers write "full" or "no such user" behind a code that says little, like 5.5.0 or 5.4.1.
    if _IS_FULL.search(text):
        return Fault.SOFT
    if _NO_SUCH_ADDRESS.search(text):
        return Fault.ADDRESS_HARD
    if subject == "2":
        return Fault.SOFT
    if subject in {"3", "4", "5"}:
        return Fault.OURS
    return _fault_of_code(code)


def _fault_of_code(code: int) -> Fault:
    """RFC 5321 §4.2.3 and RFC 7504 §3, for replies whose enhanced code is missing or says nothing."""
    if code in {521, 550, 551, 553, 556}:
        return Fault.ADDRESS_HARD
    if code in {552, 554}:
        return Fault.MESSAGE
    return Fault.OURS


def next_attempt(attempts: int, now: datetime, random_fraction: float) -> datetime | None:
    """When to try again after `attempts` (1 or more) that were deferred; None: give up.

    Waits 1, 5, 15, 30 minutes, 1, 2, 4, 8 hours, then 8 hours each until five days are over, each changed by up to a
    tenth: `random_fraction` is from [0, 1). Attempts are counted, not hours, so that a clock which jumps ends nothing.
    """
    if attempts > len(_WAITS):
        return None
    return now + _WAITS[attempts - 1] * (1 - _JITTER + 2 * _JITTER * random_fraction)


def clean_reply(text: str) -> str:
    """`text` of another server, fit for a log and a terminal: one line, no control or format characters, cut."""
    if len(text) <= REPLY_LENGTH and text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    visible = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text[: 4 * REPLY_LENGTH])
    line = " ".join(visible.split())
    return line if len(line) <= REPLY_LENGTH else line[: REPLY_LENGTH - 1] + "…"
