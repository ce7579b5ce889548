"""What `doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    NOTE = "note"
    WARNING = "warning"  # mail works, but less well or less safely
    FATAL = "fatal"  # mail does not work, or is not believed


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`. `cure`: what to do about it, "" where nothing needs doing."""

    check: str
    level: Level
    finding: str
    cure: str = ""


def ok(check: str, finding: str) -> Finding:
    return Finding(check, Level.OK, finding)


def note(check: str, finding: str, cure: str) -> Finding:
    return Finding(check, Level.NOTE, finding, cure)


def warning(check: str, finding: str, cure: str) -> Finding:
    return Finding(check, Level.WARNING, finding, cure)


def fatal(check: str, finding: str, cure: str) -> Finding:
    return Finding(check, Level.FATAL, finding, cure)
