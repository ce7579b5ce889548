"""Hearts are counted by member and post, changed and taken back; they go to nobody (spec/people.md §3.5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.token import private_reference
from storage.models import Posting
from storage.posts import remove_post
from storage.reactions import reactions_to
from tests.dns_server import DnsServer
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import NOW, SECRETS, mail
from tests.wire.daemons import daemon, until
from tests.wire.grandma import OK, PostOffice, post_office

__all__ = ["empty_home", "om"]

ROSE, ANNA, TOM = "rose@home.example", "anna@home.example", "tom@home.example"
RED, UP, JOY = "\u2764\ufe0f", "\U0001f44d", "\U0001f602"
UTF8 = {"Content_Type": "text/plain; charset=utf-8"}
ANSWER = {"In_Reply_To": "<1@home.example>", "subject": "Re: Lunch on Sunday", **UTF8}


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        assert made.writes(ANNA, "Lunch at noon?") == OK
        yield made


def counted(office: PostOffice, post_id: int = 1) -> list[tuple[str, int]]:
    return office.people.database.read(lambda session: reactions_to(session, [post_id])).get(post_id, [])


def is_quiet(office: PostOffice, posts: int = 1) -> bool:
    """Nothing was posted, held or answered beside the first post."""
    return (len(office.subjects()), office.held(), office.letters()) == (posts, [], [])


def test_each_member_counts_once(office: PostOffice) -> None:
    assert office.writes(ROSE, RED, **ANSWER) == OK
    assert office.writes(TOM, "\u2764", **ANSWER) == OK
    assert office.writes(ANNA, JOY, **ANSWER) == OK
    assert office.writes(ROSE, RED, **ANSWER) == OK
    assert counted(office) == [(RED, 2), (JOY, 1)]
    assert is_quiet(office)
    assert office.people.log()[-1].kind == "reacted"


def test_another_one_changes_it_and_no_takes_it_back(office: PostOffice) -> None:
    office.writes(ROSE, RED, **ANSWER)
    office.writes(ROSE, f"{UP}\U0001f3fd", **ANSWER)
    assert counted(office) == [(UP, 1)]
    assert office.writes(ROSE, "no \u2764", **ANSWER) == OK
    assert counted(office) == []
    assert office.writes(ROSE, "no \u2764", **ANSWER) == OK
    assert is_quiet(office)


def test_a_telephones_words_are_counted_and_taken_back(office: PostOffice) -> None:
    office.writes(ROSE, "Loved “Lunch at noon?”", **ANSWER)
    office.writes(TOM, "Gefällt „Lunch at noon?“", **ANSWER)
    assert counted(office) == [(RED, 1), (UP, 1)]
    office.writes(ROSE, "Removed a heart from “Lunch at noon?”", **ANSWER)
    assert counted(office) == [(UP, 1)]
    assert is_quiet(office)


def test_a_book_that_she_loved_is_her_answer(office: PostOffice) -> None:
    assert office.writes(ROSE, "Loved “Dune”", **ANSWER) == OK
    assert (counted(office), office.subjects()) == ([], ["Lunch on Sunday", "Re: Lunch on Sunday"])


def test_a_heart_for_nothing_that_we_know_is_a_post(office: PostOffice) -> None:
    assert office.writes(ROSE, RED, subject="For all of you", **UTF8) == OK
    assert office.writes(ROSE, RED, **{**ANSWER, "In_Reply_To": "<unknown@x.example>"}) == OK
    assert len(office.subjects()) == 3


def test_what_a_program_made_of_nothing_that_we_know_goes_nowhere(office: PostOffice) -> None:
    text = "Rose Okafor reacted to your message:"
    assert office.writes(ROSE, text, **{**ANSWER, "In_Reply_To": "<unknown@x.example>"}) == OK
    assert is_quiet(office)


def test_a_removed_post_has_no_hearts_and_sends_none_on(office: PostOffice) -> None:
    office.people.database.write(lambda session: remove_post(session, post_id=1, now=NOW))
    office.writes(ROSE, "Rose Okafor reacted to your message:", **ANSWER)
    assert counted(office) == []
    assert len(office.people.posts()) == 1


def test_a_stranger_has_no_heart_here(office: PostOffice) -> None:
    assert office.writes("sven@elm.example", RED, **ANSWER) == (550, "5.7.1")
    assert counted(office) == []


def test_nobody_is_asked_about_a_heart(office: PostOffice) -> None:
    assert office.writes(ROSE, RED, proven=False, **ANSWER) == OK
    reference = private_reference(SECRETS, member_id=2, thread_id=1, domain="oak.example")
    assert office.writes("rosie@work.example", RED, References=reference, **ANSWER) == OK
    assert counted(office) == []
    assert is_quiet(office)


def test_hearts_need_no_moderator(office: PostOffice) -> None:
    for name, post_id in (("garden", 2), ("news", 3)):
        assert office.writes(ANNA, "Apples", f"{name}@oak.example", message_id=f"<{name}@home.example>") == OK
        answer = {**ANSWER, "In_Reply_To": f"<{name}@home.example>"}
        assert office.writes(ROSE, RED, f"{name}@oak.example", **answer) == OK
        assert counted(office, post_id) == [(RED, 1)]
    assert office.people.list_named("news").posting is Posting.ANNOUNCE
    assert is_quiet(office, 3)


def test_at_the_authors_alias_a_program_means_the_post_and_a_person_the_author(office: PostOffice) -> None:
    text = f"{UP}\r\n\r\nRose Okafor reacted via Gmail\r\n<https://www.google.com/gmail/about/>"
    assert office.writes(ROSE, text, "anna.lindqvist@oak.example", **ANSWER) == OK
    assert counted(office) == [(UP, 1)]
    assert office.writes(TOM, RED, "anna.lindqvist@oak.example", **ANSWER) == OK
    assert counted(office) == [(UP, 1)]
    assert office.people.log()[-1].text == "Tom Okafor wrote to Anna Lindqvist alone."


def test_thread_show_counts_them(om: Operator) -> None:
    om("list", "create", "family")
    for member in ("Anna Lindqvist <anna@home.example>", "Olu Okafor <olu@home.example>"):
        assert om("member", "add", "family", member, "--confirmed", "--quiet").code == 0
    gmail = (
        f"--b\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n{RED}\r\n\r\nOlu Okafor reacted via Gmail\r\n"
        '--b\r\nContent-Type: text/vnd.google.email-reaction+json; charset="UTF-8"\r\n\r\n'
        f'{{"emoji": "{RED}", "version": 1}}\r\n--b--\r\n'
    )
    answer = {"In_Reply_To": "<1@home.example>", "subject": "Re: Lunch on Sunday", "author": "olu@home.example"}
    with daemon(om.home) as running:
        assert running.send(mail("Lunch at noon?\r\n")) == 250
        until(lambda: len(running.copies()) == 2)
        fields = {**answer, "message_id": "<2@home.example>", "Content_Type": "multipart/alternative; boundary=b"}
        assert running.send(mail(gmail, **fields), author="olu@home.example") == 250
        (thread,) = om("thread", "ls", "family", "--json").json
        assert thread["posts"] == 1
        (post,) = om("thread", "show", str(thread["id"]), "--json").json["posts"]
        assert post["reactions"] == [{"emoji": RED, "count": 1}]
        assert f"{RED} 1" in om("thread", "show", str(thread["id"])).out
        assert len(running.copies()) == 2
