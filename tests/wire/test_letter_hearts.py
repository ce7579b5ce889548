"""Hearts are never mailed alone: who wrote the post reads of them in her next letter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from storage.reactions import react
from tests.wire.community import Community, community
from tests.wire.letters import SUNDAY, arrived, due, reads_letters, says, step

ROSE = {"author": "Rose <rose@home.example>"}


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    """Rose has written of her cake, and has had a letter."""
    with community(sqlite_template, tmp_path) as made:
        made.clock[0] = SUNDAY - timedelta(hours=10)
        reads_letters(made, "rose")
        says(made, "It worked!", "Apple cake", 1, **ROSE)
        says(made, "Hello.", "News", 2)
        assert len(due(made)) == 1
        arrived(made)
        made.clock[0] = step(hours=2)
        yield made


def heart(people: Community, person: str, post_id: int = 1, now: datetime = SUNDAY + timedelta(hours=3)) -> None:
    member_id = people.membership(person).member_id
    people.database.write(lambda session: react(session, post_id=post_id, member_id=member_id, emoji="❤️", now=now))


def test_she_reads_who_sent_hearts_since_her_last_letter(people):
    heart(people, "anna")
    heart(people, "tom")
    heart(people, "rose")  # her own
    heart(people, "tom", 2)  # for Anna's
    says(people, "More.", "More", 3)
    (letter,) = due(people, step(days=1))
    assert "Hearts for you:\nApple cake – Anna Lindqvist and Tom Okafor." in letter.text
    assert "Apple cake – Anna Lindqvist and Tom Okafor" in letter.html
    assert "News –" not in letter.text
    people.clock[0] = step(days=1, hours=3)
    says(people, "Even more.", "Even more", 4)
    (letter,) = due(people, step(days=2))
    assert "Hearts for you" not in letter.text


def test_hearts_alone_are_no_letter(people):
    heart(people, "anna")
    assert due(people, step(days=1)) == []


def test_those_of_a_post_that_stands_in_the_letter_are_told_there(people):
    says(people, "Once more.", "Re: Apple cake", 3, in_reply_to="<1@home.example>", **ROSE)
    heart(people, "anna", 3)
    (letter,) = due(people, step(days=1))
    assert "A heart from Anna Lindqvist." in letter.text
    assert "Hearts for you" not in letter.text


def test_others_read_nothing_of_it(people):
    reads_letters(people, "tom")
    says(people, "More.", "More", 3)
    heart(people, "anna")
    letters = {letter.recipient: letter.text for letter in due(people, step(days=1))}
    assert "Hearts for you" in letters["rose@home.example"]
    assert "Hearts for you" not in letters["tom@home.example"]
