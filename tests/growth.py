"""Does work grow with its input as it should? It is told by ratios, so the speed of this machine is no matter.

Both functions measure processor time, several times, and believe the quickest: noise only ever adds. They give up after
a few rounds, so a busy moment cannot fail a test, while work that really takes too long is too long in every round.
Figures are printed, and pytest shows them when a test fails.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import process_time

STEP = 8
MOST_GROWTH = 32.0
"""Of input that is `STEP` times as long, linear work takes 8 times as long and quadratic work 64 times. What no longer
fits into the processor's memory takes up to four times as long as before, and that is nobody's fault."""
NOTICEABLE = 0.0005  # seconds: of less, the clock and the memory tell more than the work
ROUNDS = 6
QUICKEST_OF = 3


def grows_linearly(work: Callable[[int], object], size: int) -> bool:
    """Does `work(8 * size)` take about eight times as long as `work(size)`?

    Choose `size` so that `work(size)` takes a few milliseconds, and large enough to be read in the same way as what is
    larger: a limit passed on the way looks like growth. Where the work is hardly noticeable a larger size is taken.
    `work` makes its own input, which should cost little beside reading it.
    """
    if _seconds(lambda: work(size)) < NOTICEABLE:
        size *= STEP
    return costs_at_most(MOST_GROWTH, lambda: work(STEP * size), lambda: work(size))


def costs_at_most(times: float, hard: Callable[[], object], ordinary: Callable[[], object]) -> bool:
    """Does *hard* take no more than so many *times* as long as *ordinary*?"""
    hardest = float("inf")
    for _ in range(ROUNDS):
        usual = min(_seconds(ordinary) for _ in range(QUICKEST_OF))
        hardest = min(hardest, _seconds(hard))
        print(f"{1000 * hardest:.1f} ms to {1000 * usual:.1f} ms: {hardest / usual:.1f} times, at most {times}")
        if hardest <= times * usual:
            return True
    return False


def _seconds(work: Callable[[], object]) -> float:
    gc.disable()
    try:
        began = process_time()
        work()
        return process_time() - began
    finally:
        gc.enable()
