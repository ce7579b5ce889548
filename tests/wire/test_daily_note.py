"""What was not shared is told once a day, to who looks after it, and only when there is something (people.md §3.4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handlers.facts import id_of
from organic_mail.daily_note import write_daily_notes
from storage import members
from storage.events import record
from storage.models import Role
from tests.wire.community import Community, community, mail
from tests.wire.grandma import Letter

ANNA, OLU = "anna@home.example", "olu@example.org"
MORNING = datetime(2026, 11, 23, 6, 5, tzinfo=UTC)  # five past seven in Stockholm


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    changes = {"community": {"timezone": "Europe/Stockholm"}}
    with community(sqlite_template, tmp_path, changes) as made:
        write_daily_notes(made.database, made.host, MORNING - timedelta(days=1))  # the first day has none
        yield made


def notes(people: Community, now: datetime = MORNING) -> list[Letter]:
    from email import message_from_bytes, policy

    before = len(people.notices())
    write_daily_notes(people.database, people.host, now)
    return [
        Letter(recipient, message_from_bytes(raw, policy=policy.SMTP))  # type: ignore[arg-type]
        for recipient, raw in people.notices()[before:]
    ]


def logs(people: Community, kind: str, text: str, name: str = "") -> None:
    list_id = id_of(people.list_named(name)) if name else None
    people.database.write(lambda session: record(session, kind, text, now=people.clock[0], list_id=list_id))


def test_owners_hear_what_was_not_shared_on_their_list(people: Community) -> None:
    assert people.receive(mail(author="Sven <sven@elm.example>"))[0] == 550
    assert people.receive(mail(author="Rose <rose@home.example>"), "garden@oak.example")[0] == 250
    to_anna = {letter.subject: letter.text for letter in notes(people)}
    assert to_anna.keys() == {
        "1 email of The family was not shared", "1 email of The garden was not shared",
    }  # fmt: skip
    assert (
        "Refused, and its author knows:\nAn email from Sven <sven@elm.example> to family"
        in to_anna["1 email of The family was not shared"]
    )
    assert "Waits for somebody to decide:" in to_anna["1 email of The garden was not shared"]


def test_nothing_to_tell_is_no_note(people: Community) -> None:
    assert people.receive(mail())[0] == 250
    assert notes(people) == []


def test_the_operator_hears_what_nobody_else_does(people: Community) -> None:
    logs(people, "shunted", "An email could not be read.")
    (letter,) = notes(people)
    assert (letter.to, letter.reply_to) == (OLU, "postmaster@oak.example")
    assert "We failed at this and kept it:\nAn email could not be read." in letter.text


def test_a_list_without_owners_is_the_operators(people: Community) -> None:
    anna = people.membership("anna")
    people.database.write(
        lambda session: members.update_membership(session, membership_id=id_of(anna), role=Role.MODERATOR)
    )
    logs(people, "refused", "An email was refused.", "family")
    assert [letter.to for letter in notes(people)] == [OLU]


@pytest.mark.parametrize("kind", ["held", "shunted", "refused", "bounced", "failed", "paused", "shortened", "dropped"])
def test_every_kind_is_told(people: Community, kind: str) -> None:
    logs(people, kind, "Something happened.", "family")
    (letter,) = notes(people)
    assert letter.to == ANNA
    assert "Something happened." in letter.text


@pytest.mark.parametrize("kind", ["posted", "sent", "joined", "left", "changed"])
def test_what_went_well_is_not(people: Community, kind: str) -> None:
    logs(people, kind, "Something happened.", "family")
    assert notes(people) == []


def test_not_before_the_morning_where_the_community_is(people: Community) -> None:
    logs(people, "refused", "An email was refused.", "family")
    assert notes(people, MORNING - timedelta(minutes=10)) == []
    assert len(notes(people)) == 1


def test_who_has_just_begun_reads_of_it_the_next_morning(sqlite_template: Path, tmp_path: Path) -> None:
    with community(sqlite_template, tmp_path, {}) as people:
        people.clock[0] = MORNING
        logs(people, "refused", "On the first day.", "family")
        assert notes(people, MORNING + timedelta(hours=3)) == []
        (letter,) = notes(people, MORNING + timedelta(days=1, hours=3))
        assert "On the first day." in letter.text


def test_once_a_day_whatever_the_clock_does(people: Community) -> None:
    logs(people, "refused", "The first.", "family")
    assert len(notes(people)) == 1
    logs(people, "refused", "The second.", "family")
    for moment in (timedelta(0), timedelta(hours=3), timedelta(minutes=-4), timedelta(hours=16)):
        assert notes(people, MORNING + moment) == []
    (letter,) = notes(people, MORNING + timedelta(days=1))
    assert "The second." in letter.text
    assert "The first." not in letter.text
    logs(people, "refused", "The third.", "family")
    assert notes(people, MORNING) == [], "the clock was set back"
    assert notes(people, MORNING + timedelta(days=1)) == []
    (letter,) = notes(people, MORNING + timedelta(days=2))
    assert "The third." in letter.text
    assert "The second." not in letter.text


def test_what_comes_after_a_quiet_morning_waits_for_the_next(people: Community) -> None:
    assert notes(people) == []
    logs(people, "refused", "Later.", "family")
    assert notes(people, MORNING + timedelta(hours=5)) == []
    assert len(notes(people, MORNING + timedelta(days=1))) == 1


def test_much_is_cut_short(people: Community) -> None:
    for number in range(50):
        logs(people, "refused", f"Number {number}.", "family")
    (letter,) = notes(people)
    assert letter.subject == "50 emails of The family were not shared"
    assert "Number 19." in letter.text
    assert "Number 20." not in letter.text
    assert "and 30 more" in letter.text


def test_two_daemons_write_one(people: Community) -> None:
    from concurrent.futures import ThreadPoolExecutor

    logs(people, "refused", "An email was refused.", "family")

    def write(_: Any) -> None:
        write_daily_notes(people.database, people.host, MORNING)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(8)))
    assert len([recipient for recipient, _ in people.notices() if recipient == ANNA]) == 1
