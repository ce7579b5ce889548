"""Who is banned can neither write nor join, and cannot find out more than that (behaviours 52 and 73)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from organic_mail import joining
from storage.bans import add_ban, remove_ban
from storage.models import Joining, Status
from tests.dns_server import DnsServer
from tests.wire.grandma import OK, PostOffice, post_office

ROSE, ANNA, SVEN, GRETA = "rose@home.example", "anna@home.example", "sven@elm.example", "greta@home.example"
JOIN = "family-join@oak.example"
REFUSED = (550, "5.7.1")


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        made.let(Joining.OPEN)
        yield made


def ban(office: PostOffice, pattern: str, name: str = "") -> None:
    list_id = office.people.list_named(name).id if name else None
    now = office.people.clock[0]
    office.people.database.write(lambda session: add_ban(session, pattern=pattern, list_id=list_id, now=now))


@pytest.mark.parametrize("pattern", [ROSE, "*@home.example", "rose*@*"])
def test_a_banned_member_writes_on_no_list(office: PostOffice, pattern: str) -> None:
    ban(office, pattern)
    assert office.writes("Rose@Home.example", "Hello") == REFUSED
    assert office.writes(ROSE, "Hello", "garden@oak.example") == REFUSED
    assert office.subjects() == office.held() == []
    assert office.letters() == []


def test_of_one_list_on_no_other(office: PostOffice) -> None:
    ban(office, ROSE, "garden")
    assert office.writes(ROSE, "Hello", "garden@oak.example") == REFUSED
    assert office.writes(ROSE, "Hello") == OK
    assert len(office.subjects()) == 1


def test_until_it_is_taken_back(office: PostOffice) -> None:
    ban(office, ROSE)
    assert office.writes(ROSE, "Hello") == REFUSED
    office.people.database.write(lambda session: remove_ban(session, pattern=ROSE, list_id=None))
    assert office.writes(ROSE, "Hello") == OK


def test_nor_privately(office: PostOffice) -> None:
    ban(office, ROSE)
    assert office.writes(ROSE, "Hello", "anna.lindqvist@oak.example") == REFUSED


def test_but_she_may_leave_and_ask_the_owner(office: PostOffice) -> None:
    ban(office, ROSE)
    assert office.writes(ROSE, "Why?", "family-owner@oak.example") == OK
    assert [letter.to for letter in office.letters()] == [ANNA]
    assert office.writes(ROSE, "Goodbye", "family-leave@oak.example") == OK
    assert office.people.membership("rose").status is Status.LEFT


@pytest.mark.parametrize("address", [JOIN, "family@oak.example"])
def test_asking_to_join_is_answered_by_silence(office: PostOffice, address: str) -> None:
    ban(office, "*@elm.example", "family")
    assert office.writes(SVEN, "join", address, subject="join") == OK
    assert office.letters() == []
    assert office.held() == []
    assert office.people.log()[-1].text == "sven@elm.example asks to join, and is banned."
    assert office.writes(SVEN, "join", "garden-join@oak.example", subject="join") == OK
    assert len(office.people.held()) + len(office.letters(SVEN)) == 1


def test_a_yes_comes_too_late(office: PostOffice) -> None:
    assert office.writes(SVEN, "Hello", JOIN) == OK
    (question,) = office.letters(SVEN)
    ban(office, SVEN)
    assert office.answers(question, SVEN, "yes") == OK
    assert office.member_of(SVEN) is None
    assert len(office.letters()) == 1


def test_an_invitation_too(office: PostOffice) -> None:
    people = office.people
    newcomer = joining.Newcomer(joining.Mailbox("Greta", GRETA))
    people.database.write(
        lambda session: joining.invite(
            session,
            people.host,
            mailing_list=people.list_named("news"),
            newcomer=newcomer,
            inviter="Anna",
            now=people.clock[0],
        )
    )
    (invitation,) = office.letters(GRETA)
    ban(office, GRETA)
    assert office.answers(invitation, GRETA, "yes") == OK
    assert people.membership("greta", "news").status is Status.INVITED
    assert len(office.letters(GRETA)) == 1


def test_who_has_left_cannot_come_back(office: PostOffice) -> None:
    assert office.writes(ROSE, "Goodbye", "family-leave@oak.example") == OK
    (goodbye,) = office.letters(ROSE)
    ban(office, ROSE)
    assert office.answers(goodbye, ROSE, "It was a mistake") == OK
    assert office.people.membership("rose").status is Status.LEFT


def test_nobody_is_asked_when_it_came_to_others_too(office: PostOffice) -> None:
    ban(office, ROSE, "garden")
    both = ("family@oak.example", "garden@oak.example")
    assert office.writes(ROSE, "Hello", *both) == OK
    assert len(office.subjects()) == 1
    assert office.held() == []
    assert office.letters() == []
