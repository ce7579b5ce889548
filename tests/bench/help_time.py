"""How long a person waits for `organic-mail --help`."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from tests.bench.measure import show
from tests.bench.server import ORGANIC_MAIL


def measure(folder: Path) -> None:
    tries = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run([*ORGANIC_MAIL, "--help"], check=True, capture_output=True, cwd=Path(__file__).parents[2])
        tries.append(time.perf_counter() - begun)
    show("seconds until organic-mail --help has answered", seconds=min(tries), first=0.4)
