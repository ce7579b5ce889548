"""She is forgotten: after one more yes nothing of hers is in any table, in the file, or beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel

import storage.every_model  # noqa: F401
from handlers.facts import id_of
from organic_mail import forgetting, joining
from organic_mail.own_data import send_wished_data
from storage import directory, lists, members, private_mail, shunts
from storage.contents import read_content, store_content
from storage.events import record
from storage.models import DeliveryMode
from storage.threads import threads_of
from tests.dns_server import DnsServer
from tests.wire.community import mail
from tests.wire.grandma import OK, PostOffice, post_office
from tests.wire.letters import at_once, reads_letters

ROSE, ANNA, TOM, SVEN = "rose@home.example", "anna@home.example", "tom@home.example", "sven@elm.example"
SECOND = "rosie.l@work.example"
HELP = "family-help@oak.example"
TRACES = [b"rose@home", b"rosie.l", b"okafor@", b"rose.okafor", b"rose okafor", b"mill lane", b"heron", b"nightingale"]
"""Her addresses, alias, name, line, and words that she alone wrote. Tom Okafor stays."""


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        lives(made)
        yield made


def lives(office: PostOffice) -> None:
    """Rose leaves a trace in every way that there is."""
    people, database = office.people, office.people.database
    reads_letters(people, "tom", DeliveryMode.DAILY)
    office.writes(ROSE, "The heron is back.", subject="Heron at the lake", message_id="<h@home.example>")
    office.writes(ANNA, "How nice.", subject="Re: our lake", in_reply_to="<h@home.example>")
    office.writes(TOM, "Soup?", subject="Lunch on Sunday", message_id="<l@home.example>")
    office.writes(ROSE, "With nightingale songs.", subject="Re: Lunch on Sunday", in_reply_to="<l@home.example>")
    office.writes(ROSE, "\N{HEAVY BLACK HEART}", subject="Re: Lunch on Sunday", in_reply_to="<l@home.example>")
    office.writes(ROSE, "Only for you: heron.", "tom.okafor@oak.example", subject="Secret heron")
    office.writes(TOM, "Thank you.", "rose.okafor@oak.example", subject="Garden")
    office.writes(ROSE, "Heron for the garden.", "garden@oak.example", subject="Heron")  # waits for Anna
    office.writes(ROSE, "A heron, surely.", subject="Heron?", proven=False)  # she is asked
    office.writes(SECOND, "Heron news.", subject="Re: Lunch", in_reply_to="<l@home.example>")
    office.writes(ROSE, "who", HELP, subject="")
    office.answers(office.letters(ROSE, about="Who is in")[-1], ROSE, "14 Mill Lane")
    office.writes(ROSE, "my data", HELP, subject="")
    send_wished_data(database, people.host, people.clock[0])
    people.host.written_to("family")
    rose = office.member_of(ROSE)
    anna, tom = people.membership("anna"), people.membership("tom")
    assert rose is not None

    def more(session: Any) -> None:
        now = people.clock[0]
        members.add_address(session, member_id=id_of(rose), address="Rosie.L@work.example", key=SECOND, now=now)
        directory.vouch(session, membership_id=id_of(tom), voucher_id=id_of(rose), now=now)
        private_mail.block(session, blocker_id=id_of(rose), blocked_id=anna.member_id, now=now)
        private_mail.block(session, blocker_id=tom.member_id, blocked_id=id_of(rose), now=now)
        content_id = store_content(session, mail("Heron!", author=f"Rose <{ROSE}>", subject="Broken"), now)
        shunts.set_aside(
            session, content_id=content_id, reason="We failed.", envelope_sender="Rose@home.example",
            recipients=["family@oak.example"], now=now,
        )  # fmt: skip
        record(session, "refused", f"An email from Rose Okafor <{SECOND}> was refused.", now=now, content_id=content_id)

    database.write(more)
    at_once(people)


def told(raw: bytes) -> list[bytes]:
    return [trace for trace in TRACES if trace in raw.lower()]


def everything(office: PostOffice) -> dict[str, bytes]:
    """Each table as text, messages unpacked and decoded."""

    def read(session: Any) -> dict[str, bytes]:
        found = {}
        for table in SQLModel.metadata.sorted_tables:
            rows = session.connection().execute(select(table)).all()
            found[table.name] = repr(rows).encode()
        ids = session.connection().execute(select(SQLModel.metadata.tables["message"].c.id)).scalars().all()
        found["messages"] = b"\n".join(read_content(session, content_id) for content_id in ids)
        return found

    return office.people.database.read(read)


def is_forgotten(office: PostOffice) -> None:
    assert office.writes(ROSE, "forget me", HELP, subject="") == OK
    letter = office.letters(ROSE, about="Shall we forget you?")[-1]
    assert office.member_of(ROSE) is not None, "nothing happens before her yes"
    assert office.answers(letter, ROSE, "Yes") == OK


def test_she_stands_in_many_tables_before(office: PostOffice) -> None:
    tables = {name for name, text in everything(office).items() if told(text)}
    assert len(tables) > 8, tables


def test_nothing_of_hers_is_left_in_any_table(office: PostOffice) -> None:
    is_forgotten(office)
    assert {name: told(text) for name, text in everything(office).items() if told(text)} == {}


def test_nothing_of_hers_is_left_in_any_file(office: PostOffice, tmp_path: Path) -> None:
    is_forgotten(office)
    forgetting.sweep(office.people.database, office.people.clock[0])
    files = {path: told(path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file()}
    assert len(files) >= 1
    assert {path.name: found for path, found in files.items() if found} == {}


def test_others_keep_their_words_and_their_places(office: PostOffice) -> None:
    before = {post.message_id: post.thread_id for post in office.people.posts()}
    is_forgotten(office)
    after = office.people.posts()
    assert {post.message_id: post.thread_id for post in after} == before
    assert [post.author_name for post in after if post.removed_at is None] == ["Anna Lindqvist", "Tom Okafor"]
    family = id_of(office.people.list_named())
    threads = office.people.database.read(lambda session: threads_of(session, family))
    assert {(thread.subject, thread.posts) for thread in threads} == {("Re: our lake", 1), ("Lunch on Sunday", 1)}
    assert office.writes(ANNA, "And soup.", subject="Re: Lunch on Sunday", in_reply_to="<l@home.example>") == OK
    assert office.people.posts()[-1].thread_id == before["<l@home.example>"]


def test_she_hears_nothing_more_and_is_a_stranger(office: PostOffice) -> None:
    is_forgotten(office)
    assert ROSE not in {row.recipient for row in rows(office)}
    assert office.writes(ROSE, "Hello", subject="I am here") == (550, "5.7.1")
    assert office.writes(TOM, "Hello", "rose.okafor@oak.example") == (550, "5.1.1")


def rows(office: PostOffice) -> list[Any]:
    from storage.queue import queue_rows

    return office.people.database.read(queue_rows)


def test_nobody_else_gets_her_alias(office: PostOffice) -> None:
    is_forgotten(office)

    def join(session: Any) -> str:
        family = lists.list_named(session, "family")
        assert family is not None
        newcomer = joining.Newcomer(joining.Mailbox("Rose Okafor", "rose@elm.example"))
        joining.confirm(session, office.people.host, mailing_list=family, newcomer=newcomer, now=office.people.clock[0])
        other = members.member_of_address(session, "rose@elm.example")
        assert other is not None
        return other.alias

    assert office.people.database.write(join) == "rose.okafor.2"


@pytest.mark.parametrize(("author", "proven", "text"), [(TOM, True, "yes"), (ROSE, False, "yes"), (ROSE, True, "no")])
def test_only_her_own_yes_does_it(office: PostOffice, author: str, proven: bool, text: str) -> None:
    office.writes(ROSE, "forget me", HELP, subject="")
    letter = office.letters(ROSE, about="Shall we forget you?")[-1]
    assert office.answers(letter, author, text, proven=proven) == OK
    assert office.member_of(ROSE) is not None


def test_a_late_yes_does_nothing(office: PostOffice) -> None:
    office.writes(ROSE, "forget me", HELP, subject="")
    letter = office.letters(ROSE, about="Shall we forget you?")[-1]
    office.later(days=8)
    assert office.answers(letter, ROSE, "yes") == (550, "5.7.1")
    assert office.member_of(ROSE) is not None


def test_the_second_yes_changes_nothing(office: PostOffice) -> None:
    office.writes(ROSE, "forget me", HELP, subject="")
    letter = office.letters(ROSE, about="Shall we forget you?")[-1]
    office.answers(letter, ROSE, "yes")
    assert office.answers(letter, ROSE, "yes") == (550, "5.1.1")


def test_she_may_write_to_everyone_in_the_same_breath(office: PostOffice) -> None:
    office.writes(ROSE, "forget me", HELP, subject="")
    letter = office.letters(ROSE, about="Shall we forget you?")[-1]
    assert office.writes(ROSE, "yes", letter.reply_to, "family@oak.example", subject="Bye") == OK
    assert office.member_of(ROSE) is None
    assert {name: told(text) for name, text in everything(office).items() if told(text)} == {}
