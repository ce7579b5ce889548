"""The parts of a daemon. On PostgreSQL they may run in processes, and on machines, of their own."""

from __future__ import annotations

from enum import StrEnum


class Part(StrEnum):
    RECEIVE = "receive"
    DELIVER = "deliver"
    TIMERS = "timers"
    WEB = "web"
