"""Who claims deliveries: one daemon, told apart from every other one that ever had its process number."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def this_host() -> str:
    return socket.gethostname().replace(":", "-")


def this_daemon() -> str:
    """HOST:PID:START, as it stands in delivery.claimed_by."""
    return f"{this_host()}:{os.getpid()}:{_start(os.getpid())}"


def is_alive(who: str) -> bool:
    """Is this daemon of our host still at work?"""
    _, pid, start = who.rsplit(":", 2)
    return _start(int(pid)) == start


def _start(pid: int) -> str:
    """When a process began, in ticks since the machine did (proc(5)); "" when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
