"""kill -9 at every named point five times, and at 200 moments that nobody chose (spec/mail.md §5.2 R1)."""

from __future__ import annotations

import random

import pytest

from tests.wire import crashing
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.lives import lives

__all__ = ["empty_home", "om"]

RUNS = 5
MOMENTS = 200
LONGEST_LIFE = 0.6  # seconds from the start of the process


def most_often(point: str) -> int:
    """So often at least a life gets there: connections are kept, so that few are greeted."""
    if point.endswith(crashing.AT_START):
        return 1
    return 2 if point.endswith(":Connection.greet") else 6


@pytest.mark.parametrize("run", range(RUNS))
def test_killed_at_each_point(run: int, om: Operator) -> None:
    chance = random.Random(run)
    points = list(crashing.POINTS)
    chance.shuffle(points)
    with lives(om, members=12) as oak:
        for point in points:
            oak.live_and_die(point, chance.randint(1, most_often(point)))
        oak.finish()


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment(seed: int, om: Operator) -> None:
    chance = random.Random(seed)
    with lives(om, members=12) as oak:
        for _ in range(MOMENTS // 4):
            oak.live_for(chance.uniform(0.05, LONGEST_LIFE))
        oak.finish()
