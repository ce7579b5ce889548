"""The claims of spec/federation.md §2.5 on a hundred thousand graphs and schedules (§3.3, S12)."""

from __future__ import annotations

import pytest

from tests.federation.schedules import check_claims

CASES = 100_000
AT_ONCE = 500


@pytest.mark.parametrize("first", range(0, CASES, AT_ONCE))
def test_s12_any_graph_and_schedule(first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        check_claims(seed)
