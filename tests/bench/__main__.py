"""`make bench`: every measurement, or those that are named: python -m tests.bench copies written …"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.bench import commands, copies, help_time, intake, letters, memory, written

MEASUREMENTS = {
    "commands": commands,
    "copies": copies,
    "intake": intake,
    "memory": memory,
    "help_time": help_time,
    "letters": letters,
    "written": written,
}

for name in sys.argv[1:] or MEASUREMENTS:
    with tempfile.TemporaryDirectory(prefix="organic-mail-bench-") as folder:
        MEASUREMENTS[name].measure(Path(folder))
