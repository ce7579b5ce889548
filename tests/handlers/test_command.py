from __future__ import annotations

from datetime import timedelta

import pytest

from handlers.decide import decide
from handlers.incoming import Verdict
from handlers.outcome import Decline, Hold, Join, Leave, Note, Return, SayIsMember
from handlers.route import Kind
from storage.models import Awaits, Status, TokenAction
from tests.handlers.letters import NOW, facts, letter, membership, stranger, token

TOKEN = "family-k7m2q9xwab@oak.example"


def outcome(text="", *, known=facts, stored=None, kind=Kind.TOKEN, address=TOKEN, changes=None, **fields):
    incoming = letter(text, route=kind, address=address, **fields)
    return decide(incoming, known(incoming, token=stored, **(changes or {})), NOW)


def action(*args, **kwargs):
    found = outcome(*args, **kwargs)
    assert found.accepted, found
    (only,) = found.actions
    return only


INVITED = token(TokenAction.JOIN, Status.INVITED)


@pytest.mark.parametrize(
    "text",
    ["yes", "Yes!", "YES please, love Anna", "ja", "Ja, gerne", "oui", "sí", "Sì", "si", "да", "tak", "kyllä", "ano",
     "igen", "\N{THUMBS UP SIGN}", "\N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-3}", "  \r\n yes", "*Yes*",
     "yes\r\n\r\nOn Sunday Olu wrote:\r\n> To join, write: yes"],
)  # fmt: skip
def test_yes_joins(text):
    assert action(text + "\r\n", stored=INVITED) == Join("k7m2q9xwab", 9)


@pytest.mark.parametrize("text", ["no", "No thank you", "nein", "nej", "non", "\N{THUMBS DOWN SIGN}"])
def test_no_declines(text):
    assert action(text + "\r\n", stored=INVITED) == Decline("k7m2q9xwab", 9)


@pytest.mark.parametrize("text", ["Who are you?", "yesterday I was ill", "maybe", "?", "What is this: yes or no"])
def test_other_words_wait_for_a_person(text):
    held = action(text + "\r\n", stored=INVITED)
    assert isinstance(held, Hold)
    assert held.list_id == 1


def test_an_empty_mail_is_read_by_its_subject():
    assert action("\r\n", stored=INVITED, subject="Yes") == Join("k7m2q9xwab", 9)
    assert isinstance(action("\r\n", stored=INVITED, subject="Re: Anna invites you"), Hold)


def test_from_must_be_the_invited_address():
    held = action("yes\r\n", stored=INVITED, known=stranger, **{"from": "mallory@elm.example"})
    assert isinstance(held, Hold)
    assert "mallory@elm.example" in held.reason


@pytest.mark.parametrize(
    ("verdict", "code"),
    [(Verdict.ALIGNED, 250), (Verdict.UNVERIFIED, 250), (Verdict.REFUSED, 550), (Verdict.UNCERTAIN, 451)],
)
def test_a_join_must_not_fail_a_strict_policy(verdict, code):
    assert outcome("yes\r\n", stored=INVITED, verdict=verdict).reply.code == code


def test_a_program_never_joins():
    assert isinstance(action("yes\r\n", stored=INVITED, auto_submitted="auto-replied"), Note)


def test_a_second_yes_changes_nothing():
    note = action("yes\r\n", stored=token(TokenAction.JOIN, Status.ACTIVE, used_at=NOW))
    assert isinstance(note, Note)


def test_a_yes_after_a_no_reaches_a_person():
    assert isinstance(action("yes\r\n", stored=token(TokenAction.JOIN, Status.LEFT, used_at=NOW)), Hold)


def test_an_old_invitation_says_where_to_go():
    late = token(TokenAction.JOIN, Status.INVITED, expires_at=NOW - timedelta(days=1))
    reply = outcome("yes\r\n", stored=late).reply
    assert (reply.code, reply.enhanced) == (550, "5.7.1")
    assert "family-owner@oak.example" in reply.text


LEAVING = token(TokenAction.LEAVE, Status.ACTIVE)


@pytest.mark.parametrize("author", ["anna@home.example", "somebody@elm.example"])
def test_leaving_by_token_works_for_any_from(author):
    assert action(stored=LEAVING, known=stranger, **{"from": author}) == Leave(9)


def test_a_mail_programs_own_unsubscribe_works():
    assert action(stored=LEAVING, auto_submitted="auto-generated") == Leave(9)


def test_a_report_takes_nobody_off():
    assert isinstance(action(stored=LEAVING, content_type="multipart/report; boundary=b"), Note)


def test_leaving_must_not_fail_a_strict_policy():
    assert outcome(stored=LEAVING, verdict=Verdict.REFUSED).reply.enhanced == "5.7.26"


def test_leaving_twice_changes_nothing():
    assert isinstance(action(stored=token(TokenAction.LEAVE, Status.LEFT)), Note)


GONE = token(TokenAction.RETURN, Status.LEFT)


def test_any_answer_to_a_goodbye_brings_back():
    assert action("What happened?\r\n", stored=GONE) == Return("k7m2q9xwab", 9)


def test_but_not_from_another_address_nor_from_a_program():
    assert isinstance(action(stored=GONE, **{"from": "mallory@elm.example"}), Hold)
    assert isinstance(action(stored=GONE, auto_submitted="auto-replied"), Note)
    assert isinstance(action(stored=token(TokenAction.RETURN, Status.ACTIVE)), Note)


def leave(**kwargs):
    return outcome(kind=Kind.LEAVE, address="family-leave@oak.example", **kwargs)


def test_a_member_leaves_by_the_leave_address():
    assert leave().actions == (Leave(9),)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"known": stranger},
        {"changes": {"membership": membership(Status.INVITED)}},
        {"verdict": Verdict.UNVERIFIED},
    ],
    ids=["a stranger", "invited", "unverified"],
)
def test_who_is_not_surely_a_member_gets_the_same_answer(kwargs):
    found = leave(**kwargs)
    assert found.reply == leave().reply
    assert isinstance(found.actions[0], Hold)


def test_asking_for_help_reaches_a_person():
    held = action("How do I send photos?\r\n", kind=Kind.HELP, address="family-help@oak.example", known=stranger)
    assert isinstance(held, Hold)
    assert held.ask


@pytest.mark.parametrize(("text", "found"), [("unsubscribe", Leave), ("Subscribe, please", SayIsMember)])
def test_commands_are_read_where_help_is(text, found):
    assert isinstance(action(f"{text}\r\n", kind=Kind.HELP, address="family-help@oak.example"), found)


@pytest.mark.parametrize("text", ["stop", "Unsubscribe", "Please take me off!\r\n\r\nLove, Grandma", "Abmelden"])
def test_a_member_who_tells_everyone_that_she_wants_to_leave_leaves(text):
    assert action(f"{text}\r\n", kind=Kind.LIST, address="family@oak.example") == Leave(9)


def test_a_leave_of_whom_we_are_not_sure_waits_for_her_word():
    held = action("stop\r\n", kind=Kind.LIST, address="family@oak.example", verdict=Verdict.UNVERIFIED)
    assert isinstance(held, Hold)
    assert (held.awaits, held.member_id) == (Awaits.AUTHOR, 7)


def test_a_stranger_who_tells_everyone_to_stop_is_a_stranger():
    assert outcome("stop\r\n", kind=Kind.LIST, address="family@oak.example", known=stranger).reply.code == 550


def test_a_command_that_came_round_is_dropped():
    found = action("stop\r\n", kind=Kind.LIST, address="family@oak.example", list_id="<family.oak.example>")
    assert isinstance(found, Note)
