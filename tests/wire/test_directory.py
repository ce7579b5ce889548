"""Who is on the list, what is kept, the rules, help: asked by mail, answered to the asker alone (people.md §3.5)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.facts import id_of
from organic_mail import own_data
from storage import directory, list_words, members
from tests.dns_server import DnsServer
from tests.wire.grandma import OK, Letter, PostOffice, post_office

ROSE, ANNA, TOM, SVEN, OLU = (
    "rose@home.example", "anna@home.example", "tom@home.example", "sven@elm.example", "olu@example.org",
)  # fmt: skip
HELP = "family-help@oak.example"


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        yield made


def asks(office: PostOffice, text: str, author: str = ROSE, address: str = HELP, **fields: str) -> Letter:
    assert office.writes(author, text, address, subject="", **fields) == OK
    return office.letters(author)[-1]


def test_who_shows_only_those_who_agreed(office: PostOffice) -> None:
    letter = asks(office, "who")
    assert letter.subject == "Who is in The family"
    assert "You are not in it." in letter.text
    assert "2 more people read along." in letter.text
    assert "Anna" not in letter.text
    assert "Tom" not in letter.text


def test_a_line_is_what_its_member_wrote(office: PostOffice) -> None:
    letter = asks(office, "who")
    assert office.answers(letter, ROSE, "14 Mill Lane, phone 0123 456\r\n\r\nLove, Rose") == OK
    told = office.letters(ROSE)[-1]
    assert told.subject == "You are in the list of members"
    assert "Rose Okafor\nrose.okafor@oak.example\n14 Mill Lane, phone 0123 456\n" in told.text
    seen = asks(office, "who", TOM)
    assert "Rose Okafor\nrose.okafor@oak.example\n14 Mill Lane, phone 0123 456\n" in seen.text
    assert "rose@home.example" not in seen.text, "her own address stays hidden"
    assert "1 more person reads along." in seen.text


@pytest.mark.parametrize("text", ["yes", "Yes, please", "Ja!"])
def test_yes_shows_the_name_alone(office: PostOffice, text: str) -> None:
    office.answers(asks(office, "who"), ROSE, text.split(",")[0])
    assert asks(office, "who", TOM).text.rstrip().endswith("Rose Okafor\nrose.okafor@oak.example")


@pytest.mark.parametrize("text", ["no", "No.", "leave me out", "No, leave me out", "Lass mich weg", "Remove me"])
def test_she_is_taken_out_again(office: PostOffice, text: str) -> None:
    first = asks(office, "who")
    office.answers(first, ROSE, "Call me Rosie")
    assert "Rosie" in asks(office, "who", TOM).text
    assert office.answers(office.letters(ROSE)[-1], ROSE, text) == OK
    assert office.letters(ROSE)[-1].subject == "You are not in the list of members"
    office.later(hours=2)
    assert "Rosie" not in asks(office, "who", TOM).text


def test_thanks_are_no_line(office: PostOffice) -> None:
    letter = asks(office, "who")
    assert office.answers(letter, ROSE, "Thank you!") == OK
    assert office.letters(ROSE)[-1].subject == letter.subject
    assert listing(office) is None


@pytest.mark.parametrize("text", ["weekly", "who"])
def test_a_command_is_no_line(office: PostOffice, text: str) -> None:
    assert office.answers(asks(office, "who"), ROSE, text) == OK
    assert listing(office) is None


def test_only_she_may_write_her_line(office: PostOffice) -> None:
    letter = asks(office, "who")
    assert office.answers(letter, TOM, "Rose is silly") == OK
    assert office.answers(letter, SVEN, "Rose is silly") == OK
    assert office.answers(letter, ROSE, "Rose is silly", proven=False) == OK
    assert listing(office) is None


def listing(office: PostOffice) -> object:
    membership_id = id_of(office.people.membership("rose"))
    return office.people.database.read(lambda session: directory.listing_of(session, membership_id))


@pytest.mark.parametrize("text", ["who", "my data", "forget me"])
def test_a_stranger_learns_how_to_join_and_no_more(office: PostOffice, text: str) -> None:
    letter = asks(office, text, SVEN)
    assert letter.subject == "About The family"
    assert "family-join@oak.example" in letter.text
    for name in ("Anna", "Rose", "Tom"):
        assert name not in letter.text


@pytest.mark.parametrize("text", ["who", "my data", "forget me", "help", "rules"])
def test_who_may_not_be_herself_is_asked_first(office: PostOffice, text: str) -> None:
    assert office.writes(ROSE, text, HELP, subject="", proven=False) == OK
    (letter,) = office.letters()
    assert (letter.to, letter.subject.startswith("Did you write")) == (ROSE, True)
    assert office.people.database.read(own_data_wishes) == 0


def own_data_wishes(session: object) -> int:
    from storage.own_data import open_wishes

    return len(open_wishes(session))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["who", "help", "rules"])
def test_ten_requests_in_a_minute_get_one_answer(office: PostOffice, text: str) -> None:
    for _ in range(10):
        asks(office, text)
    assert len(office.letters(ROSE)) == 1
    for _ in range(3):
        asks(office, text, SVEN)
    assert len(office.letters(SVEN)) == 1


def test_a_stranger_who_proves_nothing_is_not_answered(office: PostOffice) -> None:
    assert office.writes(SVEN, "help", HELP, subject="", proven=False) == OK
    assert office.letters() == []


def test_help_has_the_seven_words(office: PostOffice) -> None:
    letter = asks(office, "help")
    assert letter.subject == "How to use The family"
    for word in ("each", "daily", "weekly", "pause", "photos", "who", "stop"):
        assert f"{word}" in letter.text
    assert "You are in The family, The garden and The news." in letter.text
    assert letter.reply_to == HELP
    assert letter.read["In-Reply-To"] == f"<{office.written}@home.example>"


def test_the_rules_of_every_community(office: PostOffice) -> None:
    letter = asks(office, "rules")
    assert letter.subject == "The rules of The family"
    assert "What you write stays in this list." in letter.text


def test_the_rules_of_this_list(office: PostOffice) -> None:
    family = id_of(office.people.list_named())
    rules = "Be kind.\nNo politics before lunch."
    office.people.database.write(lambda session: list_words.set_words(session, list_id=family, rules=rules))
    assert asks(office, "rules").text.rstrip().endswith(rules)


def test_who_said_yes_to_whom_is_shown_to_all(office: PostOffice) -> None:
    rose, anna = (office.people.membership(name) for name in ("rose", "anna"))
    office.people.database.write(
        lambda session: directory.vouch(
            session, membership_id=id_of(rose), voucher_id=anna.member_id, now=office.people.clock[0]
        )
    )
    assert "Anna Lindqvist said yes to Rose Okafor, Sunday, 22 November 2026." in asks(office, "who", TOM).text


def data_of(office: PostOffice) -> tuple[Letter, zipfile.ZipFile]:
    own_data.send_wished_data(office.people.database, office.people.host, office.people.clock[0])
    letter = office.letters(ROSE, about="All that we keep about you")[-1]
    (enclosed,) = letter.read.iter_attachments()
    assert enclosed.get_filename() == "everything.zip"
    return letter, zipfile.ZipFile(io.BytesIO(enclosed.get_content()))


def test_my_data_is_everything(office: PostOffice) -> None:
    office.writes(ROSE, "The heron is back.", subject="Heron")
    office.answers(asks(office, "who"), ROSE, "14 Mill Lane")
    assert office.writes(ROSE, "my data", HELP, subject="") == OK
    letter, archive = data_of(office)
    assert "Your name: Rose Okafor" in letter.text
    assert "Your addresses: rose@home.example" in letter.text
    assert "There the list of members shows: 14 Mill Lane" in letter.text
    assert "You wrote 1 email." in letter.text
    document = json.loads(archive.read("everything.json"))
    assert document["about"]["addresses"] == [ROSE]
    assert {"member", "address", "membership", "listing", "question", "post", "event"} <= document["kept"].keys()
    (name,) = [each for each in archive.namelist() if each.startswith("posts/")]
    assert b"The heron is back." in archive.read(name)
    assert archive.read(name) == office.people.content(office.people.posts()[0].content_id)


def test_my_data_comes_once_a_day_and_only_to_the_first_address(office: PostOffice) -> None:
    rose = office.member_of(ROSE)
    assert rose is not None
    office.people.database.write(
        lambda session: members.add_address(
            session, member_id=id_of(rose), address=OLU, key=OLU, now=office.people.clock[0]
        )
    )
    for _ in range(3):
        assert office.writes(OLU, "my data", HELP, subject="") == OK
        own_data.send_wished_data(office.people.database, office.people.host, office.people.clock[0])
    assert [letter.to for letter in office.letters(about="All that we keep")] == [ROSE]
    office.later(days=1)
    assert office.writes(OLU, "my data", HELP, subject="") == OK
    own_data.send_wished_data(office.people.database, office.people.host, office.people.clock[0])
    assert [letter.to for letter in office.letters(about="All that we keep")] == [ROSE, ROSE]


def test_what_does_not_fit_is_told(office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        office.writes(ROSE, f"Number {number}", subject="Heron")
    monkeypatch.setattr(own_data, "MOST_BY_MAIL", 0)
    assert office.writes(ROSE, "my data", HELP, subject="") == OK
    letter, archive = data_of(office)
    assert "3 older emails did not fit." in letter.text
    assert archive.namelist() == ["everything.json"]
