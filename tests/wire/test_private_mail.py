"""Private mail by alias: who may write, what is refused, how it ends, who is asked (contract §3, §4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from handlers.token import address_marks, private_reference
from organic_mail.timers import forget_sent_private_mail
from storage import bounces, members, queue
from storage.models import Awaits, Delivery, DeliveryState
from storage.models_bounces import PauseReason
from storage.queue import Settled
from tests.dns_server import DnsServer
from tests.wire.community import NOW, SECRETS, mail
from tests.wire.grandma import NOWHERE, OK, PostOffice, post_office, signed_by

ROSE, ANNA, TOM = "rose@home.example", "anna@home.example", "tom@home.example"
TO_ANNA, TO_ROSE, TO_TOM = "anna.lindqvist@oak.example", "rose.okafor@oak.example", "tom.okafor@oak.example"


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        yield made


def private(office: PostOffice) -> list[str]:
    """To whom private mail waits."""

    def look(session: Any) -> list[str]:
        query = select(Delivery.recipient).where(col(Delivery.private_id).is_not(None))
        return list(session.exec(query.order_by(col(Delivery.id))))

    return office.people.database.read(look)


def letters(office: PostOffice) -> list[tuple[str, str]]:
    return [(letter.to, letter.subject) for letter in office.letters()]


def last_text(office: PostOffice) -> str:
    return office.people.log()[-1].text


def without(office: PostOffice, person: str) -> None:
    """She leaves all lists."""

    def leave(session: Any) -> None:
        member = members.member_of_address(session, person)
        assert member is not None
        for _, membership in members.memberships_of(session, member.id or 0):
            members.leave(session, membership_id=membership.id or 0)

    office.people.database.write(leave)


# Who may write


def test_who_shares_a_list_may_write(office: PostOffice) -> None:
    assert office.writes(ROSE, "Only for you", TO_ANNA) == OK
    assert private(office) == [ANNA]
    assert (office.subjects(), office.held(), letters(office)) == ([], [], [])
    assert last_text(office) == "Rose Okafor wrote to Anna Lindqvist alone."


def test_it_is_in_no_thread_and_no_log_of_a_list(office: PostOffice) -> None:
    office.writes(ROSE, "Only for you", TO_ANNA, subject="Secret")
    assert office.subjects() == []
    assert all("Secret" not in event.text for event in office.people.log())
    assert [event.list_id for event in office.people.log() if event.kind == "private"] == [None]


def test_a_stranger_is_refused_in_kind_words_and_learns_nothing(office: PostOffice) -> None:
    assert office.writes("sven@elm.example", "Hello", TO_ANNA) == (550, "5.7.1")
    assert office.writes("sven@elm.example", "Hello", TO_ANNA, proven=False) == (550, "5.7.1")
    assert office.writes(ROSE, "Hello", "nobody.here@oak.example") == (550, "5.1.1")
    assert (private(office), office.held(), letters(office)) == ([], [], [])


@pytest.mark.parametrize("person", [ROSE, ANNA])
def test_who_has_left_neither_writes_nor_reads(office: PostOffice, person: str) -> None:
    without(office, person)
    assert office.writes(ROSE, "Hello", TO_ANNA) == (550, "5.7.1")
    assert private(office) == []


def test_who_is_invited_only_is_a_stranger_still(office: PostOffice) -> None:
    assert office.writes("greta@home.example", "Hello", TO_ANNA) == (550, "5.7.1")


def test_whose_letters_are_paused_writes_and_reads_still(office: PostOffice) -> None:
    def pause(session: Any) -> None:
        for membership in (office.people.membership("rose"), office.people.membership("anna")):
            assert bounces.pause(session, session.merge(membership), PauseReason.COMPLAINT, NOW)

    office.people.database.write(pause)
    assert office.writes(ROSE, "Hello", TO_ANNA) == OK
    assert private(office) == [ANNA]


def test_what_comes_twice_goes_once(office: PostOffice) -> None:
    for _ in range(2):
        assert office.writes(ROSE, "Hello", TO_ANNA, message_id="<same@home.example>") == OK
    assert private(office) == [ANNA]


def test_whose_mailbox_is_dead_is_not_written_to(office: PostOffice) -> None:
    mark = address_marks(SECRETS, ANNA)[0]
    office.people.database.write(
        lambda session: bounces.suppress(session, mark=mark, member_id=1, next_probe_at=None, now=NOW)
    )
    assert office.writes(ROSE, "Hello", TO_ANNA) == (550, "5.2.1")


def test_any_of_her_addresses_will_do_and_the_answer_goes_to_the_first(office: PostOffice) -> None:
    def add(session: Any) -> None:
        member = members.member_of_address(session, ROSE)
        assert member is not None
        address = "rosie@work.example"
        members.add_address(session, member_id=member.id or 0, address=address, key=address, now=NOW)

    office.people.database.write(add)
    assert office.writes("rosie@work.example", "From work", TO_ANNA) == OK
    assert office.writes(ANNA, "Thank you", TO_ROSE) == OK
    assert private(office) == [ANNA, ROSE]


def test_many_in_an_hour_wait_at_their_own_server(office: PostOffice) -> None:
    office.people.receiver.host = replace(office.people.host, posts_per_hour=2)
    for _ in range(2):
        assert office.writes(ROSE, "Hello", TO_ANNA) == OK
    assert office.writes(ROSE, "Hello", TO_TOM) == (451, "4.7.1")
    office.later(minutes=61)
    assert office.writes(ROSE, "Hello", TO_TOM) == OK


# Is it she?


def test_without_proof_it_waits_for_her_own_word_and_nobody_else_reads_it(office: PostOffice) -> None:
    assert office.writes(ROSE, "I have a secret", TO_ANNA, proven=False, subject="Secret") == OK
    (waiting,) = office.people.held()
    assert (waiting.awaits, waiting.list_id) == (Awaits.AUTHOR, None)
    (letter,) = office.letters()
    assert letter.to == ROSE
    assert "An email came to Anna Lindqvist alone in your name." in letter.text
    assert private(office) == []
    assert office.answers(letter, ROSE, "yes") == OK
    assert private(office) == [ANNA]
    assert office.held() == []


def test_what_she_never_answers_is_read_by_nobody(office: PostOffice) -> None:
    office.writes(ROSE, "I have a secret", TO_ANNA, proven=False, subject="Secret")
    office.later(days=8)
    office.timers()
    assert office.held() == []
    assert [letter.to for letter in office.letters()] == [ROSE]


def test_a_strict_policy_is_obeyed(office: PostOffice) -> None:
    office.dns.put("_dmarc.home.example", TXT=["v=DMARC1; p=reject"])
    assert office.writes(ROSE, "Hello", TO_ANNA, proven=False) == (550, "5.7.26")


def test_her_other_address_is_asked_about_at_the_known_one(office: PostOffice) -> None:
    reference = private_reference(SECRETS, member_id=2, thread_id=0, domain="oak.example")
    fields = {"References": f"{reference} <1@home.example>", "In_Reply_To": "<1@home.example>"}
    assert office.writes("rosie@work.example", "From work", TO_ANNA, subject="Re: Secret", **fields) == OK
    (letter,) = office.letters()
    assert (letter.to, letter.subject) == (ROSE, "Is rosie@work.example also you?")
    assert "we will pass that email on to Anna Lindqvist" in letter.text
    assert office.answers(letter, ROSE, "yes") == OK
    assert private(office) == [ANNA]
    assert office.writes("rosie@work.example", "Again", TO_ANNA) == OK


def test_her_no_keeps_it_from_everybody(office: PostOffice) -> None:
    reference = private_reference(SECRETS, member_id=2, thread_id=0, domain="oak.example")
    fields = {"References": reference, "In_Reply_To": "<1@home.example>"}
    office.writes("rosie@work.example", "From work", TO_ANNA, **fields)
    (letter,) = office.letters()
    assert office.answers(letter, ROSE, "no") == OK
    assert (private(office), office.held()) == ([], [])
    assert office.writes("rosie@work.example", "Again", TO_ANNA, **fields) == (550, "5.7.1")


# The end of it


@pytest.mark.parametrize(
    "word", ["block", "Block!", "Blockieren", "blockera", "Bloquer", "bloquear, por favor", "屏蔽"]
)
def test_one_word_ends_it_for_the_two(office: PostOffice, word: str) -> None:
    office.writes(TOM, "Hello", TO_ROSE)
    quoted = f"{word}\r\n\r\nOn Sun, Nov 22, 2026 at 8:14 AM Tom Okafor <{TO_TOM}> wrote:\r\n> Hello\r\n> block"
    assert office.writes(ROSE, quoted, TO_TOM, subject="Re: Lunch on Sunday", In_Reply_To="<1@home.example>") == OK
    assert private(office) == []
    (letter,) = office.letters()
    assert (letter.to, letter.subject, letter.reply_to) == (ROSE, "No more private mail from Tom Okafor", TO_TOM)
    assert office.writes(TOM, "Why?", TO_ROSE) == (550, "5.7.1")
    assert office.writes(ROSE, "Hello", TO_TOM) == (550, "5.7.1")
    assert office.writes(ANNA, "Hello", TO_ROSE) == OK
    assert office.writes(TOM, "To all", "family@oak.example") == OK


def test_her_answer_begins_it_again(office: PostOffice) -> None:
    office.writes(ROSE, "block", TO_TOM)
    (letter,) = office.letters()
    assert office.answers(letter, ROSE, "unblock\r\n\r\nLove, Rose") == OK
    assert letters(office)[1:] == [(ROSE, "Tom Okafor can write to you again")]
    assert office.writes(TOM, "Hello", TO_ROSE) == OK


def test_only_she_who_ended_it_can_begin_it_again(office: PostOffice) -> None:
    office.writes(ROSE, "block", TO_TOM)
    office.writes(TOM, "unblock", TO_ROSE)
    assert office.writes(TOM, "Hello", TO_ROSE) == (550, "5.7.1")


@pytest.mark.parametrize("text", ["Block the road on Sunday, please", "There is a block of cheese left", "stop"])
def test_other_words_are_for_the_reader(office: PostOffice, text: str) -> None:
    assert office.writes(ROSE, text, TO_TOM) == OK
    assert private(office) == [TOM]
    assert letters(office) == []


def test_nobody_ends_it_in_her_name(office: PostOffice) -> None:
    office.writes(ROSE, "block", TO_TOM, proven=False)
    assert office.writes(TOM, "Hello", TO_ROSE) == OK


# Several recipients


def test_who_is_not_reached_beside_others_is_told_of_and_nobody_reads_it(office: PostOffice) -> None:
    office.writes(TOM, "block", TO_ROSE)
    assert office.writes(ROSE, "For both", TO_ANNA, TO_TOM) == OK
    assert private(office) == [ANNA]
    assert office.held() == []
    assert letters(office)[1:] == [(ROSE, "Your email to Tom Okafor did not arrive")]


def test_a_post_and_a_private_mail_in_one(office: PostOffice) -> None:
    assert office.writes(ROSE, "For all and you", "family@oak.example", TO_ANNA) == OK
    assert (len(office.subjects()), private(office)) == (1, [ANNA])


# What comes back


def outcome_of_delivery(office: PostOffice, reply: str) -> None:
    from organic_mail import private_mail

    def settle(session: Any) -> None:
        (claimed,) = [row for row in queue.claim(session, who="h:1:1", now=office.people.clock[0]) if row.private_id]
        queue.settle(session, [Settled(claimed.id, DeliveryState.FAILED, reply)], office.people.clock[0])
        private_mail.came_back(session, office.people.host, claimed.private_id or 0, office.people.clock[0])

    office.people.database.write(settle)


def test_its_writer_is_told_once_and_learns_no_address(office: PostOffice) -> None:
    office.writes(ROSE, "Hello", TO_ANNA, subject="Secret")
    outcome_of_delivery(office, f"550 5.1.1 <{ANNA}> unknown")
    (letter,) = office.letters()
    assert (letter.to, letter.subject) == (ROSE, "Your email to Anna Lindqvist did not arrive")
    assert letter.reply_to == "family-owner@oak.example"
    assert ANNA not in letter.read.as_string()
    assert "Secret" in letter.text


def test_what_is_done_is_forgotten_with_its_bytes(office: PostOffice) -> None:
    office.writes(ROSE, "For all and you", "family@oak.example", TO_ANNA)
    office.writes(ROSE, "Only for you", TO_ANNA)
    database = office.people.database

    def finish(session: Any) -> None:
        rows = queue.claim(session, who="h:1:1", now=NOW)
        queue.settle(session, [Settled(row.id, DeliveryState.SENT, "250") for row in rows], NOW)

    def is_kept(session: Any) -> bool:
        return session.connection().exec_driver_sql("SELECT count(*) FROM message").scalar_one() > 1

    database.write(finish)
    assert database.read(is_kept)
    forget_sent_private_mail(database, NOW + timedelta(days=31))
    assert database.read(is_kept)  # their deliveries are still there
    database.write(lambda session: queue.prune(session, before=NOW + timedelta(days=20)))
    forget_sent_private_mail(database, NOW + timedelta(days=31))
    assert not database.read(is_kept)
    (post,) = office.people.posts()
    assert office.people.content(post.content_id)


# Robots


@pytest.mark.parametrize(
    ("fields", "sender"),
    [
        ({"Auto_Submitted": "auto-replied"}, ROSE),
        ({"X_Autoreply": "yes"}, ROSE),
        ({"Precedence": "auto_reply"}, ROSE),
        ({"subject": "Automatic reply: Hello", "In_Reply_To": "<hello@home.example>"}, ROSE),
        ({"subject": "Abwesenheitsnotiz: Hello", "In_Reply_To": "<hello@home.example>"}, ROSE),
        ({}, ""),
        ({"Content_Type": "multipart/report; report-type=disposition-notification; boundary=b"}, ROSE),
        ({"List_Id": "<other.lists.example>", "Precedence": "list"}, "other-bounces@lists.example"),
    ],
)
def test_what_programs_write_goes_to_nobody(office: PostOffice, fields: dict[str, str], sender: str) -> None:
    office.writes(TOM, "Hello", TO_ROSE, message_id="<hello@home.example>")
    raw = signed_by(mail("I am away\r\n", author=ROSE, to=TO_TOM, message_id="<away@home.example>", **fields))
    assert office.send(raw, TO_TOM, sender=sender) == OK
    assert private(office) == [ROSE]
    assert (letters(office), office.held()) == ([], [])
    assert office.people.log()[-1].kind == "dropped"


def test_an_automatic_subject_alone_is_a_persons(office: PostOffice) -> None:
    assert office.writes(ROSE, "Shall we go?", TO_TOM, subject="Out of office party") == OK
    assert office.writes(ROSE, "Hi", TO_TOM, X_Auto_Response_Suppress="All") == OK
    assert private(office) == [TOM, TOM]


def test_mail_from_our_own_domain_is_no_members(office: PostOffice) -> None:
    assert office.send(mail(author=TO_ROSE, to=TO_TOM), TO_TOM, sender=NOWHERE) == (550, "5.7.1")
    assert private(office) == []
