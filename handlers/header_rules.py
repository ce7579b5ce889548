"""Rules of a list about fields of a header, a line each: `hold X-Spam-Flag: YES`. The first one that fits decides."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from handlers.ban import fits
from handlers.message import Message

MOST_RULES = 50
_LONGEST_VALUE = 1000  # characters of a field that are looked at
_LINE = re.compile(r"(\w+)\s+([!-9;-~]+)\s*:\s*(\S.*)")  # RFC 5322 §2.2


class RuleAction(StrEnum):
    HOLD = "hold"
    REFUSE = "refuse"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True)
class HeaderRule:
    action: RuleAction
    name: str  # of the field, in lower case
    pattern: str  # of its value, in lower case; "*" stands for anything

    def __str__(self) -> str:
        return f"{self.name}: {self.pattern}"


def checked_rules(text: str) -> str:
    """What an operator typed, as it is kept. Raises ValueError with the cure."""
    _rules(text)
    return text


def rule_for(text: str, message: Message) -> HeaderRule | None:
    """The first of a list's rules that a message fits."""
    return next((rule for rule in _rules(text) if _fits(message, rule)), None) if text else None


@lru_cache(maxsize=256)
def _rules(text: str) -> tuple[HeaderRule, ...]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_RULES:
        raise ValueError(f"there are {len(lines)} lines; write at most {MOST_RULES}")
    return tuple(map(_rule, lines))


def _rule(line: str) -> HeaderRule:
    found = _LINE.fullmatch(line)
    words = [each.value for each in RuleAction]
    if found is None or found[1].lower() not in words:
        raise ValueError(f'"{line}" is no rule; write for example: hold X-Spam-Flag: YES (or {", ".join(words[1:])})')
    return HeaderRule(RuleAction(found[1].lower()), found[2].lower(), found[3].strip().lower())


def _fits(message: Message, rule: HeaderRule) -> bool:
    """Is there such a field, in the bytes as they came or decoded (RFC 2047)?"""
    first = message.value(rule.name) or ""
    raw = (message.field_bytes(field).partition(b":")[2].decode("utf-8", "replace") for field in message.all(rule.name))
    return any(fits(" ".join(value[:_LONGEST_VALUE].split()).lower(), rule.pattern) for value in (first, *raw) if value)
