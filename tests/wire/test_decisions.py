"""Those who run a list decide by answering a letter, and only they (behaviours 44 to 50)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from organic_mail import moderation
from storage import members
from storage.models import Role
from tests.dns_server import DnsServer
from tests.wire.grandma import OK, Letter, PostOffice, post_office

ROSE, ANNA, TOM, OLU = "rose@home.example", "anna@home.example", "tom@home.example", "olu@example.org"
GARDEN = "garden@oak.example"


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        yield made


def question(office: PostOffice, text: str = "I have three chairs.") -> Letter:
    """What Anna is asked about a mail of Rose's."""
    assert office.writes(ROSE, text, GARDEN, subject="Garden sale") == OK
    return office.letters(ANNA)[-1]


def role(office: PostOffice, person: str, role: Role) -> None:
    number = office.people.membership(person, "garden").id or 0
    office.people.database.write(lambda session: members.update_membership(session, membership_id=number, role=role))


def test_the_question_shows_what_was_written(office: PostOffice) -> None:
    letter = question(office, "I have three chairs.\r\n\r\nThey are green.")
    assert letter.subject == 'May this go out? rose@home.example: "Garden sale"'
    assert "\nyes\n" in letter.text
    assert "\nno\n" in letter.text
    assert letter.text.endswith("What was written:\n\nI have three chairs.\n\nThey are green.\n")
    assert letter.reply_to.startswith("garden-")


def test_yes_lets_it_out_with_its_id_and_date(office: PostOffice) -> None:
    letter = question(office)
    office.later(hours=5)
    assert office.answers(letter, ANNA, "Yes please") == OK
    (post,) = office.people.posts()
    assert (post.message_id, post.author_name, post.subject) == ("<1@home.example>", "Rose Okafor", "Garden sale")
    assert post.accepted_at - post.received_at == office.people.clock[0] - post.received_at
    assert post.written_at < post.received_at
    assert office.held() == []


def test_always_lets_her_write_freely(office: PostOffice) -> None:
    """spec/people.md §3.6: nobody is asked again about what she writes; about others everybody is."""
    letter = question(office)
    assert "\nalways\n" in letter.text
    assert office.answers(letter, ANNA, "always") == OK
    asked = len(office.letters(ANNA))
    assert office.writes(ROSE, "Two of them are left.", GARDEN, subject="Chairs") == OK
    assert office.subjects() == ["Garden sale", "Chairs"]
    assert len(office.letters(ANNA)) == asked
    assert office.writes(TOM, "I take one.", GARDEN, subject="A chair") == OK
    assert len(office.held()) == 1


def test_no_keeps_it_back_and_tells_its_author_why(office: PostOffice) -> None:
    letter = question(office)
    assert office.answers(letter, ANNA, "No, we share sales in spring.") == OK
    assert office.subjects() == office.held() == []
    told = office.letters(ROSE)[-1]
    assert told.subject == 'About your email "Garden sale"'
    assert "They wrote: we share sales in spring." in told.text


def test_a_second_moderators_answer_is_harmless(office: PostOffice) -> None:
    role(office, "tom", Role.MODERATOR)
    letter = question(office)
    assert letter.reply_to == office.letters(TOM)[-1].reply_to
    assert office.answers(letter, ANNA, "yes") == OK
    before = len(office.letters())
    assert office.answers(letter, TOM, "no") == OK
    assert office.answers(letter, ANNA, "yes") == OK
    assert office.subjects() == ["Garden sale"]
    assert len(office.letters()) == before


def test_the_operator_may_decide_too(office: PostOffice) -> None:
    assert office.answers(question(office), OLU, "yes") == OK
    assert office.subjects() == ["Garden sale"]


def test_without_an_owner_the_operator_is_asked(office: PostOffice) -> None:
    role(office, "anna", Role.MEMBER)
    assert office.writes(ROSE, "Hello", GARDEN, subject="Garden sale") == OK
    (letter,) = office.letters(OLU)
    assert office.answers(letter, OLU, "yes") == OK
    assert office.subjects() == ["Garden sale"]


@pytest.mark.parametrize("author", [ROSE, TOM, "sven@elm.example"])
def test_nobody_else_decides(office: PostOffice, author: str) -> None:
    letter = question(office)
    assert office.answers(letter, author, "yes") == OK
    assert office.subjects() == []
    assert "Garden sale" in office.held()


@pytest.mark.parametrize("author", [ANNA, OLU])
def test_nor_who_cannot_prove_to_be_it(office: PostOffice, author: str) -> None:
    letter = question(office)
    assert office.answers(letter, author, "yes", proven=False) == OK
    assert office.subjects() == []
    assert "Garden sale" in office.held()
    assert "cannot tell whether it is really" in office.people.held()[-1].reason


def test_an_answer_that_waits_itself_never_goes_to_everyone(office: PostOffice) -> None:
    letter = question(office)
    office.answers(letter, ANNA, "Who are you?")
    answer = office.people.held()[-1]
    assert office.letters(ANNA)[-1].subject.startswith("Please look at this")
    with pytest.raises(moderation.Problem, match="not to everyone"):
        office.people.database.write(
            lambda session: moderation.approve_held(
                session, office.people.host, answer.id or 0, now=office.people.clock[0]
            )
        )


def test_what_was_decided_on_the_server_is_not_decided_again(office: PostOffice) -> None:
    letter = question(office)
    office.people.database.write(lambda session: moderation.discard_held(session, 1, now=office.people.clock[0]))
    assert office.answers(letter, ANNA, "yes") == OK
    assert office.subjects() == []
    office.later(days=2)
    before = len(office.letters())
    office.timers()
    assert len(office.letters()) == before


def test_one_reminder_the_next_day(office: PostOffice) -> None:
    question(office)
    office.later(hours=23)
    office.timers()
    assert len(office.letters(ANNA)) == 1
    office.later(hours=2)
    office.timers()
    office.timers()
    first, again = office.letters(ANNA)
    assert again.reply_to == first.reply_to
    assert "If you do nothing, it goes on waiting." in again.text
    office.later(days=30)
    office.timers()
    assert len(office.letters(ANNA)) == 2
    assert office.held() == ["Garden sale"], "nothing is ever thrown away"
    assert office.answers(again, ANNA, "yes") == OK
    assert office.subjects() == ["Garden sale"]


def test_an_automatic_answer_decides_nothing(office: PostOffice) -> None:
    letter = question(office)
    assert office.answers(letter, ANNA, "yes", Auto_Submitted="auto-replied") == OK
    assert office.subjects() == []


def test_a_token_leads_nowhere_when_its_list_is_gone(office: PostOffice) -> None:
    from storage import lists

    letter = question(office)
    number = office.people.list_named("garden").id or 0
    office.people.database.write(lambda session: lists.remove_list(session, list_id=number, now=office.people.clock[0]))
    assert office.answers(letter, ANNA, "yes") == (550, "5.1.1")
