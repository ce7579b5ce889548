"""The promise of MTA-STS (RFC 8461): how its DNS record and its policy are read, and which hosts it allows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

LONGEST_AGE = 31_557_600  # seconds, a year (RFC 8461 §3.2)

_MX_PATTERN = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_RECORD = re.compile(rb"v=STSv1[ \t]*;(?:.*;)?[ \t]*id=([A-Za-z0-9]{1,32})[ \t]*(?:;.*)?", re.DOTALL)


class Mode(StrEnum):
    ENFORCE = "enforce"
    TESTING = "testing"  # deliver as if there were no policy
    NONE = "none"


class BrokenPolicy(ValueError):
    """What was fetched is no policy, or could not be fetched as RFC 8461 §3.3 wants it."""


@dataclass(frozen=True, slots=True)
class Policy:
    mode: Mode
    mx: tuple[str, ...]
    max_age: int  # seconds

    def allows(self, host: str) -> bool:
        """May mail be given to *host*? "*." stands for exactly one label (RFC 8461 §4.1)."""
        name = host.rstrip(".").lower()
        _, _, parent = name.partition(".")
        return name in self.mx or (parent != "" and f"*.{parent}" in self.mx)


def record_id(texts: Sequence[bytes]) -> str | None:
    """The id in the TXT record at _mta-sts.DOMAIN; several records are none (RFC 8461 §3.1)."""
    records = [text for text in texts if text.startswith(b"v=STSv1")]
    matched = _RECORD.fullmatch(records[0]) if len(records) == 1 else None
    return matched[1].decode("ascii") if matched else None


def read_policy(text: bytes) -> Policy:
    """RFC 8461 §3.2. Raises `BrokenPolicy`. Unknown keys and repetitions are passed over."""
    values: dict[str, list[str]] = {}
    for line in text.decode("utf-8", "replace").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            values.setdefault(key.strip(), []).append(value.strip())
    mode = values.get("mode", [""])[0]
    age = values.get("max_age", [""])[0]
    patterns = tuple(pattern.lower().rstrip(".") for pattern in values.get("mx", ()))
    if values.get("version", [""])[0] != "STSv1":
        raise BrokenPolicy("it does not say version: STSv1")
    if mode not in set(Mode):
        raise BrokenPolicy("its mode is unknown")
    if not re.fullmatch(r"[0-9]{1,10}", age):
        raise BrokenPolicy("its max_age is no number")
    if not all(map(_MX_PATTERN.fullmatch, patterns)) or (not patterns and mode != Mode.NONE):
        raise BrokenPolicy("it names no mail servers")
    return Policy(Mode(mode), patterns, min(int(age), LONGEST_AGE))
