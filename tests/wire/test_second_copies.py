"""Each member gets a post once: also when it is written to two lists, or to her as well (behaviours 3, 4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.facts import id_of
from storage import members
from tests.wire.community import Community, community, mail


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    with community(sqlite_template, tmp_path) as made:
        yield made


def wants_no_second_copy(people: Community, person: str = "rose", name: str = "family") -> None:
    membership_id = id_of(people.membership(person, name))
    people.database.write(
        lambda session: members.update_membership(session, membership_id=membership_id, second_copy=False)
    )


@pytest.mark.parametrize(
    "fields", [{"to": "family@oak.example, Rose <Rose@home.example>"}, {"cc": "rose@HOME.example"}]
)
def test_who_is_named_gets_no_second_copy_if_she_chose_so(people: Community, fields: dict[str, str]) -> None:
    everybody = ["anna@home.example", "rose@home.example", "tom@home.example"]
    people.receive(mail(**fields))
    assert sorted(people.copies()) == everybody
    wants_no_second_copy(people)
    people.receive(mail(message_id="<2@home.example>", **fields))
    assert sorted(people.copies()) == sorted([*everybody, "anna@home.example", "tom@home.example"])


def test_another_list_of_hers_is_not_meant(people: Community) -> None:
    wants_no_second_copy(people, name="garden")
    people.receive(mail(cc="rose@home.example"))
    assert "rose@home.example" in people.copies()


def test_who_is_not_named_gets_hers(people: Community) -> None:
    wants_no_second_copy(people)
    people.receive(mail(cc="tom@home.example"))
    assert sorted(people.copies()) == ["anna@home.example", "rose@home.example", "tom@home.example"]


def test_what_is_written_to_two_lists_comes_once(people: Community) -> None:
    raw = mail(to="family@oak.example, news@oak.example")
    assert people.receive(raw, "family@oak.example", "news@oak.example") == (250, "2.0.0")
    assert len(people.posts()) == 2
    assert sorted(people.copies()) == ["anna@home.example", "rose@home.example", "tom@home.example"]
