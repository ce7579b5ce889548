from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.address import Mailbox
from handlers.decide import decide
from handlers.post import addresses_in, decide_post, shown_ids, shown_name
from handlers.token import private_reference
from storage.models import Member
from tests.handlers.letters import ANNA, ANNAS_KEY, HOST, NOW, facts, letter


def published(incoming, **changes):
    outcome = decide(incoming, facts(incoming, **changes), NOW)
    (action,) = outcome.actions
    return action


def test_what_the_author_wrote_stays():
    post = published(letter(in_reply_to="<0@elm.example>", references="<a@elm.example> <0@elm.example>"))
    assert post.message_id == post.original_message_id == "<1@home.example>"
    assert post.in_reply_to == "<0@elm.example>"
    assert post.references == ("<a@elm.example>", "<0@elm.example>")
    assert (post.subject, post.author_name) == ("Lunch on Sunday", "Anna Lindqvist")
    assert post.written_at == datetime(2026, 11, 22, 7, tzinfo=UTC)


def test_private_references_never_go_out():
    private = private_reference(HOST.secrets, member_id=7, thread_id=3, domain=HOST.domain)
    forged = "<m.anything@OAK.example>"
    foreign = "<m.anything@elm.example>"
    post = published(letter(in_reply_to=private, references=f"{private} {forged} {foreign} <0@elm.example>"))
    assert post.references == (foreign, "<0@elm.example>")
    assert post.in_reply_to == ""


@pytest.mark.parametrize(
    "message_id",
    [
        "<anna@home.example>",
        "<2026.anna@home.example>",
        "<ANNA@Home.Example>",
        "<x.anna=home.example@mailer.example>",
        "<anna%40home.example@mailer.example>",
        "<1+anna@home.example>",
    ],
)
def test_a_message_id_that_tells_a_members_address_is_replaced_everywhere(message_id):
    known = addresses_in([message_id])
    assert ANNAS_KEY in known
    first = published(letter(message_id=message_id), hiding={ANNAS_KEY})
    answer = published(letter(in_reply_to=message_id, references=f"<0@elm.example> {message_id}"), hiding={ANNAS_KEY})
    assert first.message_id.startswith("<p.")
    assert "anna" not in first.message_id.lower()
    assert first.original_message_id == message_id
    assert answer.in_reply_to == first.message_id
    assert answer.references == ("<0@elm.example>", first.message_id)


def test_other_message_ids_stay():
    assert published(letter(message_id="<hanna@home.example>"), hiding={ANNAS_KEY}).message_id == "<hanna@home.example>"


def test_a_message_without_an_id_gets_the_same_one_each_time():
    first, again = (published(letter(message_id=None)) for _ in range(2))
    assert first.message_id == again.message_id
    assert first.message_id.endswith("@oak.example>")
    assert first.original_message_id == ""
    assert published(letter("Something else.\r\n", message_id=None)).message_id != first.message_id


def test_an_id_beyond_ascii_is_replaced():
    assert published(letter(message_id="<å@home.example>")).message_id.isascii()


def test_without_a_date_it_was_written_now():
    assert published(letter(date=None)).written_at == NOW
    assert published(letter(date="yesterday")).written_at == NOW


def test_an_answer_to_a_bounce_address_answers_that_post():
    incoming = letter()
    (post,) = decide_post(incoming, facts(incoming), NOW, answers="<0@elm.example>").actions
    assert post.in_reply_to == "<0@elm.example>"
    incoming = letter(in_reply_to="<own@elm.example>")
    (post,) = decide_post(incoming, facts(incoming), NOW, answers="<0@elm.example>").actions
    assert post.in_reply_to == "<own@elm.example>"


@pytest.mark.parametrize(
    ("member", "author", "shown"),
    [
        (ANNA, Mailbox("somebody else", "anna@home.example"), "Anna Lindqvist"),
        (Member(name="", alias="anna", created_at=NOW), Mailbox("Anna", "anna@home.example"), "Anna"),
        (Member(name="", alias="anna", created_at=NOW), Mailbox("anna@home.example", "anna@home.example"), "anna"),
        (None, Mailbox("", "sven@elm.example"), "Somebody"),
        (None, None, "Somebody"),
    ],
)
def test_how_the_author_is_called(member, author, shown):
    assert shown_name(member, author) == shown


@given(st.lists(st.text(max_size=300), max_size=5))
def test_addresses_are_looked_for_in_anything(message_ids):
    for key in addresses_in(message_ids):
        assert "@" in key


@given(st.from_regex(r"[a-z0-9.]{0,20}", fullmatch=True), st.sampled_from(["@", "=", "%40"]))
def test_an_address_behind_a_separator_is_found(before, sign):
    assert ANNAS_KEY in addresses_in([f"<{before}-anna{sign}home.example>"])


def test_a_very_long_id_is_looked_at_in_good_time():
    assert len(addresses_in(["<" + "a.@" * 30_000 + ">"])) < 1_000_000


def test_ids_are_shown_as_the_author_wrote_them_without_our_private_ones():
    ids = ("<a@x.example>", f"<m.1-aaaa-bbbb@{HOST.domain}>", "<b@x.example>", "<a@x.example>")
    assert shown_ids(ids, HOST, frozenset()) == ("<a@x.example>", "<b@x.example>")
