"""Empty answers, commands in the Subject, answers to the wrong address, documents (spec/people.md §1.1)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.token import verp_address
from tests.dns_server import DnsServer
from tests.wire.community import NOW, SECRETS
from tests.wire.grandma import OK, PostOffice, post_office

ROSE, ANNA = "rose@home.example", "anna@home.example"
ANSWER = {"In_Reply_To": "<1@home.example>", "subject": "Re: Lunch on Sunday"}
ATTRIBUTION = "On Sun, Nov 22, 2026 at 8:14 AM Anna Lindqvist (Family) <anna.lindqvist@oak.example>\r\nwrote:\r\n\r\n"
FOOTER = "Everyone in The family reads your reply. To stop, write to\r\n> family-leave@oak.example."
QUOTE = f"{ATTRIBUTION}> Lunch at noon?\r\n> Bring a chair.\r\n>\r\n> {FOOTER}\r\n"
OUTLOOK = (
    "________________________________\r\nFrom: Anna Lindqvist (Family) <anna.lindqvist@oak.example>\r\n"
    "Sent: Sunday, November 22, 2026 8:14 AM\r\nTo: The family <family@oak.example>\r\nSubject: Lunch on Sunday\r\n\r\n"
    "Lunch at noon?\r\nBring a chair.\r\n"
)
HTML = (
    '<html><body><div><br></div><div class="gmail_quote"><div class="gmail_attr">On Sun, Nov 22, 2026 Anna wrote:</div>'
    "<blockquote>Lunch at noon?<br>Bring a chair.</blockquote></div></body></html>"
)
PARTS = {"Content_Type": "multipart/mixed; boundary=b"}


@pytest.fixture
def office(sqlite_template: Path, tmp_path: Path, dns_server: DnsServer) -> Iterator[PostOffice]:
    with post_office(sqlite_template, tmp_path, dns_server) as made:
        assert made.writes(ANNA, "Lunch at noon?\r\nBring a chair.") == OK
        yield made


def is_quiet(office: PostOffice, posts: int = 1) -> bool:
    return (len(office.subjects()), office.held(), office.letters()) == (posts, [], [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\r\n\r\n",
        QUOTE,
        f"\r\n\r\n{QUOTE}",
        f"Sent from my iPhone\r\n\r\n{QUOTE}",
        f"Skickat från min iPhone\r\n\r\n{QUOTE}",
        OUTLOOK,
        "> Lunch at noon?\r\n",
    ],
)
def test_an_answer_with_nothing_in_it_is_a_slip(office: PostOffice, text: str) -> None:
    assert office.writes(ROSE, text, Content_Type="text/plain; charset=utf-8", **ANSWER) == OK
    assert is_quiet(office)
    assert office.people.log()[-1].text == "rose@home.example sent an answer with nothing in it."


def test_the_same_in_html(office: PostOffice) -> None:
    assert office.writes(ROSE, HTML, Content_Type="text/html; charset=utf-8", **ANSWER) == OK
    assert is_quiet(office)


@pytest.mark.parametrize(
    "text",
    [
        f"Yes\r\n\r\n{QUOTE}",
        f"{ATTRIBUTION}> Lunch at noon?\r\nNo, at one.\r\n> Bring a chair.\r\n",
        f"{ATTRIBUTION}> Lunch at noon?\r\n> Bring a chair. And a table!\r\n",
        f"-- \r\nI come\r\n\r\n{QUOTE}",  # some write below the line of their signature
        "12:30?",
        "OK",
    ],
)
def test_a_word_is_enough(office: PostOffice, text: str) -> None:
    assert office.writes(ROSE, text, **ANSWER) == OK
    assert is_quiet(office, 2)


def test_a_first_mail_may_be_all_subject(office: PostOffice) -> None:
    assert office.writes(ROSE, "", subject="Who has my umbrella?") == OK
    assert office.subjects()[-1] == "Who has my umbrella?"


def test_a_quote_with_a_photo_is_an_answer(office: PostOffice) -> None:
    text = (
        f"--b\r\nContent-Type: text/plain\r\n\r\n{QUOTE}\r\n--b\r\nContent-Type: image/gif\r\n\r\nGIF89a\r\n--b--\r\n"
    )
    assert office.writes(ROSE, text, **PARTS, **ANSWER) == OK
    assert is_quiet(office, 2)


def test_a_document_and_no_word(office: PostOffice) -> None:
    text = (
        "--b\r\nContent-Type: text/plain\r\n\r\n\r\n--b\r\nContent-Type: application/pdf\r\n"
        'Content-Disposition: attachment; filename="recipe.pdf"\r\n\r\n%PDF\r\n--b--\r\n'
    )
    assert office.writes(ROSE, text, subject="recipe", **PARTS) == OK
    assert office.writes(ROSE, text, **PARTS, **ANSWER) == OK
    assert is_quiet(office, 3)


# Commands in the Subject


@pytest.mark.parametrize("text", ["", QUOTE, f"Sent from my iPhone\r\n\r\n{QUOTE}"])
def test_the_subject_speaks_where_nothing_is_written(office: PostOffice, text: str) -> None:
    assert office.writes(ROSE, text, In_Reply_To="<1@home.example>", subject="unsubscribe") == OK
    assert office.people.membership("rose").status == "left"
    assert len(office.subjects()) == 1


def test_the_subject_of_a_written_mail_does_not(office: PostOffice) -> None:
    assert office.writes(ROSE, "Do not stop writing, please", subject="stop") == OK
    assert office.people.membership("rose").status == "active"


# The wrong address


def return_path(office: PostOffice) -> str:
    content_id = office.people.posts()[0].content_id
    return verp_address(SECRETS, member_id=2, content_id=content_id, day=NOW.date(), domain="oak.example")


def test_who_answers_at_the_return_path_answers_the_post(office: PostOffice) -> None:
    assert office.writes(ROSE, "I come", return_path(office), subject="Re: Lunch on Sunday") == OK
    first, second = office.people.posts()
    assert (second.in_reply_to, second.thread_id) == (first.message_id, first.thread_id)


def test_a_heart_or_a_slip_there_is_what_it_is(office: PostOffice) -> None:
    utf8 = {"Content_Type": "text/plain; charset=utf-8"}
    assert office.writes(ROSE, "\u2764\ufe0f", return_path(office), **ANSWER, **utf8) == OK
    assert office.people.log()[-1].kind == "reacted"
    assert office.writes(ROSE, QUOTE, return_path(office), **ANSWER) == OK
    assert is_quiet(office)


def test_a_word_to_the_people_who_run_it_stays_with_them(office: PostOffice) -> None:
    """Our copies nowhere ask to answer there: whoever does so means these people alone."""
    assert office.writes(ROSE, "I cannot come, but please tell nobody", "family-owner@oak.example", **ANSWER) == OK
    assert len(office.subjects()) == 1
    assert [letter.to for letter in office.letters()] == [ANNA]
