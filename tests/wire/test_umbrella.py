"""Umbrella lists from end to end: made at the shell, written to, answered and left by mail."""

from __future__ import annotations

import email
import re
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, cast

import pytest

from handlers.facts import id_of
from storage import lists
from storage.members import update_membership
from storage.models import Posting, Status
from storage.umbrella import add_member_list
from tests.dns_server import DnsServer
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import NOW, Community, mail
from tests.wire.daemons import PATIENCE, Daemon, daemon, until
from tests.wire.grandma import OK, PostOffice, post_office

__all__ = ["empty_home", "om"]

STREET = "street@oak.example"
ROSE, ANNA, CLEO, BEN = "rose@home.example", "anna@home.example", "cleo@home.example", "ben@home.example"


@pytest.fixture
def street(om: Operator) -> Operator:
    """Rose is on street; Anna and Cleo on family, Cleo and Ben on choir. Both are on street, and street on choir."""
    for name in ("street", "family", "choir"):
        assert om("list", "create", name, "--title", f"The {name}").code == 0
    for name, addresses in (("street", [ROSE]), ("family", [ANNA, CLEO]), ("choir", [CLEO, BEN])):
        for address in addresses:
            assert om("member", "add", name, address, "--confirmed", "--quiet").code == 0
    added = om("member", "add", "street", "Family <Family@oak.example>", "--confirmed")
    assert added.out == "family@oak.example is on street: who is on it reads street too.\n"
    assert om("member", "add", "street", "choir@oak.example").code == 0
    assert om("member", "add", "choir", STREET).code == 0
    return om


def read(raw: bytes) -> EmailMessage:
    return cast("EmailMessage", email.message_from_bytes(raw, policy=SMTP))  # type: ignore[arg-type]


def copies(served: Daemon, number: int) -> dict[str, EmailMessage]:
    """First name → copy, when so many have come; no name comes twice."""
    found = until(lambda: served.copies() if len(served.copies()) >= number else None)
    assert len(found) == number
    by_name = {recipient.partition("@")[0]: read(raw) for recipient, raw in found}
    assert len(by_name) == number
    return by_name


def test_each_person_gets_one_copy_of_the_outer_list(street: Operator) -> None:
    with daemon(street.home) as served:
        assert served.send(mail("Lunch?\r\n", author=BEN, to=STREET), author=BEN, to=STREET) == 250
        got = copies(served, 4)
        assert got.keys() == {"rose", "anna", "cleo", "ben"}
        for name, leaving in (("rose", "street"), ("anna", "family"), ("cleo", "family"), ("ben", "choir")):
            copy = got[name]
            assert re.search(r"<(\S+)>", str(copy["List-Id"]))[1] == "street.oak.example"  # type: ignore[index]
            assert (str(copy["To"]), str(copy["Reply-To"])) == (f"The street <{STREET}>", f"The street <{STREET}>")
            assert re.fullmatch(rf"<mailto:{leaving}-\w{{10}}@oak\.example>", str(copy["List-Unsubscribe"]))
            text = f"Everyone in The street reads your reply. To stop, write to {leaving}-leave@oak.example."
            assert text in str(copy.get_content())
        assert served.end() == 0


def test_what_is_written_to_both_comes_once(street: Operator) -> None:
    both = [STREET, "family@oak.example"]
    with daemon(street.home) as served:
        with smtplib.SMTP("127.0.0.1", served.port, timeout=PATIENCE) as client:
            client.sendmail(ANNA, both, mail(author=ANNA, to=", ".join(both)))
        assert copies(served, 4).keys() == {"rose", "anna", "cleo", "ben"}
        assert served.end() == 0


def test_who_is_on_it_as_the_shell_shows_it(street: Operator) -> None:
    rows = street("member", "ls", "street", "--json").json
    assert [(row["address"], row["role"], row["status"]) for row in rows] == [
        ("choir@oak.example", "list", "active"),
        ("family@oak.example", "list", "active"),
        (ROSE, "member", "active"),
    ]
    shown = street("list", "show", "street", "--json").json
    assert (shown["members"], shown["lists"]) == (1, ["choir", "family"])
    assert "is on street already" in street("member", "add", "street", "family@oak.example").error
    assert "a member of itself" in street("member", "add", "street", STREET).error
    assert "an address of this server" in street("member", "add", "street", "nobody@oak.example").error
    assert street("member", "remove", "street", "family@oak.example", "--yes").code == 0
    assert "is not on street" in street("member", "remove", "street", "family@oak.example", "--yes").error
    assert street("list", "remove", "choir", "--yes").code == 0
    assert [row["address"] for row in street("member", "ls", "street", "--json").json] == [ROSE]


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    """The list family, where Anna, Rose and Tom are, is on the lists street and bulletin (announce)."""
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        umbrella(made.people)
        yield made


def umbrella(people: Community) -> None:
    def add(session: Any) -> None:
        family = lists.list_named(session, "family")
        assert family is not None
        for name, posting in (("street", Posting.MEMBERS), ("bulletin", Posting.ANNOUNCE)):
            outer = lists.create_list(session, name=name, title=f"The {name}", posting=posting, now=NOW)
            add_member_list(session, outer_id=id_of(outer), inner_id=id_of(family), now=NOW)

    people.database.write(add)


def test_who_reads_the_outer_list_may_answer_it_and_nobody_else(office: PostOffice) -> None:
    assert office.writes(ROSE, "A lost cat.", STREET, subject="Cat") == OK
    assert office.writes(ANNA, "Is it grey?", STREET, subject="Re: Cat", In_Reply_To="<1@home.example>") == OK
    assert office.subjects() == ["Cat", "Re: Cat"]
    assert sorted(office.people.copies()) == sorted([ANNA, ROSE, "tom@home.example"] * 2)
    first, second = office.people.posts()
    assert first.thread_id == second.thread_id
    assert office.writes("greta@home.example", "Me too.", STREET) == (550, "5.7.1")  # invited to family only
    assert office.writes("paul@elm.example", "Buy!", STREET) == (550, "5.7.1")
    assert office.subjects() == ["Cat", "Re: Cat"]


def test_running_the_inner_list_is_no_right_on_the_outer_one(office: PostOffice) -> None:
    assert office.writes(ANNA, "News.", "bulletin@oak.example") == (550, "5.7.1")


@pytest.mark.parametrize("recipient", ["street-leave@oak.example", STREET])
def test_leaving_the_outer_list_is_leaving_the_inner_one(office: PostOffice, recipient: str) -> None:
    assert office.writes(ROSE, "Stop", recipient) == OK
    assert office.people.membership("rose").status is Status.LEFT
    (goodbye,) = office.letters(ROSE)
    assert "family" in goodbye.text
    assert office.writes(ANNA, "Hello.", STREET) == OK
    assert sorted(office.people.copies()) == [ANNA, "tom@home.example"]
    assert office.answers(goodbye, ROSE, "It was a mistake.") == OK
    assert office.people.membership("rose").status is Status.ACTIVE


def test_who_may_not_be_herself_is_asked_about_the_list_that_she_is_on(office: PostOffice) -> None:
    assert office.writes(ROSE, "Stop", "street-leave@oak.example", proven=False) == OK
    (question,) = office.letters(ROSE)
    assert question.subject == "Do you want to leave The family?"
    assert office.answers(question, ROSE, "yes") == OK
    assert office.people.membership("rose").status is Status.LEFT


def test_her_silence_leaves_it_to_the_people_who_run_the_list(office: PostOffice) -> None:
    assert office.writes(ROSE, "Stop", "street-leave@oak.example", proven=False) == OK
    office.later(days=8)
    office.timers()
    (to_operator,) = office.letters("olu@example.org")
    assert office.answers(to_operator, "olu@example.org", "yes") == OK
    assert office.people.membership("rose").status is Status.LEFT


def test_who_is_moderated_on_the_inner_list_is_so_on_the_outer_one(office: PostOffice) -> None:
    rose = office.people.membership("rose")
    office.people.database.write(lambda session: update_membership(session, membership_id=id_of(rose), moderated=True))
    assert office.writes(ROSE, "Hello.", STREET, subject="Hello") == OK
    assert (office.subjects(), office.held()) == ([], ["Hello"])
