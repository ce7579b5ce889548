"""Killed between any two steps: nobody is left out, and only who was in flight may get a second copy."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.wire.daemons import PATIENCE
from tests.wire.outbound import Community, dial_to, new_community, opened
from tests.wire.sink import Sink, Transaction

MEMBERS = 150
ROOT = Path(__file__).parents[2]
CONCURRENCY = 12


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("oak") / "home"
    with new_community(home) as made:
        made.join(*(f"m{number}" for number in range(MEMBERS)))
        made.post()
    return home


@pytest.fixture
def oak(home: Path, tmp_path: Path) -> Path:
    shutil.copytree(home, tmp_path / "home")
    return tmp_path / "home"


def start(home: Path, port: int, step: str, count: int) -> subprocess.Popen[bytes]:
    program = [
        sys.executable,
        "-m",
        "tests.wire.crashing_deliverer",
        home,
        str(port),
        step,
        str(count),
        str(CONCURRENCY),
    ]
    return subprocess.Popen(program, cwd=ROOT)


def finish(home: Path, sink: Sink) -> Community:
    """What the next start does, at once: the leases of the dead are not waited for."""
    with opened(home) as oak:
        oak.deliver(dial_to(sink.port))
        assert set(oak.states().values()) == {"sent"}
        return oak


def check(sink: Sink, *, at_most_twice: int) -> None:
    copies = Counter(taken.recipient for taken in sink.taken)
    assert len(copies) == MEMBERS
    assert max(copies.values()) <= 2
    assert sum(count == 2 for count in copies.values()) <= at_most_twice
    for recipient in (recipient for recipient, count in copies.items() if count == 2):
        assert len({taken.content for taken in sink.taken if taken.recipient == recipient}) == 1


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("step", ["claimed", "copies made"])
def test_killed_before_anything_is_sent(step: str, count: int, oak: Path) -> None:
    with Sink().listening() as sink:
        assert start(oak, sink.port, step, count).wait(PATIENCE) == -signal.SIGKILL
        finish(oak, sink)
    check(sink, at_most_twice=CONCURRENCY if count == 2 else 0)


@pytest.mark.parametrize("count", [1, 7, 60, 149])
@pytest.mark.parametrize("step", ["sending", "answered"])
def test_killed_while_sending(step: str, count: int, oak: Path) -> None:
    """What was answered but not yet written down, and what is on the connections, may come twice."""
    with Sink().listening() as sink:
        assert start(oak, sink.port, step, count).wait(PATIENCE) == -signal.SIGKILL
        finish(oak, sink)
    check(sink, at_most_twice=CONCURRENCY)


def test_killed_when_results_were_just_written_down(oak: Path) -> None:
    with Sink().listening() as sink:
        assert start(oak, sink.port, "settled", 1).wait(PATIENCE) == -signal.SIGKILL
        finish(oak, sink)
    check(sink, at_most_twice=CONCURRENCY)


def test_killed_while_the_next_hop_has_the_whole_message_and_has_not_answered(oak: Path) -> None:
    """RFC 1047: nobody can tell; so it comes again, once."""
    running: list[subprocess.Popen[bytes]] = []

    def answer(step: str, transaction: Transaction) -> str | None:
        if step == "END" and len(sink.taken) == 5 and running[0].poll() is None:
            os.kill(running[0].pid, signal.SIGKILL)
            running[0].wait(PATIENCE)
        return None

    sink = Sink(answer=answer)
    with sink.listening():
        running.append(start(oak, sink.port, "never", 1))
        assert running[0].wait(PATIENCE) == -signal.SIGKILL
        finish(oak, sink)
    check(sink, at_most_twice=CONCURRENCY)
