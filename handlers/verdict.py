"""Is this really Grandma? The table of spec/mail.md §2.4: from what was found about a message to one verdict."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from handlers import dmarc
from handlers.dmarc import Names, Policy, Unanswered, Wish
from handlers.incoming import Authentication, Verdict

LONGEST_NOTE = 80

_UNPRINTABLE = re.compile(r"[^ -~]")
_NOT_IN_COMMENTS = re.compile(r"[()\\]")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one check found: `domain` vouches for the message if `result` is "pass" (words of RFC 8601 §2.7)."""

    method: Literal["dkim", "spf", "dmarc"]  # the last only as found by an MTA of ours
    domain: str  # A-labels, lower case; "" when there was none to read
    result: str
    note: str = ""


def judge(author: str, evidence: Sequence[Evidence], names: Names, our_domain: str) -> Authentication:
    """The verdict about *author*, the domain of From (A-labels, lower case).

    A pass that speaks for the author settles it; trouble with DNS counts only where its answer could have changed
    the verdict. Never raises.
    """
    verdict, policy = _verdict(author, evidence, names)
    return Authentication(
        verdict=verdict,
        signed_by_us=any(
            found.method == "dkim" and found.result == "pass" and found.domain == our_domain for found in evidence
        ),
        detail=_printable("; ".join([*map(_shown, evidence), _conclusion(author, verdict, policy)])),
    )


def settled(author: str, evidence: Sequence[Evidence]) -> bool:
    """Does the author's very own domain vouch? Then no policy and no other check can change the verdict."""
    return any(found.result == "pass" and found.domain == author for found in evidence)


def _verdict(author: str, evidence: Sequence[Evidence], names: Names) -> tuple[Verdict, Policy | None]:
    if settled(author, evidence):
        return Verdict.ALIGNED, None
    try:
        policy = dmarc.policy_of(author, names)
    except Unanswered:
        return Verdict.UNCERTAIN, None
    uncertain = False
    for found in evidence:
        if found.result not in ("pass", "temperror"):
            continue
        try:
            speaks = _speaks(author, found, policy, names)
        except Unanswered:
            uncertain = True
            continue
        if speaks and found.result == "pass":
            return Verdict.ALIGNED, policy
        uncertain = uncertain or speaks
    if uncertain:
        return Verdict.UNCERTAIN, policy
    if policy and policy.wish is not Wish.NONE:
        return Verdict.REFUSED, policy
    return Verdict.UNVERIFIED, policy


def _speaks(author: str, found: Evidence, policy: Policy | None, names: Names) -> bool:
    strict = policy is not None and (policy.strict_dkim if found.method == "dkim" else policy.strict_spf)
    return dmarc.aligned(author, found.domain, names, strict=strict, published=policy is not None)


def _shown(found: Evidence) -> str:
    where = {"dkim": "header.d", "spf": "smtp.mailfrom", "dmarc": "header.from"}[found.method]
    domain = f" {where}={found.domain}" if found.domain else ""
    return f"{found.method}={found.result}{_comment(found.note)}{domain}"


def _comment(note: str) -> str:
    return f" ({_NOT_IN_COMMENTS.sub('?', note)[:LONGEST_NOTE]})" if note else ""


def _printable(line: str) -> str:
    return _UNPRINTABLE.sub("?", line)


def _conclusion(author: str, verdict: Verdict, policy: Policy | None) -> str:
    result = {
        Verdict.ALIGNED: "pass",
        Verdict.UNCERTAIN: "temperror",
        Verdict.REFUSED: "fail",
        Verdict.UNVERIFIED: "fail" if policy else "none",
    }[verdict]
    said = _comment(f"p={policy.wish} at {policy.found_at}") if policy else ""
    return f"dmarc={result}{said} header.from={author}"


def without_evidence(reason: str) -> Authentication:
    """For a message whose author cannot be told: nobody is believed."""
    return Authentication(Verdict.UNVERIFIED, detail=_printable(f"dmarc=permerror{_comment(reason)}"))
