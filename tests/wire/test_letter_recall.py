"""Letters that wait in the queue when something happens: they go out as they should now be, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from handlers.facts import id_of
from handlers.outcome import ChangeDelivery
from organic_mail import letter_wishes
from organic_mail.joining import Answer
from storage import lists, members, queue
from storage.copies import not_wanted
from storage.models import DeliveryMode
from storage.posts import remove_post
from tests.wire.community import Community, community, mail
from tests.wire.letters import SUNDAY, Got, arrived, at_once, due, got, reads_letters, says, step, wished

BECAUSE = Answer("mail:1", "<why@home.example>")


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    with community(sqlite_template, tmp_path) as made:
        made.clock[0] = SUNDAY - timedelta(hours=10)
        reads_letters(made, "rose")
        says(made, "A secret.", "Secret", 1)
        says(made, "The heron was there.", "Back from the lake", 2)
        yield made


def removed(people: Community, post_id: int) -> None:
    assert people.database.write(lambda session: remove_post(session, post_id=post_id, now=SUNDAY))


def waiting(people: Community) -> list[Got]:
    """The letters in the queue that a deliverer would send."""

    def claim(session):
        rows = queue.claim(session, who="test:1:1", now=step(days=400), limit=1000)
        unwanted = not_wanted(session, [row.id for row in rows])
        queue.release(session, [row.id for row in rows])
        return [row for row in rows if row.letter_id is not None and row.id not in unwanted]

    return [got(people, row) for row in people.database.write(claim)]


def pause(people: Community) -> None:
    membership_id = id_of(people.membership("rose"))
    people.database.write(lambda session: letter_wishes.pause(session, people.host, membership_id, BECAUSE, SUNDAY))


def come_back(people: Community, now=SUNDAY) -> None:
    membership_id = id_of(people.membership("rose"))
    people.database.write(lambda session: letter_wishes.go_on(session, people.host, membership_id, BECAUSE, now))


def changes_to(people: Community, delivery: DeliveryMode, now=SUNDAY) -> None:
    wish = ChangeDelivery(id_of(people.membership("rose")), delivery)
    people.database.write(lambda session: letter_wishes.change_delivery(session, people.host, wish, BECAUSE, now))


def test_a_removed_post_is_in_no_letter_that_waits(people):
    (letter,) = due(people)
    assert "A secret." in letter.text
    removed(people, 1)
    assert waiting(people) == []
    (again,) = due(people)
    assert "secret" not in again.text.lower()
    assert "The heron was there." in again.text
    assert "This is your first letter." in again.text  # the one that was taken back does not count
    assert [each.message_id for each in waiting(people)] == [again.message_id]


def test_what_has_been_sent_stays(people):
    due(people)
    arrived(people)
    removed(people, 1)
    assert due(people) == []


def test_a_letter_without_the_post_stays(people):
    (first,) = due(people)
    says(people, "Later.", "Later", 3)
    removed(people, 3)
    assert [each.message_id for each in waiting(people)] == [first.message_id]


def test_the_line_of_what_came_before_goes_too(people):
    due(people)
    arrived(people)
    says(people, "Really?", "Re: Secret", 3, in_reply_to="<1@home.example>")
    (letter,) = due(people, step(days=1))
    assert "A secret." in letter.text
    removed(people, 1)
    (again,) = due(people, step(days=1))
    assert "A secret." not in again.text


def test_a_letter_with_nothing_left_is_none(people):
    due(people)
    removed(people, 1)
    removed(people, 2)
    assert waiting(people) == []
    assert due(people) == []


def test_one_that_was_asked_for_is_written_again(people):
    pause(people)
    come_back(people)
    (missed,) = wished(people)
    removed(people, 1)
    (again,) = wished(people)
    assert again.read["Subject"].startswith("What you missed")
    assert "secret" not in again.text.lower()
    assert [each.message_id for each in waiting(people)] == [again.message_id] != [missed.message_id]


def test_the_rest_of_a_letter_is_written_again(people):
    for number in range(10, 30):
        says(people, f"Text {number}.", f"Subject {number}", number)
    (letter,) = due(people)
    arrived(people)
    people.clock[0] = step(hours=1)
    more = mail("more\r\n", author="rose@home.example", message_id="<m@x.example>", in_reply_to=letter.message_id)
    assert people.receive(more, sender="rose@home.example") == (250, "2.0.0")
    (rest,) = wished(people)
    assert "Text 29." in rest.text
    removed(people, next(post.id for post in people.posts() if post.subject == "Subject 29"))
    (again,) = wished(people)
    assert "Text 29." not in again.text
    assert "Text 28." in again.text


def test_who_pauses_gets_none_and_misses_nothing(people):
    due(people)
    pause(people)
    assert waiting(people) == []
    assert due(people) == []
    come_back(people, step(hours=3))
    (missed,) = wished(people)
    assert "A secret." in missed.text


def test_who_leaves_gets_none(people):
    due(people)
    people.database.write(lambda session: members.leave(session, membership_id=people.membership("rose").id))
    assert waiting(people) == []


def test_who_wants_no_mail_gets_none(people):
    due(people)
    membership_id = id_of(people.membership("rose"))
    people.database.write(
        lambda session: members.update_membership(session, membership_id=membership_id, delivery=DeliveryMode.NONE)
    )
    assert waiting(people) == []


def test_a_list_that_is_removed_sends_none(people):
    due(people)
    people.database.write(lambda session: lists.remove_list(session, list_id=people.list_named().id, now=SUNDAY))
    assert waiting(people) == []


def test_the_last_letter_reaches_who_wants_each_post_from_now_on(people):
    changes_to(people, DeliveryMode.EACH)
    people.clock[0] = step(hours=0.5)
    says(people, "A copy of its own.", "New", 3)
    assert people.copies().count("rose@home.example") == 1
    (last,) = wished(people, step(hours=1))
    assert "A secret." in last.text
    assert "The heron was there." in last.text
    assert "A copy of its own." not in last.text
    assert due(people) == []


def test_who_had_it_all_gets_no_last_letter(people):
    due(people)
    arrived(people)
    changes_to(people, DeliveryMode.EACH)
    assert wished(people) == []


def test_from_daily_to_weekly_nothing_is_lost(people):
    changes_to(people, DeliveryMode.WEEKLY)
    assert wished(people) == []
    (letter,) = due(people)  # it is Sunday
    assert "A secret." in letter.text


def test_sent_at_once_and_taken_back(people):
    at_once(people, step(hours=-3))
    removed(people, 1)
    (again,) = wished(people)
    assert "The heron was there." in again.text
    assert "secret" not in again.text.lower()
