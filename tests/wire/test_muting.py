"""A member who wants to hear no more of one conversation: in copies, in letters, and when she is called by name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from handlers.facts import id_of
from handlers.incoming import Verdict
from handlers.token import private_reference
from storage import mutes
from tests.wire.community import DOMAIN, SECRETS, Community, believed, community, mail
from tests.wire.letters import SUNDAY, arrived, conversations, due, reads_letters, says, step

LAKE = "Back from the lake"
ANSWERING = {"subject": f"Re: {LAKE}", "in_reply_to": "<1@home.example>"}


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    with community(sqlite_template, tmp_path) as made:
        made.clock[0] = SUNDAY - timedelta(hours=10)
        says(made, "The heron was there.", LAKE, 1)
        says(made, "A table?", "Reunion", 2)
        yield made


def rose_says(people: Community, text: str, number: int = 50, **more: str) -> None:
    fields = {"author": "Rose <rose@home.example>", "message_id": f"<{number}@rose.example>", **ANSWERING, **more}
    assert people.receive(mail(f"{text}\r\n", **fields), sender="rose@home.example") == (250, "2.0.0")


def copies_of_rose(people: Community) -> int:
    return people.copies().count("rose@home.example")


def muted(people: Community) -> list[str]:
    member_id = people.membership("rose").member_id
    return [thread.subject for thread in people.database.read(lambda session: mutes.muted_threads(session, member_id))]


def test_who_muted_a_conversation_gets_no_more_of_it(people: Community) -> None:
    arrived(people)
    rose_says(people, "mute")
    assert muted(people) == [LAKE]
    before = people.copies()
    says(people, "It is back!", number=3, **ANSWERING)
    assert sorted(set(people.copies()) - set(before)) == ["anna@home.example", "tom@home.example"]
    says(people, "Something else.", "Recipes", 4)
    assert copies_of_rose(people) == 1


def test_it_is_no_post_and_nobody_hears_of_it(people: Community) -> None:
    arrived(people)
    rose_says(people, "Mute this one, please!\r\n\r\nLove, Rose")
    assert muted(people) == [LAKE]
    assert len(people.posts()) == 2
    assert people.copies() == []
    assert people.notices() == []
    assert any(event.kind == "muted" for event in people.log())


def test_copies_that_wait_are_dropped(people: Community) -> None:
    assert copies_of_rose(people) == 2
    rose_says(people, "mute")
    assert copies_of_rose(people) == 1


def test_unmute(people: Community) -> None:
    arrived(people)
    rose_says(people, "mute")
    rose_says(people, "unmute", 51)
    assert muted(people) == []
    says(people, "It is back!", number=3, **ANSWERING)
    assert copies_of_rose(people) == 1


@pytest.mark.parametrize("text", ["Rose, have you seen it?", "Have you seen it, @Rose?"])
def test_a_post_that_calls_her_comes_all_the_same(people: Community, text: str) -> None:
    arrived(people)
    rose_says(people, "mute")
    says(people, text, number=3, **ANSWERING)
    says(people, "Tom, have you?", number=4, **ANSWERING)
    assert copies_of_rose(people) == 1


def test_by_our_own_reference_where_the_program_names_no_post(people: Community) -> None:
    arrived(people)
    lake = conversations(people)[LAKE][0]
    member_id = people.membership("rose").member_id
    ours = private_reference(SECRETS, member_id=member_id, thread_id=lake.thread_id, domain=DOMAIN)
    rose_says(people, "mute", in_reply_to="", references=ours)
    assert muted(people) == [LAKE]


def test_a_sentence_is_a_post(people: Community) -> None:
    rose_says(people, "Mute swans are the large ones, I think.")
    assert muted(people) == []
    assert len(people.posts()) == 3


def test_somebody_in_her_name_mutes_nothing(people: Community, monkeypatch: pytest.MonkeyPatch) -> None:
    believed(monkeypatch, Verdict.UNVERIFIED)
    rose_says(people, "mute")
    assert muted(people) == []
    assert len(people.posts()) == 2


def test_a_muted_conversation_is_in_no_letter(people: Community) -> None:
    reads_letters(people, "rose")
    says(people, "It is back!", number=3, **ANSWERING)
    says(people, "At Olu's.", number=4, subject="Re: Reunion", in_reply_to="<2@home.example>")
    rose_says(people, "mute")
    (letter,) = due(people)
    assert "It is back!" not in letter.text
    assert "At Olu's." in letter.text
    says(people, "Gone again.", number=5, **ANSWERING)
    assert due(people, step(days=1)) == []  # a letter of it alone is none
    says(people, "Rose, where is the key?", number=6, **ANSWERING)
    says(people, "Nobody knows.", number=7, **ANSWERING)
    (letter,) = due(people, step(days=2))
    assert "where is the key" in letter.text
    assert "Nobody knows." not in letter.text


def test_by_number_in_an_answer_to_a_letter(people: Community) -> None:
    reads_letters(people, "rose")
    says(people, "It is back!", number=3, **ANSWERING)
    says(people, "At Olu's.", number=4, subject="Re: Reunion", in_reply_to="<2@home.example>")
    (letter,) = due(people)
    arrived(people)
    people.clock[0] = SUNDAY + timedelta(hours=1)
    rose_says(people, "mute 2", in_reply_to=letter.message_id)
    assert muted(people) == ["Reunion"]
    rose_says(people, "mute", 51, in_reply_to=letter.message_id)  # which one, she does not say
    assert muted(people) == ["Reunion"]
    rose_says(people, "1 mute", 52, in_reply_to=letter.message_id)
    rose_says(people, "unmute 2", 53, in_reply_to=letter.message_id)
    assert muted(people) == [LAKE]
    assert len(people.posts()) == 4


def test_threads_that_become_one_stay_muted_and_in_letters(people: Community) -> None:
    """What ties two conversations comes late; the younger one has stood in a letter and was muted there."""
    reads_letters(people, "tom")
    reads_letters(people, "rose")
    says(people, "Yes.", "Re: Lost", 8, in_reply_to="<9@home.example>", references="<9@home.example>")
    assert len(due(people)) == 2
    rose_says(people, "mute", in_reply_to="<8@home.example>")
    says(people, "The first of all.", "Lost", 9, in_reply_to="<1@home.example>", references="<1@home.example>")
    tied = conversations(people)
    assert max(len(posts) for posts in tied.values()) == 3
    assert len(muted(people)) == 1


def test_the_operator_sees_it(people: Community) -> None:
    rose_says(people, "mute")
    lake = conversations(people)[LAKE][0]
    muters = people.database.read(lambda session: mutes.muted_on_list(session, id_of(people.list_named())))
    assert muters == {people.membership("rose").member_id: frozenset({lake.thread_id})}
