"""Delivers the due copies of a community and dies on the way, as if by kill -9: HOME PORT STEP COUNT CONCURRENCY."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from organic_mail.claimant import this_daemon
from tests.wire.outbound import dial_to, opened


def main(home: str, port: str, step: str, count: str, concurrency: str) -> None:
    left = int(count)

    def die(reached: str) -> None:
        nonlocal left
        left -= reached == step
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    with opened(Path(home)) as oak:
        deliverer = oak.deliverer(dial_to(int(port)), who=this_daemon(), checkpoint=die, concurrency=int(concurrency))
        asyncio.run(deliverer.run(asyncio.Event()))


if __name__ == "__main__":
    main(*sys.argv[1:])
