"""Is it really Grandma? What comes in a member's name without proof waits for her own word (spec/mail.md §2.4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from handlers.token import private_reference
from storage.models import Awaits, Posting
from tests.dns_server import DnsServer
from tests.wire.community import NOW, mail
from tests.wire.grandma import NOWHERE, OK, Letter, PostOffice, post_office, signed_by

ROSE, ANNA, MALLORY = "rose@home.example", "anna@home.example", "mallory@evil.example"


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        yield made


def asked(office: PostOffice) -> list[Letter]:
    return office.letters(about="Did you write this?")


# The edge


def test_what_is_proven_goes_to_everyone(office: PostOffice) -> None:
    assert office.writes(ROSE, "Hello all", subject="By SPF") == OK
    raw = mail("Hello again\r\n", author=ROSE, subject="By DKIM", message_id="<d@home.example>")
    assert office.send(signed_by(raw), sender=NOWHERE) == OK
    assert office.subjects() == ["By SPF", "By DKIM"]
    assert office.held() == []


@pytest.mark.parametrize("policy", ["quarantine", "reject"])
def test_a_strict_policy_is_obeyed_and_nothing_is_kept(office: PostOffice, policy: str) -> None:
    office.dns.put("_dmarc.home.example", TXT=[f"v=DMARC1; p={policy}"])
    assert office.writes(ROSE, "Send money", proven=False) == (550, "5.7.26")
    assert office.writes("sven@elm.example", "Hello") == (550, "5.7.1")
    assert office.held() == office.letters() == office.subjects() == []
    raw = mail("Hello\r\n", author=ROSE)
    assert office.send(signed_by(raw).replace(b"Hello", b"Hullo"), sender=NOWHERE) == (550, "5.7.26")
    assert office.send(signed_by(raw), sender=NOWHERE) == OK


def test_our_own_domain_writes_only_what_we_signed(office: PostOffice) -> None:
    for address in ("anna.lindqvist@oak.example", "family@oak.example", "nobody@oak.example"):
        assert office.writes(address, "Hello", proven=False) == (550, "5.7.1")
    office.dns.put("oak.example", TXT=["v=spf1 ip4:127.0.0.1 -all"])
    assert office.writes("anna.lindqvist@oak.example", "Hello") == (550, "5.7.1")
    assert office.held() == office.subjects() == []


@pytest.mark.parametrize("name", ["_dmarc.home.example", "s1._domainkey.home.example"])
def test_trouble_with_dns_is_temporary(office: PostOffice, name: str) -> None:
    office.dns.fail(name)
    raw = signed_by(mail("Hello\r\n", author=ROSE))
    if name.startswith("_dmarc"):
        raw = mail("Hello\r\n", author=ROSE)
    assert office.send(raw, sender=NOWHERE) == (451, "4.7.5")
    assert office.held() == office.letters() == office.subjects() == []


def test_a_stranger_is_refused(office: PostOffice) -> None:
    assert office.writes("sven@elm.example", "Hello") == (550, "5.7.1")
    assert office.writes("sven@elm.example", "Hello", proven=False) == (550, "5.7.1")
    assert office.letters() == []


# Did you write this?


def test_it_waits_and_she_is_asked_at_the_address_that_we_know(office: PostOffice) -> None:
    long_text = "I have three chairs. " * 30
    assert office.writes(ROSE, long_text, proven=False, subject="Garden sale") == OK
    assert office.subjects() == []
    (waiting,) = office.people.held()
    assert (waiting.subject, waiting.awaits) == ("Garden sale", Awaits.AUTHOR)
    (letter,) = office.letters()
    assert (letter.to, letter.subject) == (ROSE, 'Did you write this? "Garden sale"')
    assert letter.text.count("I have three chairs.") == 9
    assert letter.reply_to.startswith("family-")
    assert letter.read["In-Reply-To"] == "<1@home.example>"
    assert letter.read["Auto-Submitted"] == "auto-replied"
    assert [part.get_content_type() for part in letter.read.iter_parts()] == ["text/plain", "text/html"]


def test_she_is_asked_once_a_day(office: PostOffice) -> None:
    for _ in range(3):
        assert office.writes(ROSE, "Hello", "family@oak.example", proven=False) == OK
    assert office.writes(ROSE, "Hello", "garden@oak.example", proven=False) == OK
    assert len(asked(office)) == 1
    office.later(hours=23)
    office.writes(ROSE, "Hello", proven=False)
    assert len(asked(office)) == 1
    office.later(hours=2)
    office.writes(ROSE, "Hello", proven=False)
    assert len(asked(office)) == 2
    assert len(office.held()) == 6


def test_her_yes_releases_all_that_waits_with_its_ids_and_dates(office: PostOffice) -> None:
    for subject in ("One", "Two"):
        office.writes(ROSE, "Hello", proven=False, subject=subject)
        office.later(hours=1)
    office.writes("tom@home.example", "Hello", proven=False, subject="Tom's")
    (letter,) = office.letters(ROSE)
    assert office.answers(letter, ROSE, "Yes, that was me.") == OK
    first, second = office.people.posts()
    assert (first.subject, first.message_id, first.author_name) == ("One", "<1@home.example>", "Rose Okafor")
    assert (second.subject, second.message_id) == ("Two", "<2@home.example>")
    assert first.written_at == datetime(2026, 11, 22, 7, tzinfo=UTC)
    assert (first.received_at, first.accepted_at) == (NOW, office.people.clock[0])
    assert sorted(office.people.copies()) == sorted([ANNA, ROSE, "tom@home.example"] * 2)
    assert office.held() == ["Tom's"]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("Ja", {}),
        ("> Did you write it?\r\n\r\nyes", {}),
        ("SmEK", {"Content_Transfer_Encoding": "base64", "Content_Type": "text/plain; charset=utf-8"}),
        ("<p><b>Yes</b></p>", {"Content_Type": "text/html"}),
        ("", {"subject": "yes"}),
        ("yes", {"to": '"The family"\r\n <family@oak.example>'}),
    ],
)
def test_yes_in_many_ways(office: PostOffice, text: str, fields: dict[str, str]) -> None:
    office.writes(ROSE, "Hello", proven=False)
    (letter,) = office.letters()
    assert office.answers(letter, ROSE, text, **fields) == OK
    assert len(office.subjects()) == 1


def test_her_answer_needs_no_proof_but_the_token(office: PostOffice) -> None:
    office.writes(ROSE, "Hello", proven=False)
    (letter,) = office.letters()
    assert office.answers(letter, ROSE, "yes", proven=False) == OK
    assert len(office.subjects()) == 1


def test_but_it_must_not_fail_a_strict_policy(office: PostOffice) -> None:
    office.writes(ROSE, "Hello", proven=False)
    office.dns.put("_dmarc.home.example", TXT=["v=DMARC1; p=reject"])
    office.later(hours=2)  # the resolver remembers for an hour at most that there was no policy
    office.people.receiver._dns = office.dns.resolver()
    (letter,) = office.letters()
    assert office.answers(letter, ROSE, "yes", proven=False) == (550, "5.7.26")
    assert office.subjects() == []
    assert office.answers(letter, ROSE, "yes") == OK
    assert len(office.subjects()) == 1


@pytest.mark.parametrize("author", [ANNA, "sven@elm.example", "rose@elm.example"])
def test_nobody_else_can_answer(office: PostOffice, author: str) -> None:
    office.writes(ROSE, "Hello", proven=False, subject="Lunch")
    (letter,) = office.letters(ROSE)
    assert office.answers(letter, author, "yes") == OK
    assert office.subjects() == []
    assert office.held()[0] == "Lunch"
    assert office.answers(letter, ROSE, "yes") == OK
    assert office.subjects() == ["Lunch"]


def test_a_guessed_token_reaches_nobody(office: PostOffice) -> None:
    assert office.writes(ROSE, "yes", "family-k7m2q9xwaz@oak.example") == (550, "5.1.1")


def test_answering_twice_changes_nothing_more(office: PostOffice) -> None:
    office.writes(ROSE, "Hello", proven=False, subject="One")
    (letter,) = office.letters()
    assert office.answers(letter, ROSE, "yes") == OK
    office.writes(ROSE, "Hello", proven=False, subject="Two")
    assert office.answers(letter, ROSE, "yes") == OK
    assert office.answers(letter, ROSE, "no") == OK
    assert office.subjects() == ["One"]
    assert office.held() == ["Two"]
    assert len(office.letters()) == 1


def test_no_discards_what_came_in_her_name(office: PostOffice) -> None:
    office.writes(ROSE, "Send money", proven=False, subject="One")
    office.writes(ROSE, "Send more money", proven=False, subject="Two")
    (letter,) = office.letters()
    assert office.answers(letter, ROSE, "No!") == OK
    assert office.held() == office.subjects() == []
    assert [event.kind for event in office.people.log()][-2:] == ["decided", "decided"]
    assert len(office.letters()) == 1


def test_a_question_back_reaches_a_person(office: PostOffice) -> None:
    office.writes(ROSE, "Hello", proven=False, subject="Lunch")
    (letter,) = office.letters()
    assert office.answers(letter, ROSE, "What is this?") == OK
    assert office.held() == ["Lunch", f"Re: {letter.subject}"]
    assert [each.to for each in office.letters(about="Please look at this")] == [ANNA]
    assert office.answers(letter, ROSE, "yes") == OK


def test_without_an_answer_it_goes_on_waiting_for_a_person(office: PostOffice) -> None:
    for subject in ("One", "Two"):
        office.writes(ROSE, "Hello", proven=False, subject=subject)
    (letter,) = office.letters()
    office.later(days=6)
    office.timers()
    assert len(office.letters()) == 1
    office.later(days=1, hours=1)
    office.timers()
    assert office.held() == ["One", "Two"]
    assert all("has not answered in a week" in waiting.reason for waiting in office.people.held())
    (to_anna,) = office.letters(ANNA)
    assert to_anna.subject.startswith("May this go out?")
    office.timers()
    assert len(office.letters(ANNA)) == 1
    assert office.answers(letter, ROSE, "yes") == (550, "5.7.1")
    assert office.answers(to_anna, ANNA, "yes") == OK
    assert office.subjects() == ["One"]


def test_her_yes_on_a_moderated_list_is_not_the_moderators(office: PostOffice) -> None:
    assert office.people.list_named("garden").posting is Posting.MODERATED
    office.writes(ROSE, "Hello", "garden@oak.example", proven=False, subject="Seeds")
    (letter,) = office.letters()
    assert office.answers(letter, ROSE, "yes") == OK
    assert office.subjects() == []
    (waiting,) = office.people.held()
    assert waiting.awaits is Awaits.PEOPLE
    (to_anna,) = office.letters(ANNA)
    assert office.answers(to_anna, ANNA, "yes") == OK
    assert office.subjects() == ["Seeds"]


@pytest.mark.parametrize("address", ["family-leave@oak.example", "family@oak.example"])
def test_leaving_without_proof_is_asked_about_too(office: PostOffice, address: str) -> None:
    assert office.writes(ROSE, "stop", address, proven=False, subject="stop") == OK
    assert office.people.membership("rose").status == "active"
    (letter,) = office.letters()
    assert (letter.to, letter.subject) == (ROSE, "Do you want to leave The family?")
    assert "It asks us to take you off The family." in letter.text
    assert "share" not in letter.text
    assert office.answers(letter, ROSE, "yes") == OK
    assert office.people.membership("rose").status == "left"
    assert office.letters()[-1].subject == "You have left The family"


def test_a_no_to_leaving_changes_nothing(office: PostOffice) -> None:
    assert office.writes(ROSE, "stop", "family-leave@oak.example", proven=False) == OK
    (letter,) = office.letters()
    assert office.answers(letter, ROSE, "no") == OK
    assert office.people.membership("rose").status == "active"
    assert office.held() == []


def test_of_posts_and_leaving_together_she_is_asked_once_a_day(office: PostOffice) -> None:
    assert office.writes(ROSE, "stop", "family-leave@oak.example", proven=False) == OK
    assert office.writes(ROSE, "Hello", proven=False) == OK
    assert [letter.subject for letter in office.letters()] == ["Do you want to leave The family?"]
    assert len(office.held()) == 2


# Is that address also you?


def copy_of_rose(office: PostOffice) -> str:
    """What stands first in the References of her copies."""
    host = office.people.host
    member_id = office.people.membership("rose").member_id
    return private_reference(host.secrets, member_id=member_id, thread_id=1, domain=host.domain)


ROSIE = "rosie.l@work.example"


@pytest.mark.parametrize("proven", [True, False])
def test_an_answer_from_an_unknown_address_is_asked_about_and_then_hers(office: PostOffice, proven: bool) -> None:
    reference = copy_of_rose(office)
    assert office.writes(ROSIE, "I will come", proven=proven, references=reference, subject="Re: Lunch") == OK
    assert office.subjects() == []
    (letter,) = office.letters()
    assert (letter.to, letter.subject) == (ROSE, f"Is {ROSIE} also you?")
    assert '"Re: Lunch"' in letter.text
    assert office.answers(letter, ROSE, "Yes") == OK
    (post,) = office.people.posts()
    assert (post.author_name, post.message_id) == ("Rose Okafor", "<1@work.example>")
    assert office.held() == []
    assert office.writes(ROSIE, "And I bring cake", subject="Cake") == OK
    assert office.subjects() == ["Re: Lunch", "Cake"]
    assert len(office.letters()) == 1
    assert ROSIE not in office.people.copies(), "her mail goes where it went"


def test_an_answer_to_a_letter_of_ours_tells_whose_it_was(office: PostOffice) -> None:
    office.writes(ROSE, "Seeds", "garden@oak.example")
    (letter,) = office.letters(ROSE)
    assert letter.subject == "Your email is waiting"
    assert office.writes(ROSIE, "Hello", in_reply_to=str(letter.read["Message-ID"])) == OK
    assert office.letters(ROSE)[-1].subject == f"Is {ROSIE} also you?"


def test_she_is_asked_once_about_an_address_and_two_a_day(office: PostOffice) -> None:
    reference = copy_of_rose(office)
    for address in (ROSIE, ROSIE, "a@elm.example", "b@elm.example"):
        assert office.writes(address, "Hello", references=reference) == OK
    assert [letter.subject for letter in office.letters(ROSE)] == [
        f"Is {ROSIE} also you?",
        "Is a@elm.example also you?",
    ]
    assert len(office.held()) == 4
    assert [letter.to for letter in office.letters(about="May this go out?")] == [ANNA], "nobody else can say it"
    office.later(days=3)
    assert office.writes(ROSIE, "Hello", references=reference) == OK
    assert len(office.letters(ROSE)) == 2
    assert office.answers(office.letters(ROSE)[0], ROSE, "yes") == OK
    assert len(office.subjects()) == 3


def test_no_means_that_it_stays_a_stranger(office: PostOffice) -> None:
    reference = copy_of_rose(office)
    office.writes("sven@elm.example", "Hello", references=reference)
    (letter,) = office.letters()
    assert office.answers(letter, ROSE, "no") == OK
    assert office.held() == office.subjects() == []
    assert office.member_of("sven@elm.example") is None
    assert office.writes("sven@elm.example", "Hello", references=reference) == (550, "5.7.1")
    assert len(office.letters()) == 1


def test_an_address_that_became_another_members_meanwhile(office: PostOffice) -> None:
    from storage import members

    office.writes(ROSIE, "Hello", references=copy_of_rose(office))
    tom = office.people.membership("tom").member_id
    office.people.database.write(
        lambda session: members.add_address(session, member_id=tom, address=ROSIE, key=ROSIE, now=NOW)
    )
    (letter,) = office.letters()
    assert office.answers(letter, ROSE, "yes") == OK
    assert office.subjects() == []
    assert len(office.held()) == 1
    owner = office.member_of(ROSIE)
    assert owner is not None
    assert owner.id == tom


@pytest.mark.parametrize("reference", ["<m.k1-aaaaaaaaaaaaaaaa-aaaaaaaaaaaaaaaa@oak.example>", "<n.abc@oak.example>"])
def test_a_forged_reference_opens_nothing(office: PostOffice, reference: str) -> None:
    assert office.writes(MALLORY, "Hello", proven=False, references=reference) == (550, "5.7.1")
    assert office.letters() == []


def test_without_an_answer_the_unknown_address_waits_for_a_person(office: PostOffice) -> None:
    office.writes(ROSIE, "Hello", references=copy_of_rose(office), subject="Lunch")
    office.later(days=8)
    office.timers()
    assert office.held() == ["Lunch"]
    assert [letter.to for letter in office.letters(about="May this go out?")] == [ANNA]


# Whole messages that are no posts


@pytest.mark.parametrize("text", ["unsubscribe", "Stop.\r\n\r\nOn Sunday Anna wrote:\r\n> Hello\r\n", "abmelden"])
def test_a_misaddressed_goodbye_is_understood(office: PostOffice, text: str) -> None:
    assert office.writes(ROSE, text) == OK
    assert office.subjects() == []
    assert office.people.membership("rose").status == "left"
    (letter,) = office.letters(ROSE)
    assert letter.subject == "You have left The family"
    assert office.answers(letter, ROSE, "") == OK
    assert office.people.membership("rose").status == "active"


def test_words_in_a_text_do_nothing(office: PostOffice) -> None:
    assert office.writes(ROSE, "Stop it Tom, that is not funny") == OK
    assert len(office.subjects()) == 1
    assert office.people.membership("rose").status == "active"


def test_a_blind_copy_waits(office: PostOffice) -> None:
    assert office.writes(ROSE, "Hello", to="undisclosed-recipients:;", subject="Blind") == OK
    assert office.held() == ["Blind"]
    assert [letter.subject for letter in office.letters(ROSE)] == ["Your email is waiting"]
    (letter,) = office.letters(ANNA)
    assert office.answers(letter, ANNA, "yes") == OK
    assert office.subjects() == ["Blind"]


def test_an_announce_list_takes_posts_from_those_who_run_it(office: PostOffice) -> None:
    assert office.writes(ROSE, "Hello", "news@oak.example") == (550, "5.7.1")
    assert office.writes(ANNA, "Hello", "news@oak.example") == OK
    assert len(office.subjects()) == 1


def test_a_spam_run_is_stopped(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> None:
    with post_office(sqlite_template, tmp_path, dns_server, posts_per_hour=5) as office:
        for _ in range(12):
            assert office.writes(ROSE, "Buy now") == OK
        assert office.writes("tom@home.example", "Hello", subject="Tom's") == OK
        assert len(office.subjects()) == 6
        assert len(office.held()) == 7
        assert [letter.to for letter in office.letters()] == [ANNA], "one letter for all of it"
        office.later(hours=1)
        assert office.writes(ROSE, "Sorry", subject="Sorry") == OK
        assert "Sorry" in office.subjects()
