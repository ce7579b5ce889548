"""A member's new address is confirmed from there; history and settings move along (behaviours 74)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.facts import id_of
from handlers.message import parse
from handlers.moving import new_address_in
from storage import members
from storage.models import DeliveryMode
from tests.dns_server import DnsServer
from tests.wire.community import mail
from tests.wire.grandma import OK, Letter, PostOffice, post_office

ROSE, TOM, NEW = "rose@home.example", "tom@home.example", "rosie@work.example"
HELP = "family-help@oak.example"


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        yield made


def asks(office: PostOffice, address: str = NEW, text: str = "My new address is %s") -> list[Letter]:
    assert office.writes(ROSE, text % address, HELP, subject="Hello") == OK
    return office.letters(about="Shall we write to you here?")


def primary(office: PostOffice) -> str:
    rose = office.member_of(ROSE)
    assert rose is not None
    return office.people.database.read(lambda session: members.primary_address(session, id_of(rose)))


def test_it_counts_once_the_new_address_says_yes(office: PostOffice) -> None:
    membership_id = id_of(office.people.membership("rose"))
    office.people.database.write(
        lambda session: members.update_membership(session, membership_id=membership_id, delivery=DeliveryMode.WEEKLY)
    )
    (letter,) = asks(office)
    assert (letter.to, primary(office)) == (NEW, ROSE)
    assert "Rose" not in letter.text
    assert office.answers(letter, NEW, "yes") == OK
    assert primary(office) == NEW
    assert office.people.membership("rose").delivery is DeliveryMode.WEEKLY
    (told,) = office.letters(about="We write to you at another address now")
    assert told.to == ROSE
    for author in (ROSE, NEW):
        assert office.writes(author, "Hello", subject=f"From {author}") == OK
    assert office.subjects() == [f"From {ROSE}", f"From {NEW}"]
    assert {post.author_name for post in office.people.posts()} == {"Rose Okafor"}


@pytest.mark.parametrize(("author", "text"), [(ROSE, "yes"), (TOM, "yes"), (NEW, "no"), (NEW, "what?")])
def test_nothing_else_moves_her(office: PostOffice, author: str, text: str) -> None:
    (letter,) = asks(office)
    assert office.answers(letter, author, text) == OK
    assert primary(office) == ROSE


def test_a_forged_request_asks_herself_first(office: PostOffice) -> None:
    assert office.writes(ROSE, f"My new address is {NEW}", HELP, proven=False) == OK
    assert {letter.to for letter in office.letters()} == {ROSE}


def test_an_address_of_another_member_is_not_written_to(office: PostOffice) -> None:
    assert asks(office, TOM) == []
    assert office.letters(TOM) == []


def test_nobody_is_bombed(office: PostOffice) -> None:
    for _ in range(5):
        asks(office)
    assert len(office.letters(NEW)) == 1
    for number in range(5):
        asks(office, f"stranger{number}@elm.example")
    assert len(office.letters(about="Shall we write to you here?")) <= 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("My new address is rose@new.example.", True),
        ("new email address: <rose@new.example>", True),
        ("Meine neue Adresse lautet rose@new.example\r\n", True),
        ("Ma nouvelle adresse : rose@new.example", True),
        ("Mi nueva dirección es rose@new.example", True),
        ("Min nya adress är rose@new.example", True),
        ("Please write to Tom, his new address is rose@new.example", False),
        ("rose@new.example", False),
        ("My new address is 14 Mill Lane", False),
        ("My new address is a@new.example or b@new.example", False),
    ],
)
def test_what_says_so(text: str, *, found: bool) -> None:
    new = new_address_in(parse(mail(text)))
    assert (new is not None) is found
    assert new is None or new.address == "rose@new.example"
