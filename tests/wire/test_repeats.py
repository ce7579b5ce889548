"""After a restore: what members may have had before comes in one letter to each, when the other servers are done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handlers.facts import id_of
from handlers.outcome import ChangeDelivery
from handlers.written import written_text_of
from organic_mail import letter_wishes
from organic_mail.joining import Answer
from organic_mail.repeats import CALM, LATEST, write_repeats
from organic_mail.timers import forget_old_letters, forget_sent_deliveries
from storage import lists, members, mutes, queue, repeats
from storage.members import update_member
from storage.models import DeliveryMode
from storage.posts import remove_post
from storage.umbrella import add_member_list
from tests.wire.community import NOW, Community, community, mail
from tests.wire.letters import Got, arrived, at_once, conversations, got, reads_letters, says, wished

BECAUSE = Answer("mail:1", "<why@home.example>")
HEAD = "These messages came while our server was away. You may have some of them already."


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    with community(sqlite_template, tmp_path) as made:
        yield made


def repeats_say(people: Community, subject: str, number: int, after: timedelta = timedelta(), **more: str) -> None:
    """A post of the time before the restore comes, so long after it. Whoever gets each post gets none of it now."""
    people.clock[0] = NOW + after
    says(people, f"About {subject.lower()}.", subject, number, **more)
    post_id = max(post.id or 0 for post in people.posts())
    people.database.write(lambda session: repeats.gather(session, post_id, people.clock[0]))


def letters(people: Community, after: timedelta = CALM) -> dict[str, Got]:
    """Recipient → letter, of those that are written so long after the restore. Nobody gets two."""
    before = {row.id for row in _waiting(people)}
    people.clock[0] = NOW + after
    count = write_repeats(people.database, people.host, people.clock[0])
    found = [got(people, row) for row in _waiting(people) if row.id not in before]
    by_name = {each.recipient.partition("@")[0]: each for each in found}
    assert len(by_name) == len(found) == count
    return by_name


def _waiting(people: Community) -> list[Any]:
    def claim(session: Any) -> list[Any]:
        rows = queue.claim(session, who="test:1:1", now=NOW + timedelta(days=400))
        queue.release(session, [row.id for row in rows])
        return [row for row in rows if row.letter_id is not None]

    return people.database.write(claim)


def act(people: Community, what: Any, person: str = "rose") -> None:
    membership_id = id_of(people.membership(person))
    people.database.write(lambda session: what(session, membership_id))


def test_each_gets_one_letter_that_says_why(people: Community) -> None:
    repeats_say(people, "Apples", 1)
    repeats_say(people, "Pears", 2, timedelta(minutes=10))
    repeats_say(people, "Re: Apples", 3, timedelta(minutes=20), in_reply_to="<1@home.example>")
    assert people.copies() == []
    found = letters(people, timedelta(minutes=51))
    assert sorted(found) == ["anna", "rose", "tom"]
    letter = found["rose"]
    assert HEAD in letter.text
    assert HEAD in letter.html
    assert letter.read["Subject"] == "While we were away, 22 November: Apples and Pears"
    assert [letter.text.count(f"About {what}.") for what in ("apples", "pears", "re: apples")] == [1, 1, 1]
    assert "For fewer letters" not in letter.text, "she gets each post"
    assert letters(people, timedelta(days=2)) == {}


@pytest.mark.parametrize(("seconds", "count"), [(-1, 0), (0, 3)])
def test_it_waits_until_the_others_are_done(people: Community, seconds: int, count: int) -> None:
    repeats_say(people, "Apples", 1)
    repeats_say(people, "Pears", 2, timedelta(minutes=29))
    assert len(letters(people, timedelta(minutes=29) + CALM + timedelta(seconds=seconds))) == count


def test_it_waits_six_hours_at_most(people: Community) -> None:
    for number in range(15):
        repeats_say(people, f"Number {number}", number + 1, timedelta(minutes=25 * number))
    assert letters(people, LATEST - timedelta(seconds=1)) == {}
    assert "About number 14." in letters(people, LATEST)["rose"].text


def test_what_comes_later_has_a_letter_of_its_own(people: Community) -> None:
    repeats_say(people, "Apples", 1)
    assert len(letters(people)) == 3
    repeats_say(people, "Pears", 2, timedelta(hours=20))
    later = letters(people, timedelta(hours=20) + CALM)
    assert "About pears." in later["tom"].text
    assert "About apples." not in later["tom"].text


def test_it_is_in_the_readers_language_and_shared_by_who_reads_the_same(people: Community) -> None:
    act(people, lambda session, _: update_member(session, member_id=people.membership("rose").member_id, language="de"))
    repeats_say(people, "Apples", 1)
    found = letters(people)
    assert "Manche davon hast du vielleicht schon." in found["rose"].text
    editions = {row.content_id for row in _waiting(people)}
    assert len(editions) == 2


def test_who_gets_letters_finds_it_there(people: Community) -> None:
    reads_letters(people, "rose", DeliveryMode.DAILY)
    repeats_say(people, "Apples", 1)
    assert sorted(letters(people)) == ["anna", "tom"]
    (letter,) = at_once(people, NOW + timedelta(days=1))
    assert (letter.recipient, HEAD in letter.text) == ("rose@home.example", False)
    assert "About apples." in letter.text


def test_who_changes_to_letters_meanwhile_misses_nothing(people: Community) -> None:
    repeats_say(people, "Apples", 1)
    reads_letters(people, "rose", DeliveryMode.DAILY)
    assert "About apples." in letters(people)["rose"].text


def test_who_changes_to_letters_later_begins_with_her_first_one(people: Community) -> None:
    repeats_say(people, "Apples", 1)
    assert "rose" in letters(people)
    arrived(people)
    act(
        people,
        lambda session, membership_id: letter_wishes.change_delivery(
            session, people.host, ChangeDelivery(membership_id, DeliveryMode.DAILY), BECAUSE, NOW
        ),
    )
    says(people, "Ripe!", "Plums", 5)
    (letter,) = at_once(people, NOW + timedelta(days=1))
    assert "This is your first letter." in letter.text
    assert "About apples." not in letter.text


def test_who_left_gets_none_and_none_when_she_comes_back(people: Community) -> None:
    repeats_say(people, "Apples", 1)
    act(people, lambda session, membership_id: members.leave(session, membership_id=membership_id))
    assert sorted(letters(people)) == ["anna", "tom"]
    act(people, lambda session, membership_id: members.come_back(session, membership_id=membership_id, now=NOW))
    assert letters(people, timedelta(days=3)) == {}


def test_who_wants_no_mail_gets_none(people: Community) -> None:
    repeats_say(people, "Apples", 1)
    none = DeliveryMode.NONE
    act(people, lambda session, number: members.update_membership(session, membership_id=number, delivery=none))
    assert sorted(letters(people)) == ["anna", "tom"]


def test_who_pauses_gets_it_afterwards(people: Community) -> None:
    """Also when it was in the queue already; and nothing of what she had had before."""
    says(people, "Long ago.", "History", 9)
    arrived(people)
    repeats_say(people, "Apples", 1)
    assert "rose" in letters(people)
    act(people, lambda session, number: letter_wishes.pause(session, people.host, number, BECAUSE, NOW))
    assert "rose@home.example" not in {row.recipient for row in _waiting(people)}
    assert letters(people, timedelta(days=1)) == {}
    act(people, lambda session, number: letter_wishes.go_on(session, people.host, number, BECAUSE, NOW))
    (letter,) = letters(people, timedelta(days=2)).values()
    assert (letter.recipient, "About apples." in letter.text) == ("rose@home.example", True)
    assert "Long ago." not in letter.text
    assert wished(people, NOW + timedelta(days=2)) == []


def test_who_muted_it_meanwhile_reads_the_rest(people: Community) -> None:
    repeats_say(people, "Apples", 1)
    repeats_say(people, "Pears", 2)
    repeats_say(people, "Plums", 3)
    threads = {post.subject: post.thread_id for post in people.posts()}

    def mute(session: Any, *subjects: str, person: str) -> None:
        member_id = people.membership(person).member_id
        for subject in subjects:
            mutes.mute(session, member_id=member_id, thread_id=threads[subject], now=NOW)

    people.database.write(lambda session: mute(session, "Apples", person="rose"))
    people.database.write(lambda session: mute(session, "Apples", "Pears", "Plums", person="tom"))
    found = letters(people)
    assert sorted(found) == ["anna", "rose"]
    assert "About apples." not in found["rose"].text
    assert "About plums." in found["rose"].text
    assert letters(people, timedelta(days=1)) == {}


def test_what_is_taken_back_is_in_no_letter(people: Community) -> None:
    """Neither before it is written nor while it waits in the queue."""
    repeats_say(people, "Apples", 1)
    repeats_say(people, "Pears", 2)
    repeats_say(people, "Plums", 3)
    people.database.write(lambda session: remove_post(session, post_id=1, now=NOW))
    assert "apples" not in letters(people)["tom"].text
    people.database.write(lambda session: remove_post(session, post_id=2, now=NOW))
    assert _waiting(people) == []
    again = letters(people, timedelta(hours=1))
    assert sorted(again) == ["anna", "rose", "tom"]
    assert "About plums." in again["tom"].text
    assert "pears" not in again["tom"].text
    people.database.write(lambda session: remove_post(session, post_id=3, now=NOW))
    assert letters(people, timedelta(hours=2)) == {}


def test_an_answer_lands_in_its_conversation(people: Community) -> None:
    repeats_say(people, "Apples", 1)
    repeats_say(people, "Pears", 2)
    letter = letters(people)["rose"]
    arrived(people)
    answer = mail(
        "2 I have some.\r\n",
        author="rose@home.example",
        subject=f"Re: {letter.read['Subject']}",
        message_id="<a@x.example>",
        in_reply_to=letter.message_id,
    )
    assert people.receive(answer, sender="rose@home.example") == (250, "2.0.0")
    last = conversations(people)["Pears"][-1]
    assert (last.author_name, written_text_of(people.content(last.content_id))) == ("Rose Okafor", "I have some.")


def test_who_reads_through_another_list_can_leave_that_one(people: Community) -> None:
    family = id_of(people.list_named())

    def put(session: Any) -> None:
        street = lists.create_list(session, name="street", title="The street", now=NOW)
        add_member_list(session, outer_id=id_of(street), inner_id=family, now=NOW)

    people.database.write(put)
    people.clock[0] = NOW
    post = mail("Ripe!\r\n", to="street@oak.example", subject="Apples", message_id="<1@home.example>")
    assert people.receive(post, "street@oak.example") == (250, "2.0.0")
    people.database.write(lambda session: repeats.gather(session, 1, NOW))
    assert sorted(letters(people)) == ["anna", "rose", "tom"]
    (row,) = [row for row in _waiting(people) if row.recipient == "rose@home.example"]
    assert row.through == "family"


def test_what_is_too_much_for_one_letter_is_not_lost(people: Community, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("organic_mail.repeats.MOST_NEWS", 2)
    for number, subject in enumerate(("Apples", "Pears", "Plums"), 1):
        repeats_say(people, subject, number)
    first, second = letters(people)["rose"], letters(people, timedelta(hours=1))["rose"]
    assert [subject in first.text for subject in ("Apples", "Pears", "Plums")] == [True, True, False]
    assert [subject in second.text for subject in ("Apples", "Pears", "Plums")] == [False, False, True]
    assert letters(people, timedelta(hours=2)) == {}


def test_two_daemons_write_one_letter(people: Community) -> None:
    """What another one has brought meanwhile is not brought again."""
    repeats_say(people, "Apples", 1)
    look = {id_of(people.membership(name)): [1] for name in ("anna", "rose", "tom")}
    list_id = id_of(people.list_named())
    assert people.database.read(lambda session: repeats.still_waiting(session, look, list_id)) == set(look)
    assert len(letters(people)) == 3
    assert people.database.read(lambda session: repeats.still_waiting(session, look, list_id)) == set()


def test_it_is_forgotten_with_its_letter(people: Community) -> None:
    repeats_say(people, "Apples", 1)
    assert len(letters(people)) == 3
    arrived(people)
    much_later: datetime = NOW + timedelta(days=100)
    forget_sent_deliveries(people.database, much_later)
    forget_old_letters(people.database, much_later)
    assert people.database.read(lambda session: repeats.waiting(session, list_id=1, after=0, limit=9)) == {}
    assert letters(people, timedelta(days=101)) == {}
