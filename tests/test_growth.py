"""The measure itself: what grows too fast is found, whatever else the machine does.

The clock goes on with each step of the work, and more slowly or fast as the test says: a real one would tell of this
machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, repeat

import pytest

from tests import growth
from tests.growth import ROUNDS, costs_at_most, grows_linearly

STEP_SECONDS = 1e-7


class Clock:
    """`slowness`: by how much each measurement takes longer than it should, in their order."""

    def __init__(self, slowness: Iterator[float]) -> None:
        self.now = 0.0
        self.slowness = slowness
        self.slow = 1.0

    def read(self) -> float:
        self.slow = next(self.slowness)
        return self.now

    def steps(self, count: int) -> None:
        self.now += count * STEP_SECONDS * self.slow


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(repeat(1.0))
    monkeypatch.setattr(growth, "process_time", made.read)
    return made


def linear(clock: Clock) -> Callable[[int], None]:
    return clock.steps


def quadratic(clock: Clock, fixed: int = 0) -> Callable[[int], None]:
    return lambda size: clock.steps(fixed + size * size)


def test_linear_work_passes(clock: Clock) -> None:
    assert grows_linearly(linear(clock), 50_000)
    assert grows_linearly(lambda size: clock.steps(size * size.bit_length()), 5_000)


def test_quadratic_work_fails(clock: Clock) -> None:
    assert not grows_linearly(quadratic(clock), 200)
    assert not grows_linearly(quadratic(clock, fixed=20_000), 200)


def test_work_that_is_hardly_noticeable_gets_a_larger_size(clock: Clock) -> None:
    assert not grows_linearly(quadratic(clock, fixed=4_000), 20)


def test_a_busy_moment_is_forgiven(clock: Clock) -> None:
    """All but the last round: the hard work waits for others, and the ordinary work does not."""
    a_round = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0, 1.0)
    clock.slowness = chain((1.0, 1.0), a_round * (ROUNDS - 1), repeat(1.0))
    assert grows_linearly(linear(clock), 50_000)


def test_a_machine_that_is_always_busy_hides_nothing(clock: Clock) -> None:
    clock.slowness = chain(*repeat((1.0, 1.4, 1.2, 1.1), 100))
    assert not grows_linearly(quadratic(clock), 200)


def test_work_is_compared(clock: Clock) -> None:
    assert costs_at_most(5, lambda: clock.steps(60_000), lambda: clock.steps(20_000))
    assert not costs_at_most(5, lambda: clock.steps(200_000), lambda: clock.steps(20_000))


def test_the_clock_is_the_processors() -> None:
    def work() -> None:
        for _ in range(1_000):
            pass

    assert costs_at_most(1_000, work, work)
