"""What has been read in the one mailbox, what went out from it, and how much it may still send."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import Session, update

from storage import budget, mailboxes, queue
from storage.database import Database
from storage.models import Delivery, DeliveryState
from storage.models_mailbox import Fate
from storage.queue import Settled
from tests.storage.made import DAY, MINUTE, NOW, a_list, a_post, on_list

BOX = "box@provider.example"
HOUR = timedelta(hours=1)


def test_a_mail_keeps_its_first_fate(database: Database) -> None:
    def write(session: Session) -> None:
        mailboxes.remember_mail(session, b"1", Fate.TAKEN, NOW)
        mailboxes.remember_mail(session, b"1", Fate.LEFT, NOW)
        mailboxes.remember_mail(session, b"2", Fate.LEFT, NOW)

    database.write(write)
    found = database.read(lambda session: mailboxes.fates_of(session, [b"1", b"2", b"3"]))
    assert found == {b"1": Fate.TAKEN, b"2": Fate.LEFT}


def test_mails_are_forgotten_after_their_time(database: Database) -> None:
    database.write(lambda session: mailboxes.remember_mail(session, b"old", Fate.TAKEN, NOW - DAY))
    database.write(lambda session: mailboxes.remember_mail(session, b"new", Fate.TAKEN, NOW))
    assert database.write(lambda session: mailboxes.prune_mails(session, before=NOW)) == 1
    assert database.write(lambda session: mailboxes.prune_mails(session, before=NOW)) == 0
    assert database.read(lambda session: mailboxes.fates_of(session, [b"old", b"new"])) == {b"new": Fate.TAKEN}


def test_a_folder_is_read_on_from_where_it_was_left(database: Database) -> None:
    assert database.read(lambda session: mailboxes.folder_place(session, BOX, "INBOX")) is None
    for last_uid in (7, 9):
        database.write(
            lambda session, last_uid=last_uid: mailboxes.set_folder_place(  # type: ignore[misc]
                session, address=BOX, name="INBOX", uid_validity=2**32 - 1, last_uid=last_uid
            )
        )
    place = database.read(lambda session: mailboxes.folder_place(session, BOX, "INBOX"))
    assert place is not None
    assert (place.uid_validity, place.last_uid) == (2**32 - 1, 9)
    assert database.read(lambda session: mailboxes.folder_place(session, BOX, "Junk")) is None


def test_whether_the_provider_has_plus_is_asked_once_and_learned(database: Database) -> None:
    assert database.write(lambda session: mailboxes.ask_for_plus(session, BOX, NOW))
    assert not database.write(lambda session: mailboxes.ask_for_plus(session, BOX, NOW))
    assert database.read(lambda session: mailboxes.takes_plus(session, BOX)) is None
    database.write(lambda session: mailboxes.learn_plus(session, BOX))
    assert database.read(lambda session: mailboxes.takes_plus(session, BOX)) is True
    assert not database.write(lambda session: mailboxes.ask_for_plus(session, BOX, NOW))


def test_what_is_known_already_is_not_asked(database: Database) -> None:
    database.write(lambda session: mailboxes.learn_plus(session, BOX))
    assert not database.write(lambda session: mailboxes.ask_for_plus(session, BOX, NOW))


def test_posts_are_found_by_their_message_ids_on_any_list(database: Database) -> None:
    def write(session: Session) -> tuple[int, int]:
        family, garden = a_list(session), a_list(session, "garden")
        a_post(session, family, "<1@x>")
        a_post(session, garden, "<2@x>")
        return family, garden

    family, garden = database.write(write)
    found = database.read(lambda session: mailboxes.posts_of(session, ["<2@x>", "<0@x>", "<1@x>"]))
    assert [post.list_id for post in found] == [garden, family]


def test_the_copy_that_a_member_got_is_found(database: Database) -> None:
    def write(session: Session) -> tuple[int, int, int]:
        family = a_list(session)
        rose = on_list(session, family, "rose").member_id
        post = a_post(session, family, "<1@x>")
        return rose, post.id or 0, post.content_id

    rose, post_id, content_id = database.write(write)
    copy = database.read(lambda session: mailboxes.sent_copy(session, post_id=post_id, member_id=rose))
    assert copy == mailboxes.SentCopy(rose, content_id, NOW)
    assert database.read(lambda session: mailboxes.sent_copy(session, post_id=post_id, member_id=rose + 1)) is None


def test_letters_of_ours_are_found_newest_first(database: Database) -> None:
    def write(session: Session) -> None:
        for number, day in ((1, 0), (2, 2), (3, 3)):
            raw = f"Message-ID: <{number}>\r\n\r\n".encode()
            queue.add_notice(session, raw=raw, recipient="rose@x.example", cause=f"c{number}", now=NOW + day * DAY)

    database.write(write)
    found = database.read(lambda session: mailboxes.letters_to(session, {"rose@x.example"}, since=NOW + DAY))
    assert [letter.created_at for letter in found] == [NOW + 3 * DAY, NOW + 2 * DAY]


# The budget


def settle(database: Database, claimed: list[queue.Claimed], now=NOW) -> None:
    results = [Settled(row.id, DeliveryState.SENT, "250 OK") for row in claimed]
    database.write(lambda session: queue.settle(session, results, now))


def claim(database: Database, budget_of_day: int, now=NOW) -> list[queue.Claimed]:
    def take(session: Session) -> list[queue.Claimed]:
        room = budget.allowance(session, now, budget=budget_of_day)
        return queue.claim(session, who="here:1:1", now=now, limit=min(100, room))

    return database.write(take)


def states(database: Database) -> list[tuple[str, DeliveryState]]:
    rows = database.read(queue.queue_rows)
    return [(row.recipient.partition("@")[0], row.state) for row in rows]


def a_full_list(session: Session, name: str, *people: str) -> None:
    list_id = a_list(session, name)
    for person in people:
        on_list(session, list_id, person)
    a_post(session, list_id, f"<{name}@x>")


def test_what_is_over_the_budget_waits_a_day_with_a_note(database: Database) -> None:
    database.write(lambda session: a_full_list(session, "family", "anna", "ben", "cleo", "dan", "eva"))
    settle(database, claim(database, 3), NOW + MINUTE)
    waiting = database.read(queue.queue_rows)
    assert [row.state for row in waiting] == [DeliveryState.DEFERRED] * 2
    assert {row.last_reply for row in waiting} == {"waits until there is room: the mailbox sends at most 3 mails a day"}
    assert {row.due_at for row in waiting} == {NOW + DAY}
    assert {row.attempts for row in waiting} == {0}
    assert claim(database, 3, NOW + 2 * HOUR) == []
    assert database.read(lambda session: budget.sent_in_a_day(session, NOW + 2 * HOUR)) == 3
    later = claim(database, 3, NOW + DAY + 2 * MINUTE)
    assert [row.recipient for row in later] == ["dan@home.example", "eva@home.example"]
    assert database.read(lambda session: budget.sent_in_a_day(session, NOW + DAY + 2 * MINUTE)) == 0


def test_any_24_hours_count_not_the_calendar(database: Database) -> None:
    database.write(lambda session: a_full_list(session, "family", "anna", "ben"))
    settle(database, claim(database, 2), NOW)
    database.write(lambda session: a_post(session, 1, "<2@x>", now=NOW + 20 * HOUR))
    assert claim(database, 2, NOW + 20 * HOUR) == []
    rows = database.read(queue.queue_rows)
    assert {row.due_at for row in rows} == {NOW + DAY}
    assert len(claim(database, 2, NOW + DAY)) == 2


def test_what_is_being_sent_counts(database: Database) -> None:
    database.write(lambda session: a_full_list(session, "family", "anna", "ben", "cleo"))
    assert len(database.write(lambda session: queue.claim(session, who="there:1:1", now=NOW, limit=2))) == 2
    assert len(claim(database, 3)) == 1


def test_every_list_gets_its_share(database: Database) -> None:
    database.write(lambda session: a_full_list(session, "family", "anna", "ben", "cleo", "dan"))
    database.write(lambda session: a_full_list(session, "garden", "eva", "finn"))
    names = sorted(row.recipient.partition("@")[0] for row in claim(database, 4))
    assert names == ["anna", "ben", "eva", "finn"]


def test_letters_of_ours_find_room_behind_posts(database: Database) -> None:
    database.write(lambda session: a_full_list(session, "family", *[f"m{number}" for number in range(30)]))
    assert len(claim(database, 20)) == 18
    database.write(
        lambda session: [
            queue.add_notice(session, raw=b"x: y\r\n\r\n", recipient=f"n{number}@x.example", cause="c", now=NOW)
            for number in range(3)
        ]
    )
    assert [row.recipient for row in claim(database, 20)] == ["n0@x.example", "n1@x.example"]
    assert dict(states(database))["n2"] is DeliveryState.DEFERRED


def test_the_letter_to_the_mailbox_itself_counts_for_nothing(database: Database) -> None:
    database.write(
        lambda session: queue.add_notice(session, raw=b"x: y\r\n\r\n", recipient=BOX, cause="plus:box", now=NOW)
    )
    database.write(lambda session: a_full_list(session, "family", "anna", "ben"))
    settle(database, claim(database, 2), NOW)
    assert database.read(lambda session: budget.sent_in_a_day(session, NOW)) == 1
    assert [row.recipient for row in claim(database, 2)] == ["ben@home.example"]


def test_a_budget_that_suffices_changes_nothing(database: Database) -> None:
    database.write(lambda session: a_full_list(session, "family", "anna", "ben"))
    assert database.write(lambda session: budget.allowance(session, NOW, budget=400)) == 400
    assert {state for _, state in states(database)} == {DeliveryState.DUE}


@pytest.mark.parametrize("state", [DeliveryState.FAILED, DeliveryState.HELD])
def test_what_was_not_sent_costs_nothing(database: Database, state: DeliveryState) -> None:
    database.write(lambda session: a_full_list(session, "family", "anna", "ben"))
    database.write(lambda session: session.exec(update(Delivery).values(state=state, settled_at=NOW)))
    assert database.read(lambda session: budget.sent_in_a_day(session, NOW)) == 0
