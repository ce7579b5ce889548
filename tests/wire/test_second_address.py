"""Is rosie@work also you? Asked at the known address, learnt after a yes (spec/people.md §3.6)."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, cast

import pytest

from handlers.address import Mailbox
from handlers.token import private_reference
from organic_mail import joining
from storage import lists, members
from tests.dns_server import DnsServer
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import NOW, SECRETS, mail
from tests.wire.daemons import SETTINGS, daemon, until
from tests.wire.grandma import OK, PostOffice, post_office
from tests.wire.sink import Sink, Transaction

__all__ = ["empty_home", "om"]

ROSE, ANNA, WORK = "rose@home.example", "anna@home.example", "rosie@work.example"
GMAIL = (
    "I can bring chairs.\r\n\r\n"
    "On Sun, Nov 22, 2026 at 8:14 AM Anna Lindqvist (Family) <anna.lindqvist@oak.example>\r\nwrote:\r\n\r\n"
    "> Hello everyone.\r\n>\r\n"
    "> Everyone in family reads your reply. To stop, write to family-leave@oak.example.\r\n"
)


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        assert made.writes(ANNA, "Lunch at noon?") == OK
        yield made


def roses_copy(office: PostOffice) -> dict[str, str]:
    """The fields of an answer to the copy that Rose got."""
    thread_id = office.people.posts()[0].thread_id
    reference = private_reference(SECRETS, member_id=2, thread_id=thread_id, domain="oak.example")
    return {
        "References": f"{reference} <1@home.example>",
        "In_Reply_To": "<1@home.example>",
        "subject": "Re: Lunch on Sunday",
    }


def test_another_members_answer_is_his_own(office: PostOffice) -> None:
    """Rose has sent her copy on to Tom."""
    assert office.writes("tom@home.example", "I come", **roses_copy(office)) == OK
    assert [post.author_name for post in office.people.posts()] == ["Anna Lindqvist", "Tom Okafor"]
    assert office.letters() == []


def test_somebody_whom_we_know_from_another_list_is_nobodys_second_address(office: PostOffice) -> None:
    def join(session: Any) -> None:
        choir = lists.create_list(session, name="choir", title="The choir", now=NOW)
        newcomer = joining.Newcomer(Mailbox("Sven", "sven@elm.example"))
        joining.confirm(session, office.people.host, mailing_list=choir, newcomer=newcomer, now=NOW, quiet=True)

    office.people.database.write(join)
    assert office.writes("sven@elm.example", "I come", **roses_copy(office)) == (550, "5.7.1")
    assert (office.letters(), office.held()) == ([], [])


def test_a_question_that_was_sent_on_is_answered_by_nobody_else(office: PostOffice) -> None:
    assert office.writes(WORK, "I come", **roses_copy(office)) == OK
    (letter,) = office.letters(ROSE)
    assert office.answers(letter, WORK, "yes") == OK
    assert office.answers(letter, "tom@home.example", "yes") == OK
    assert len(office.people.posts()) == 1
    assert office.member_of(WORK) is None


def test_an_answer_to_nothing_of_ours_is_a_strangers(office: PostOffice) -> None:
    """iPhones send no References: then we cannot know whose copy it answers."""
    fields = {"In_Reply_To": "<1@home.example>", "subject": "Re: Lunch on Sunday"}
    assert office.writes(WORK, "I come", **fields) == (550, "5.7.1")


def test_who_has_left_is_not_asked(office: PostOffice) -> None:
    membership_id = office.people.membership("rose").id or 0
    office.people.database.write(lambda session: members.leave(session, membership_id=membership_id))
    assert office.writes(WORK, "I come", **roses_copy(office)) == (550, "5.7.1")
    assert office.letters() == []


def taken(sink: Sink, number: int) -> list[Transaction]:
    return cast("list[Transaction]", until(lambda: sink.taken[:] if len(sink.taken) >= number else None))


def read(transaction: Transaction) -> EmailMessage:
    return cast("EmailMessage", email.message_from_bytes(transaction.content, policy=SMTP))  # type: ignore[arg-type]


def test_from_the_first_answer_to_the_learnt_address(om: Operator) -> None:
    om("list", "create", "family")
    for member in (f"Anna Lindqvist <{ANNA}>", f"Rose Okafor <{ROSE}>"):
        assert om("member", "add", "family", member, "--confirmed", "--quiet").code == 0
    sink = Sink()
    with sink.listening():
        hop = f'transport = "smarthost"\nsmarthost = "smtp://127.0.0.1:{sink.port}"'
        with daemon(om.home, settings=SETTINGS.replace('transport = "maildir"\nmaildir = "mail"', hop)) as served:
            assert served.send(mail()) == 250
            (copy,) = [read(each) for each in taken(sink, 2) if each.recipient == ROSE]
            parents = " ".join(str(copy["References"]).split())
            answer = mail(GMAIL, author=f"Rosie <{WORK}>", subject="Re: Lunch on Sunday",
                          message_id="<CA+2@mail.gmail>", Date="Sun, 22 Nov 2026 09:30:00 +0100",
                          In_Reply_To=str(copy["Message-ID"]), References=parents)  # fmt: skip
            assert served.send(answer, author=WORK) == 250
            question = taken(sink, 3)[2]
            asked = read(question)
            assert (question.recipient, asked["Subject"]) == (ROSE, f"Is {WORK} also you?")
            (held,) = om("held", "ls", "--json").json
            assert held["subject"] == "Re: Lunch on Sunday"
            reply_to = str(asked["Reply-To"])
            yes = mail("Yes\r\n\r\nSent from my iPad\r\n", author=f"Rose <{ROSE}>", to=reply_to,
                       message_id="<y@home.example>", subject=f"Re: {asked['Subject']}",
                       In_Reply_To=str(asked["Message-ID"]))  # fmt: skip
            assert served.send(yes, author=ROSE, to=reply_to) == 250
            for post in map(read, taken(sink, 5)[3:]):
                assert post["From"] == '"Rose Okafor (Family)" <rose.okafor@oak.example>'
                assert (post["Message-ID"], post["Date"]) == ("<CA+2@mail.gmail>", "Sun, 22 Nov 2026 09:30:00 +0100")
                assert post["In-Reply-To"] == "<1@home.example>"
                assert WORK not in post.as_string()
            assert served.send(mail("Again\r\n", author=WORK, message_id="<3@work.example>"), author=WORK) == 250
            assert served.end() == 0
    assert om("member", "show", ROSE, "--json").json["addresses"] == [ROSE, WORK]
    found = om("thread", "show", "1", "--json").json["posts"]
    assert [re.sub(r":00\+.*|Z", "", each["date"]) for each in found][1].startswith("2026-11-22T08:30")
    assert found[1]["text"] == "I can bring chairs."
    assert om("held", "ls", "--json").json == []
