"""How fast a group of mail servers is written to, by what it answers."""

from __future__ import annotations

import pytest

from handlers.reply import Reply
from organic_mail.pacing import FIRST_PAUSE, GOOD_UNTIL_FAST, GOOD_UNTIL_MORE, LONGEST_PAUSE, Pace

GOOD = Reply(250, "2.0.0", "Ok")
BUSY = Reply(421, "4.7.0", "try again later")
TOO_FAST = Reply(421, "4.7.28", "unusual rate of mail")
BLOCKED = Reply(550, "5.7.1", "blocked because of your reputation")
NOBODY = Reply(550, "5.1.1", "no such person")


def after(*replies: Reply, now: float = 0.0) -> Pace:
    pace = Pace()
    for number, reply in enumerate(replies):
        pace.heard(reply, f"{number}@elm.example", now)
    return pace


def test_it_begins_with_one_connection_and_goes_on_with_two() -> None:
    assert after(*[GOOD] * (GOOD_UNTIL_MORE - 1)).connections == 1
    assert after(*[GOOD] * GOOD_UNTIL_MORE).connections == 2
    assert after(*[GOOD] * 1000).connections == 2


def test_without_trouble_nothing_waits() -> None:
    pace = after(*[GOOD] * 30)
    assert [pace.turn(5.0), pace.turn(5.0)] == [0.0, 0.0]
    assert not pace.slow


@pytest.mark.parametrize("reply", [BUSY, Reply(421, "", "later"), Reply(450, "4.7.1", "greylisted")])
def test_who_is_asked_to_slow_down_sends_one_a_second_over_one_connection(reply: Reply) -> None:
    pace = after(*[GOOD] * GOOD_UNTIL_MORE, reply)
    assert pace.connections == 1
    assert [pace.turn(100.0), pace.turn(100.0), pace.turn(100.5)] == [0.0, 1.0, 1.5]
    assert pace.pause(100.0) == 0


def test_a_full_mailbox_slows_nothing_down() -> None:
    assert not after(Reply(452, "4.2.2", "mailbox full"), Reply(451, "4.3.0", "later")).slow


def test_what_was_slow_becomes_fast_again() -> None:
    pace = after(BUSY, *[GOOD] * (GOOD_UNTIL_FAST - 1))
    assert pace.slow
    pace.heard(GOOD, "anna@elm.example", 0.0)
    assert not pace.slow


def test_too_fast_means_a_pause_that_grows_up_to_an_hour() -> None:
    pace = after(TOO_FAST)
    assert pace.pause(0.0) == FIRST_PAUSE
    assert "unusual rate" in pace.why
    pace.heard(TOO_FAST, "", 1.0)
    assert pace.pause(1.0) == FIRST_PAUSE - 1, "both connections heard the same"
    now, pauses = 0.0, []
    for _ in range(4):
        now += pace.pause(now)
        pace.heard(TOO_FAST, "", now)
        pauses.append(pace.pause(now))
    assert pauses == [2 * FIRST_PAUSE, 4 * FIRST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


def test_three_people_refused_because_of_us_mean_a_pause() -> None:
    assert after(BLOCKED, BLOCKED, BLOCKED).pause(0.0) == FIRST_PAUSE
    assert after(BLOCKED, BLOCKED, NOBODY, BLOCKED).pause(0.0) == 0
    assert after(BLOCKED, BLOCKED, GOOD, BLOCKED).pause(0.0) == 0
    same = Pace()
    for _ in range(5):
        same.heard(BLOCKED, "anna@elm.example", 0.0)
    assert same.pause(0.0) == 0, "one person who is refused again and again says little"
