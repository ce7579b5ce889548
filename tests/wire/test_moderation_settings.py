"""What a list or a membership says about reading first (behaviours 44 to 46, 50, 56, 57)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handlers.token import verp_address
from organic_mail import moderation
from storage import lists, members
from storage.models import HeldState, Strangers
from tests.dns_server import DnsServer
from tests.wire.community import DOMAIN, SECRETS, Community, community, mail, port_of, serving
from tests.wire.daemons import PATIENCE
from tests.wire.grandma import OK, PostOffice, post_office

ROSE, ANNA, SVEN, TOM = "rose@home.example", "anna@home.example", "sven@elm.example", "tom@home.example"


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        yield made


def let(people: Community, name: str = "family", **settings: Any) -> None:
    list_id = people.list_named(name).id or 0
    people.database.write(lambda session: lists.update_list(session, list_id=list_id, **settings))


def give_up(office: PostOffice) -> None:
    people = office.people
    people.database.write(lambda session: moderation.give_up_waiting(session, people.host, people.clock[0]))


def test_first_posts_wait_until_one_has_gone_out(office: PostOffice) -> None:
    let(office.people, first_posts_held=True)
    for subject in ("One", "Two"):
        assert office.writes(ROSE, "Hello", subject=subject) == OK
    assert office.held() == ["One", "Two"]
    assert [letter.subject for letter in office.letters(ROSE)] == ["Your email is waiting"] * 2
    question = office.letters(ANNA)[0]
    assert "It is the first email that rose@home.example writes here." in question.text
    assert office.answers(question, ANNA, "yes") == OK
    assert office.writes(ROSE, "Hello", subject="Three") == OK
    assert office.subjects() == ["One", "Three"]
    assert office.writes(TOM, "Hello", subject="Four") == OK
    assert office.held() == ["Two", "Four"]


def test_a_post_on_another_list_does_not_count(office: PostOffice) -> None:
    assert office.writes(ROSE, "Hello") == OK
    let(office.people, "garden", first_posts_held=True)
    assert office.writes(ROSE, "Hello", "garden@oak.example", subject="Chairs") == OK
    (waiting,) = office.people.held()
    assert waiting.reason == "It is the first email that rose@home.example writes here."


def test_a_moderated_member_waits_on_that_list_alone(office: PostOffice) -> None:
    number = office.people.membership("rose").id or 0
    office.people.database.write(
        lambda session: members.update_membership(session, membership_id=number, moderated=True)
    )
    assert office.writes(ROSE, "Hello", subject="Waits") == OK
    assert office.writes(TOM, "Hello", subject="Goes") == OK
    assert office.held() == ["Waits"]
    assert office.subjects() == ["Goes"]
    office.people.database.write(
        lambda session: members.update_membership(session, membership_id=number, moderated=False)
    )
    assert office.writes(ROSE, "Hello", subject="Goes too") == OK
    assert office.subjects() == ["Goes", "Goes too"]


def test_an_emergency_holds_everything_and_ends(office: PostOffice) -> None:
    let(office.people, emergency=True)
    for author in (ANNA, ROSE, ROSE):
        assert office.writes(author, "Hello") == OK
    assert office.subjects() == []
    assert len(office.held()) == 3
    asked = office.letters(ANNA, about="May this go out?")
    assert [letter.subject.partition(" ")[0] for letter in asked] == ["May"] * 2, "one letter an hour for each author"
    assert office.answers(asked[1], ANNA, "yes") == OK
    assert len(office.subjects()) == 1
    let(office.people, emergency=False)
    assert office.writes(ROSE, "Hello") == OK
    assert len(office.subjects()) == 2


def test_strangers_mail_waits_and_causes_few_letters(office: PostOffice) -> None:
    let(office.people, strangers=Strangers.HELD)
    for subject in ("One", "Two"):
        assert office.writes(SVEN, "Hello", subject=subject) == OK
    assert office.held() == ["One", "Two"]
    (asked,) = office.letters()
    assert asked.to == ANNA
    assert office.answers(asked, ANNA, "yes") == OK
    assert office.subjects() == ["One"]
    assert office.letters(SVEN) == [], "strangers are never written to"
    let(office.people, "garden", strangers=Strangers.HELD)
    assert office.writes(SVEN, "Hello", "garden@oak.example") == OK
    assert len(office.letters(ANNA)) == 2


def test_strangers_mail_disappears_where_a_list_says_so(office: PostOffice) -> None:
    let(office.people, strangers=Strangers.DISCARDED)
    assert office.writes(SVEN, "Hello") == OK
    assert office.held() == office.subjects() == []
    assert office.letters() == []
    assert office.people.log()[-1].kind == "dropped"


def test_what_waits_too_long_is_kept_back(office: PostOffice) -> None:
    let(office.people, "garden", held_days=5)
    assert office.writes(ROSE, "Hello", "garden@oak.example", subject="Chairs") == OK
    assert "If you do nothing, we will keep it back after 5 days." in office.letters(ANNA)[0].text
    office.later(days=4)
    give_up(office)
    assert office.held() == ["Chairs"]
    office.later(days=1, seconds=1)
    give_up(office)
    give_up(office)
    assert office.held() == []
    assert [letter.subject for letter in office.letters(ROSE)] == [
        "Your email is waiting",
        'About your email "Chairs"',
    ]
    assert office.answers(office.letters(ANNA)[0], ANNA, "yes") == OK
    assert office.subjects() == []
    assert "decided" in [event.kind for event in office.people.log()]


def test_what_waits_for_the_author_is_not_kept_back(office: PostOffice) -> None:
    let(office.people, held_days=1)
    assert office.writes(ROSE, "Hello", proven=False, subject="Is it she?") == OK
    office.later(days=2)
    give_up(office)
    assert office.held() == ["Is it she?"]


@pytest.mark.parametrize(("relays", "state"), [(("127.0.0.0/8",), HeldState.WAITING), ((), None)])
def test_our_own_servers_mark_of_spam_holds(
    sqlite_template: Path, tmp_path: Path, relays: tuple[str, ...], state: HeldState | None
) -> None:
    import smtplib

    changes = {"smtp": {"trusted_relays": relays}}
    with (
        community(sqlite_template, tmp_path, changes) as people,
        serving(people.settings, people.receiver) as doors,
        smtplib.SMTP("127.0.0.1", port_of(doors), "mx.home.example", timeout=PATIENCE) as client,
    ):
        client.sendmail(ANNA, ["family@oak.example"], mail(X_Spam_Flag="YES"))
        assert [waiting.state for waiting in people.held()] == ([state] if state else [])
        assert len(people.posts()) == (0 if state else 1)


@pytest.mark.parametrize(("to_owners", "told"), [(False, []), (True, [ANNA])])
def test_a_bounce_that_cannot_be_read_goes_to_the_owners(office: PostOffice, to_owners: bool, told: list[str]) -> None:
    people = office.people
    let(people, bounces_to_owners=to_owners)
    assert office.writes(TOM, "Hello") == OK
    (post,) = people.posts()
    rose = people.membership("rose").member_id
    today = people.clock[0].date()
    address = verp_address(SECRETS, member_id=rose, content_id=post.content_id, day=today, domain=DOMAIN)
    raw = mail("We could not bring it.\r\n", author="MAILER-DAEMON@elm.example", subject="Undeliverable", to=ROSE)
    assert office.send(raw, address, sender="") == OK
    assert [letter.to for letter in office.letters(about="Undeliverable")] == told
    assert people.posts() == [post]
    assert people.held() == []


def test_each_reason_has_a_letter_of_its_own(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> None:
    with post_office(sqlite_template, tmp_path, dns_server, posts_per_hour=1) as office:
        assert office.writes(ROSE, "Hello") == OK
        for subject in ("One", "Two"):
            assert office.writes(ROSE, "Hello", subject=subject) == OK
        let(office.people, emergency=True)
        assert office.writes(ROSE, "Hello", subject="Three") == OK
        assert [letter.subject.rpartition(": ")[2] for letter in office.letters(ANNA)] == ['"One"', '"Three"']


def test_header_rules_hold_refuse_and_discard(office: PostOffice) -> None:
    let(office.people, header_rules="hold X-Spam-Flag: YES\nrefuse X-Spam-Score: 9*\ndiscard Subject: *casino*")
    assert office.writes(ROSE, "Hello", subject="One", X_Spam_Flag="YES", X_Spam_Score="9.9") == OK
    assert office.held() == ["One"], "the first that fits"
    assert office.writes(ROSE, "Hello", subject="Two", X_Spam_Score="9.9") == (550, "5.7.1")
    assert office.writes(ROSE, "Hello", subject="Grand Casino") == OK
    assert office.writes(ROSE, "Hello", subject="Three", X_Spam_Flag="NO") == OK
    assert office.subjects() == ["Three"]
    assert office.held() == ["One"]
