"""Mail of ours in the reader's language: what an operator sets, what a list speaks, what a mail program tells."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from storage import members, queue
from storage.contents import read_content
from storage.models import Joining
from tests.dns_server import DnsServer
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.grandma import OK, Letter, PostOffice, post_office

__all__ = ["empty_home", "om"]

GRETA = "greta@home.example"
WHOLE = {
    "en": ("invites you to", "yes", "Welcome, Greta!"),
    "de": ("lädt dich zu", "ja", "Willkommen, Greta!"),
    "es": ("te invita a", "sí", "¡Hola, Greta!"),
    "fr": ("t'invite dans", "oui", "Bienvenue, Greta"),
    "sv": ("bjuder in dig till", "ja", "Välkommen, Greta!"),
}
QUOTES = {
    "de": "Am So., 22. Nov. 2026 um 08:14 Uhr schrieb The family <family@oak.example>:",
    "fr": "Le dim. 22 nov. 2026 à 08:14, The family <family@oak.example> a écrit :",
    "es": "El dom, 22 nov 2026 a las 8:14, The family (<family@oak.example>) escribió:",
    "sv": "Den sön 22 nov. 2026 kl 08:14 skrev The family <family@oak.example>:",
}


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        yield made


def mails(om: Operator) -> list[EmailMessage]:
    """What waits to be sent, oldest first."""

    def look(session: Any) -> list[bytes]:
        return [read_content(session, row.content_id) for row in queue.queue_rows(session)]

    with om.opened() as opened:
        return [message_from_bytes(raw, EmailMessage, policy=policy.SMTP) for raw in opened.database.read(look)]


@pytest.mark.parametrize("language", WHOLE)
def test_an_invitation_speaks_the_language_that_was_set(om: Operator, language: str) -> None:
    invites, word, _ = WHOLE[language]
    assert om("list", "create", "family", "--title", "The family").code == 0
    assert om("member", "add", "family", f"Greta <{GRETA}>", "--language", language).code == 0
    (letter,) = mails(om)
    assert invites in letter["Subject"]
    assert letter["Content-Language"] == language
    body = letter.get_body(("plain",))
    assert body is not None
    assert word in body.get_content().splitlines()


def test_who_is_invited_to_a_list_is_written_to_as_the_list_is(om: Operator) -> None:
    assert om("list", "create", "familie").code == 0
    for name, language in (("Anna", "de"), ("Rose", "de"), ("Tom", "sv")):
        words = (f"{name} <{name.lower()}@example.org>", "--confirmed", "--quiet", "--language", language)
        assert om("member", "add", "familie", *words).code == 0
    assert om("member", "add", "familie", f"Greta <{GRETA}>").code == 0
    assert om("member", "show", GRETA, "--json").json["language"] == "de"
    assert [letter["Content-Language"] for letter in mails(om)] == ["de"]


def invited(office: PostOffice, language: str = "") -> Letter:
    from handlers.address import Mailbox
    from organic_mail import joining

    people = office.people
    newcomer = joining.Newcomer(Mailbox("Greta", "g@home.example"), language=language or None)
    people.database.write(
        lambda session: joining.invite(
            session, people.host, mailing_list=people.list_named(), newcomer=newcomer, inviter="Anna",
            now=people.clock[0],
        )
    )  # fmt: skip
    return office.letters("g@home.example")[-1]


@pytest.mark.parametrize("language", QUOTES)
def test_her_mail_program_tells_her_language(office: PostOffice, language: str) -> None:
    """The line above what her program quotes, when she says yes."""
    letter = invited(office)
    assert office.answers(letter, "g@home.example", f"{WHOLE[language][1]}\r\n\r\n{QUOTES[language]}\r\n> Dear") == OK
    welcome = office.letters("g@home.example")[-1]
    assert welcome.subject.startswith(WHOLE[language][2])
    member = office.member_of("g@home.example")
    assert member is not None
    assert member.language == language


@pytest.mark.parametrize("vouched", [False, True])
def test_who_asks_to_join_is_known_by_her_program_too(office: PostOffice, vouched: bool) -> None:
    office.let(Joining.VOUCHED if vouched else Joining.OPEN)
    assert office.writes("g@home.example", "Join", "family-join@oak.example") == OK
    letter = office.letters("g@home.example")[-1]
    assert office.answers(letter, "g@home.example", f"ja\r\n\r\n{QUOTES['de']}\r\n> Hello") == OK
    if vouched:
        assert office.answers(office.letters("anna@home.example")[-1], "anna@home.example", "yes") == OK
    member = office.member_of("g@home.example")
    assert member is not None
    assert member.language == "de"


def test_who_asks_to_join_is_asked_as_the_list_speaks(office: PostOffice) -> None:
    office.people.database.write(_all_swedish)
    office.let(Joining.OPEN)
    assert office.writes("g@home.example", "Join", "family-join@oak.example") == OK
    assert office.letters("g@home.example")[-1].subject == "Vill du gå med i ”The family”?"


def test_an_english_program_tells_nothing(office: PostOffice) -> None:
    office.people.database.write(_all_swedish)
    letter = invited(office)
    assert letter.read["Content-Language"] == "sv"
    quote = "On Sun, Nov 22, 2026 at 8:14 AM The family <family@oak.example> wrote:"
    assert office.answers(letter, "g@home.example", f"ja\r\n\r\n{quote}\r\n> Hej") == OK
    assert office.letters("g@home.example")[-1].subject.startswith("Välkommen")


def test_what_was_set_for_her_stays(office: PostOffice) -> None:
    letter = invited(office, "sv")
    assert office.answers(letter, "g@home.example", f"ja\r\n\r\n{QUOTES['de']}\r\n> Hej") == OK
    assert office.letters("g@home.example")[-1].subject.startswith("Välkommen")


def test_a_word_in_what_she_writes_tells_nothing(office: PostOffice) -> None:
    letter = invited(office)
    assert office.answers(letter, "g@home.example", "yes\r\n\r\nAnna schrieb mir davon:\r\n") == OK
    assert office.letters("g@home.example")[-1].subject.startswith("Welcome")


def _all_swedish(session: Any) -> None:
    for person in ("anna", "rose", "tom"):
        member = members.member_of_address(session, f"{person}@home.example")
        assert member is not None
        members.update_member(session, member_id=member.id or 0, language="sv")
