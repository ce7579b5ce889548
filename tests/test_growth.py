"""The measure itself: what grows too fast is found, whatever else the machine does."""

from __future__ import annotations

from tests.growth import costs_at_most, grows_linearly


def steps(count: int) -> None:
    for _ in range(count):
        pass


def test_linear_work_passes() -> None:
    assert grows_linearly(steps, 50_000)
    assert grows_linearly(lambda size: steps(size * size.bit_length()), 5_000)


def test_quadratic_work_fails() -> None:
    assert not grows_linearly(lambda size: steps(size * size), 200)
    assert not grows_linearly(lambda size: steps(20_000 + size * size), 200)


def test_work_is_compared() -> None:
    assert costs_at_most(5, lambda: steps(60_000), lambda: steps(20_000))
    assert not costs_at_most(5, lambda: steps(200_000), lambda: steps(20_000))
