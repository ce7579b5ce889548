"""What waits for a person: who is asked, who is told, and what happens after yes and no."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from handlers.address import Mailbox
from organic_mail import joining, moderation
from organic_mail.problem import Problem
from storage import members
from storage.models import DeliveryMode, Role, Status
from tests.wire.community import NOW, Community, community, mail

LATER = NOW + timedelta(days=3)
GARDEN = "garden@oak.example"


@pytest.fixture
def people(sqlite_template: Path, tmp_path: Path) -> Iterator[Community]:
    with community(sqlite_template, tmp_path) as made:
        yield made


def read(raw):
    return message_from_bytes(raw, policy=policy.SMTP)


def text_of(raw):
    return read(raw).get_body(("plain",)).get_content()


def held_by_rose(people, **fields):
    fields = {"subject": "Garden sale", "author": "Rose <rose@home.example>"} | fields
    assert people.receive(mail(to=GARDEN, **fields), GARDEN, sender="rose@home.example") == (250, "2.0.0")
    return people.held()[-1]


def approve(people, number):
    return people.database.write(lambda session: moderation.approve_held(session, people.host, number, now=LATER))


def reject(people, number, reason=""):
    people.database.write(
        lambda session: moderation.reject_held(session, people.host, number, now=LATER, reason=reason)
    )


def test_the_owner_is_asked_and_the_author_is_told(people):
    waiting = held_by_rose(people)
    assert people.posts() == []
    asked, told = sorted(people.notices())
    assert asked[0] == "anna@home.example"
    assert read(asked[1])["Subject"] == 'May this go out? Rose <rose@home.example>: "Garden sale"'
    assert "To send it to everyone, reply with:\r\n\r\nyes" in text_of(asked[1])
    assert f"organic-mail held show {waiting.id}" in text_of(asked[1])
    assert text_of(asked[1]).endswith("What was written:\r\n\r\nHello everyone.\r\n")
    assert told[0] == "rose@home.example"
    assert read(told[1])["Subject"] == "Your email is waiting"
    assert read(told[1])["In-Reply-To"] == "<1@home.example>"
    assert read(told[1])["Reply-To"] == "garden-owner@oak.example"


def test_a_second_arrival_asks_nobody_again(people):
    held_by_rose(people)
    held_by_rose(people)
    assert len(people.held()) == 1
    assert len(people.notices()) == 2


def test_every_moderator_is_asked(people):
    tom = people.membership("tom", "garden")
    people.database.write(
        lambda session: members.update_membership(session, membership_id=tom.id or 0, role=Role.MODERATOR)
    )
    held_by_rose(people)
    assert sorted(recipient for recipient, _ in people.notices()) == [
        "anna@home.example", "rose@home.example", "tom@home.example",
    ]  # fmt: skip


def test_what_goes_out_keeps_its_id_and_date(people):
    waiting = held_by_rose(people)
    post = approve(people, waiting.id)
    assert (post.message_id, post.author_name) == ("<1@home.example>", "Rose Okafor")
    assert (post.received_at, post.accepted_at) == (NOW, LATER)
    assert post.written_at < NOW
    assert sorted(people.copies()) == ["anna@home.example", "rose@home.example", "tom@home.example"]
    assert people.held() == []


def test_a_second_decision_changes_nothing(people):
    waiting = held_by_rose(people)
    approve(people, waiting.id)
    with pytest.raises(Problem, match="decided already"):
        approve(people, waiting.id)
    with pytest.raises(Problem, match="decided already"):
        reject(people, waiting.id)
    with pytest.raises(Problem, match="decided already"):
        people.database.write(lambda session: moderation.discard_held(session, waiting.id, now=LATER))
    assert len(people.posts()) == 1
    with pytest.raises(Problem, match="there is no held message 99"):
        approve(people, 99)


def test_a_refusal_with_its_reason(people):
    waiting = held_by_rose(people)
    reject(people, waiting.id, reason="We share sales in spring.")
    recipient, raw = people.notices()[-1]
    assert recipient == "rose@home.example"
    assert read(raw)["Subject"] == 'About your email "Garden sale"'
    assert "They wrote: We share sales in spring." in text_of(raw)
    assert people.posts() == people.held() == []


def test_discarding_is_silent(people):
    waiting = held_by_rose(people)
    before = people.notices()
    people.database.write(lambda session: moderation.discard_held(session, waiting.id, now=LATER))
    assert people.notices() == before
    assert people.held() == []
    assert people.log()[-1].kind == "decided"


def test_strangers_are_never_written_to(people):
    raw = mail(author="sven@elm.example")
    assert people.receive(raw, "family@oak.example", "family-help@oak.example", sender="sven@elm.example")[0] == 250
    for waiting in people.held():
        reject(people, waiting.id, reason="no")
    assert {recipient for recipient, _ in people.notices()} == {"anna@home.example"}


def test_a_moderator_may_let_a_stranger_in(people):
    raw = mail(author="Sven (boss) <sven@elm.example>")
    people.receive(raw, "family@oak.example", "family-help@oak.example", sender="sven@elm.example")
    waiting = next(held for held in people.held() if held.recipient == "family@oak.example")
    post = approve(people, waiting.id)
    assert (post.member_id, post.author_name) == (None, "Sven")


@pytest.mark.parametrize("address", ["family-help@oak.example", "family-leave@oak.example"])
def test_what_was_not_written_to_everyone_never_goes_to_everyone(people, address):
    people.receive(mail(author="sven@elm.example"), address, sender="sven@elm.example")
    (waiting,) = people.held()
    with pytest.raises(Problem, match="not to everyone"):
        approve(people, waiting.id)
    assert people.posts() == []
    assert people.held() == [waiting]


def test_mail_to_no_list_cannot_go_out(people):
    people.receive(mail(), "postmaster@oak.example", sender="")
    (waiting,) = people.held()
    with pytest.raises(Problem, match="to no list"):
        approve(people, waiting.id)


# What the command line does with members


def newcomer(address="sven@elm.example", **more):
    return joining.Newcomer(Mailbox("Sven", address), **more)


def invite(people, who, now=NOW):
    family = people.list_named()
    return people.database.write(
        lambda session: joining.invite(
            session, people.host, mailing_list=family, newcomer=who, inviter="Oak Street", now=now
        )
    )


def confirm(people, who, **more):
    family = people.list_named()
    return people.database.write(
        lambda session: joining.confirm(session, people.host, mailing_list=family, newcomer=who, now=NOW, **more)
    )


def test_an_invitation_is_answered_with_yes(people):
    assert invite(people, newcomer(delivery=DeliveryMode.DAILY)).status is Status.INVITED
    ((recipient, raw),) = people.notices()
    assert recipient == "sven@elm.example"
    letter = read(raw)
    assert letter["Subject"] == "Oak Street invites you to The family"
    answer = letter["Reply-To"].addresses[0].addr_spec
    assert people.receive(mail("Yes\r\n", author="SVEN@elm.example"), answer, sender="sven@elm.example")[0] == 250
    welcome = people.notices()[-1]
    assert welcome[0] == "sven@elm.example"
    assert "You will get one letter a day" in text_of(welcome[1])


def test_at_most_one_invitation_a_day(people):
    invite(people, newcomer())
    invite(people, newcomer())
    assert len(people.notices()) == 1
    invite(people, newcomer(), now=NOW + timedelta(days=1))
    assert len(people.notices()) == 2


def test_said_yes_on_paper(people):
    membership = confirm(people, newcomer(role=Role.MODERATOR))
    assert (membership.status, membership.role) == (Status.ACTIVE, Role.MODERATOR)
    assert [recipient for recipient, _ in people.notices()] == ["sven@elm.example"]


def test_quietly(people):
    confirm(people, newcomer(), quiet=True)
    assert people.notices() == []


@pytest.mark.parametrize("step", [invite, confirm])
def test_who_is_there_already(people, step):
    with pytest.raises(joining.AlreadyMember, match=r"rose@home\.example is on family already"):
        step(people, newcomer("Rose@Home.example".lower()))


def test_one_person_on_two_lists_has_one_alias(people):
    first = confirm(people, newcomer("greta@home.example"))
    assert first.member_id == people.membership("greta").member_id


def test_two_people_of_one_name(people):
    aliases = []
    for address in ("sven@elm.example", "sven@other.example"):
        member_id = confirm(people, newcomer(address)).member_id
        member = people.database.read(lambda session, number=member_id: members.member_by_id(session, number))
        assert member is not None
        aliases.append(member.alias)
    assert aliases == ["sven", "sven.2"]
