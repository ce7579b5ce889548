"""The clock is set while mail is under way: by an hour, a day, ten years, forth and back (spec/mail.md §5.2 R12)."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from handlers.token import read_verp, verp_address
from storage.mending import mend_times
from tests.wire.daemons import PATIENCE
from tests.wire.outbound import DOMAIN, SECRETS, Community, dial_to, new_community, opened
from tests.wire.sink import Sink, Transaction

HOUR, DAY, YEARS = timedelta(hours=1), timedelta(days=1), timedelta(days=3650)
STEPS = (HOUR, -HOUR, DAY, -DAY, YEARS, -YEARS)
PEOPLE = ("anna", "bo", "cleo")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("oak") / "home"
    with new_community(home) as made:
        made.join(*PEOPLE)
    return home


@pytest.fixture
def oak(home: Path, tmp_path: Path) -> Iterator[Community]:
    shutil.copytree(home, tmp_path / "home")
    with opened(tmp_path / "home") as made:
        yield made


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_what_is_being_sent_is_not_sent_again(step: timedelta, oak: Community) -> None:
    claimed_again = Event()
    claims = Counter[str]()

    def checkpoint(name: str) -> None:
        claims[name] += 1
        if claims["claimed"] > 1:
            claimed_again.set()

    def answer(asked: str, transaction: Transaction) -> str | None:
        if asked == "END" and not claimed_again.is_set() and oak.now == began:
            oak.now += step
            oak.post(b"another\r\n")
            claimed_again.wait(PATIENCE)
        return None

    began = oak.now
    oak.post()
    with Sink(answer=answer).listening() as sink:
        oak.deliver(dial_to(sink.port), until=lambda: len(sink.taken) >= 6, checkpoint=checkpoint)
    copies = Counter((taken.recipient, b"another" in taken.content) for taken in sink.taken)
    assert copies == {(f"{name}@example.org", text): 1 for name in PEOPLE for text in (True, False)}


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_what_waits_is_tried_once_at_most_and_never_given_up(step: timedelta, oak: Community) -> None:
    """No storm after a step forth; after a step back nothing waits for long."""
    oak.post()
    with Sink(answer=lambda asked, _: "451 4.3.0 later" if asked == "RCPT" else None).listening() as sink:
        oak.deliver(dial_to(sink.port))
        oak.now += step
        oak.write(mend_times)
        oak.deliver(dial_to(sink.port))
        assert {row.state.value for row in oak.rows()} == {"deferred"}
        assert max(row.attempts for row in oak.rows()) <= 2
        oak.now -= step
        oak.write(mend_times)
        assert all(row.due_at - oak.now < timedelta(hours=26) for row in oak.rows())
    with Sink().listening() as sink:
        for _ in range(3):
            oak.later(hours=9)
            oak.deliver(dial_to(sink.port))
    assert len(sink.taken) == len(PEOPLE)


def test_a_lease_of_a_wrong_clock_ends(oak: Community) -> None:
    """A daemon died, on another machine, whose clock was wrong."""
    from storage import queue

    oak.post()
    oak.now += YEARS
    assert len(oak.write(queue.claim, who="elsewhere:1:1")) == len(PEOPLE)
    oak.now -= YEARS
    assert oak.write(queue.claim, who="here:1:1") == []
    oak.write(mend_times)
    oak.later(minutes=1)
    assert len(oak.write(queue.claim, who="here:1:1")) == len(PEOPLE)


@pytest.mark.parametrize("days", [-1, 0, 1, 20])
def test_return_paths_bear_a_day(days: int, oak: Community) -> None:
    today = oak.now.date()
    local = verp_address(SECRETS, member_id=1, content_id=1, day=today, domain=DOMAIN).partition("@")[0]
    assert read_verp(SECRETS, local, today + timedelta(days=days)) is not None
