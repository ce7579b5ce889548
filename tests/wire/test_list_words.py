"""What a list wants said when somebody comes or goes, and who hears of it (behaviours 72, 76)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.facts import id_of
from storage import list_words
from storage.models import Joining
from tests.dns_server import DnsServer
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.grandma import OK, PostOffice, post_office

__all__ = ["empty_home", "om"]

ROSE, ANNA, SVEN = "rose@home.example", "anna@home.example", "sven@elm.example"


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        made.let(Joining.OPEN)
        yield made


def let(office: PostOffice, **said: str | bool) -> None:
    family = id_of(office.people.list_named())
    office.people.database.write(lambda session: list_words.set_words(session, list_id=family, **said))  # type: ignore[arg-type]


def joins(office: PostOffice) -> None:
    assert office.writes(SVEN, "Hello", "family-join@oak.example") == OK
    assert office.answers(office.letters(SVEN)[-1], SVEN, "yes") == OK


def leaves(office: PostOffice, author: str = ROSE) -> None:
    assert office.writes(author, "stop", "family-leave@oak.example") == OK


def test_the_words_of_the_list_stand_below_ours(office: PostOffice) -> None:
    let(office, welcome="We sing on Mondays.\nBring tea.", goodbye="The door stays open.")
    joins(office)
    welcome = office.letters(SVEN, about="Welcome")[-1]
    assert "You are now in The family." in welcome.text
    assert welcome.text.endswith("We sing on Mondays.\nBring tea.\n")
    leaves(office)
    assert office.letters(ROSE, about="You have left")[-1].text.endswith("The door stays open.\n")


def test_both_can_be_off(office: PostOffice) -> None:
    let(office, welcomes=False, goodbyes=False)
    joins(office)
    assert office.member_of(SVEN) is not None
    assert office.letters(SVEN, about="Welcome") == []
    leaves(office)
    assert office.letters(ROSE) == []
    assert office.writes(ROSE, "Hello") == (550, "5.7.1")


def test_owners_are_told_where_they_want_it(office: PostOffice) -> None:
    joins(office)
    assert office.letters(ANNA) == []
    let(office, tell_owners=True)
    leaves(office, SVEN)
    assert [letter.subject for letter in office.letters(ANNA)] == ["sven has left The family"]
    assert office.answers(office.letters(SVEN, about="You have left")[-1], SVEN, "") == OK
    assert office.letters(ANNA)[-1].subject == "sven is now in The family"
    assert {letter.to for letter in office.letters(about="sven")} == {ANNA}, "owners alone"


def test_an_owner_is_not_told_of_herself(office: PostOffice) -> None:
    let(office, tell_owners=True)
    leaves(office, ANNA)
    assert [letter.subject for letter in office.letters(ANNA)] == ["You have left The family"]


def test_the_operator_says_so(om: Operator, tmp_path: Path) -> None:
    assert om("list", "create", "family").code == 0
    rules = tmp_path / "rules.txt"
    rules.write_text("Be kind.\nNo politics.\n", "utf-8")
    words = ("welcome=We sing on Mondays.", "goodbye=off", f"rules=@{rules}", "tell_owners=yes")
    assert om("list", "set", "family", *words).code == 0
    shown = om("list", "show", "family", "--json").json
    assert {key: shown[key] for key in ("welcome", "goodbye", "rules", "tell_owners")} == {
        "welcome": "We sing on Mondays.", "goodbye": "off", "rules": "Be kind.\nNo politics.", "tell_owners": "yes",
    }  # fmt: skip
    assert om("list", "set", "family", "goodbye=on", "welcome=off", "rules=").code == 0
    shown = om("list", "show", "family", "--json").json
    assert (shown["goodbye"], shown["welcome"], shown["rules"]) == ("on", "off", "")
    assert "cannot be read" in om("list", "set", "family", "rules=@/nowhere/x").error
    assert "write at most 4000" in om("list", "set", "family", f"rules={'x' * 4001}").error
    assert "is not yes or no" in om("list", "set", "family", "tell_owners=maybe").error
