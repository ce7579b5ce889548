from __future__ import annotations

from datetime import timedelta

import pytest

from handlers.decide import decide
from handlers.facts import QuestionFacts
from handlers.incoming import Verdict
from handlers.outcome import ChangeDelivery, Hold, Leave, No, Note, Pause, Yes
from handlers.route import Kind
from storage.models import DeliveryMode
from storage.models_questions import Question, QuestionKind
from tests.handlers.letters import ANNAS_KEY, NOW, facts, letter

TOKEN = "k7m2q9xwab"
YES_OR_NO = [kind for kind in QuestionKind if kind not in ("line", "departure", "meant")]  # the others are not so plain
SELF = [QuestionKind.AUTHOR, QuestionKind.ADDRESS, QuestionKind.JOINING]


def asked(kind, **changes):
    question = Question(token=TOKEN, kind=kind, list_id=1, asked_at=NOW, expires_at=NOW + timedelta(days=7), **changes)
    return QuestionFacts(question, {ANNAS_KEY})


def about(command):
    """Did you mean …?"""
    return asked(QuestionKind.MEANT, key=command)


def outcome(text, question, **fields):
    incoming = letter(f"{text}\r\n", route=Kind.TOKEN, address=f"family-{TOKEN}@oak.example", **fields)
    return decide(incoming, facts(incoming, question=question), NOW)


def action(*args, **kwargs):
    found = outcome(*args, **kwargs)
    assert found.reply.code == 250
    (only,) = found.actions
    return only


@pytest.mark.parametrize("kind", YES_OR_NO)
def test_yes_and_no(kind):
    assert action("Yes", asked(kind)) == Yes(TOKEN)
    assert action("No, thank you", asked(kind)) == No(TOKEN, "thank you" if kind is QuestionKind.DECISION else "")


@pytest.mark.parametrize("kind", QuestionKind)
def test_anything_else_waits_for_a_person(kind):
    assert isinstance(action("What do you mean?", asked(kind)), Hold)


@pytest.mark.parametrize("kind", QuestionKind)
def test_somebody_elses_answer_decides_nothing(kind):
    held = action("yes", asked(kind), **{"from": "mallory@elm.example"})
    assert isinstance(held, Hold)
    assert "mallory@elm.example" in held.reason


@pytest.mark.parametrize("kind", QuestionKind)
@pytest.mark.parametrize(("verdict", "code"), [(Verdict.REFUSED, 550), (Verdict.UNCERTAIN, 451)])
def test_an_answer_must_not_fail_a_strict_policy(kind, verdict, code):
    assert outcome("yes", asked(kind), verdict=verdict).reply.code == code


@pytest.mark.parametrize("kind", SELF)
def test_the_token_is_the_proof_of_what_concerns_herself(kind):
    assert action("yes", asked(kind), verdict=Verdict.UNVERIFIED) == Yes(TOKEN)


@pytest.mark.parametrize("text", ["yes", "no"])
def test_who_decides_for_others_must_surely_be_it(text):
    assert isinstance(action(text, asked(QuestionKind.DECISION), verdict=Verdict.UNVERIFIED), Hold)


@pytest.mark.parametrize("kind", [kind for kind in QuestionKind if kind is not QuestionKind.LINE])
def test_a_second_answer_is_harmless(kind):
    assert isinstance(action("no", asked(kind, answered_at=NOW)), Note)


@pytest.mark.parametrize("kind", QuestionKind)
def test_a_late_answer_gets_a_kind_word(kind):
    late = asked(kind)
    late.question.expires_at = NOW
    reply = outcome("yes", late).reply
    assert (reply.code, reply.enhanced) == (550, "5.7.1")
    assert "family-owner@oak.example" in reply.text


@pytest.mark.parametrize("fields", [{"auto_submitted": "auto-replied"}, {"sender": ""}])
def test_a_program_answers_nothing(fields):
    assert isinstance(action("yes", asked(QuestionKind.AUTHOR), **fields), Note)


def test_the_yes_to_what_was_meant_does_it():
    found = outcome("Yes", about("weekly"))
    assert found.actions == (Yes(TOKEN), ChangeDelivery(9, DeliveryMode.WEEKLY))
    assert outcome("yes please", about("stop")).actions == (Yes(TOKEN), Leave(9))


@pytest.mark.parametrize("text", ["No", "nein danke"])
def test_the_no_to_it_is_read_by_a_person(text):
    assert action(text, about("weekly")) == No(TOKEN)


def test_and_the_word_itself_is_an_answer_too():
    assert action("pause", about("weekly")) == Pause(9)


@pytest.mark.parametrize("fields", [{"verdict": Verdict.UNVERIFIED}, {"from": "mallory@elm.example"}])
def test_nothing_is_done_in_her_name(fields):
    assert isinstance(action("yes", about("weekly"), **fields), Hold)
