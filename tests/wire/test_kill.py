"""kill -9 between any two steps of the journey, from the first word of a client to the last written result."""

from __future__ import annotations

import pytest

from tests.wire import crashing
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.lives import lives

__all__ = ["empty_home", "om"]

SCENARIOS = 4


@pytest.mark.parametrize("scenario", range(SCENARIOS))
def test_killed_at_each_point(scenario: int, om: Operator) -> None:
    """One community dies at many points, one after the other; each start finds what the last life left."""
    with lives(om) as oak:
        for point in crashing.POINTS[scenario::SCENARIOS]:
            oak.live_and_die(point, 1 if point.endswith(crashing.AT_START) else 2)
        oak.finish()
