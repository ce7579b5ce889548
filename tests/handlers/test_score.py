"""When an address counts as dead: at most one count a day, fading, and none at all when too much came back at once."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.retry import Fault
from handlers.score import PAUSE_AT, Count, is_dead, next_probe, run_of, score, tells_nothing, weight

MONDAY = date(2026, 11, 23)
HARD, SOFT = weight(Fault.ADDRESS_HARD), weight(Fault.SOFT)


def on(*days: int, weighing: float = HARD) -> list[Count]:
    return [Count(MONDAY + timedelta(days=day), weighing) for day in days]


def total(counts: list[Count], day: int) -> float:
    return score(counts, MONDAY + timedelta(days=day))


def test_the_third_day_with_a_refusal_is_the_last() -> None:
    assert [is_dead(total(on(*range(days + 1)), days)) for days in range(4)] == [False, False, True, True]


def test_a_full_mailbox_is_borne_for_twelve_days() -> None:
    assert [is_dead(total(on(*range(days), weighing=SOFT), days)) for days in (11, 12)] == [False, True]


def test_a_day_counts_once_and_by_its_worst() -> None:
    assert total(on(0, 0, 0, 0, 0), 0) == 1.0
    assert total([*on(0, weighing=SOFT), *on(0), *on(0, weighing=SOFT)], 0) == 1.0


def test_it_fades_by_a_tenth_on_each_quiet_day() -> None:
    counts = on(0, 1)
    assert [total(counts, day) for day in (1, 2, 3, 4, 11, 21, 22, 400)] == [2.0, 2.0, 1.9, 1.8, 1.1, 0.1, 0.0, 0.0]


def test_three_refusals_over_half_a_year_are_nothing() -> None:
    assert not is_dead(total(on(0, 60, 120), 120))


def test_what_is_not_about_the_address_weighs_nothing() -> None:
    assert [weight(fault) for fault in (Fault.OURS, Fault.MESSAGE)] == [0.0, 0.0]
    assert (weight(Fault.ADDRESS_HARD, prose=True), weight(Fault.SOFT, prose=True)) == (0.5, 0.125)


def test_nothing_is_nothing() -> None:
    assert score([], MONDAY) == 0.0
    assert total(on(5), 0) == 0.0  # a clock that was set back


counts = st.lists(st.builds(Count, st.dates(MONDAY, MONDAY + timedelta(90)), st.sampled_from([HARD, SOFT, 0.5, 0.125])))


@given(counts, st.randoms())
def test_the_order_does_not_matter(found: list[Count], random: object) -> None:
    shuffled = found[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert total(found, 90) == total(shuffled, 90)


@given(counts)
def test_it_never_exceeds_the_days_that_had_one(found: list[Count]) -> None:
    days = {count.day for count in found}
    assert 0 <= total(found, 90) <= len(days)
    if is_dead(total(found, 90)):
        assert len(days) >= 3


@given(counts, st.dates(MONDAY, MONDAY + timedelta(90)))
def test_one_more_failure_never_lowers_it(found: list[Count], day: date) -> None:
    assert total([*found, Count(day, HARD)], 90) >= total(found, 90)


def of(**domains: int) -> list[str]:
    return [f"{domain}.example" for domain, number in domains.items() for _ in range(number)]


@pytest.mark.parametrize(
    ("sent", "failed", "breaks"),
    [
        (of(elm=30), of(elm=7), True),  # more than a fifth of all
        (of(elm=30), of(elm=6), False),
        (of(elm=10), of(elm=4), False),  # fewer than five are never too many
        (of(elm=5), of(elm=5), True),
        (of(elm=100, gmail=8), of(gmail=5), True),  # more than half of one domain
        (of(elm=100, gmail=10), of(gmail=5), False),
        (of(elm=1000, a=1, b=1, c=1, d=1, e=1), of(a=1, b=1, c=1, d=1, e=1), False),  # five people, five addresses
        (of(elm=14), of(elm=1), False),
        ([], [], False),
    ],
)
def test_too_much_at_once_tells_nothing(sent: list[str], failed: list[str], breaks: bool) -> None:
    assert tells_nothing(sent, failed) is breaks


def test_probes_go_out_three_times() -> None:
    assert [next_probe(sent) for sent in range(4)] == [timedelta(days=7), timedelta(days=21), timedelta(days=60), None]


def test_a_fan_out_is_a_post_or_the_letters_of_a_day() -> None:
    assert (run_of(12, MONDAY), run_of(None, MONDAY)) == ("post:12", "letters:2026-11-23")


def test_three_letters_came_back() -> None:
    assert PAUSE_AT == 3.0
