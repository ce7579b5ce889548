"""The answer to whether paused mail shall come again: only a clear yes starts it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handlers.decide import decide
from handlers.incoming import Verdict
from handlers.outcome import Hold, Keep, Note
from handlers.route import Kind
from storage.models import Status, TokenAction
from tests.handlers.letters import NOW, facts, letter, token


def outcome(text, status=Status.PAUSED, used=None, expires=None, **fields):
    incoming = letter(text, route=Kind.TOKEN, address="family-k7m2q9xwab@oak.example", **fields)
    stored = token(TokenAction.KEEP, status, used_at=used, expires_at=expires)
    return decide(incoming, facts(incoming, token=stored), NOW)


@pytest.mark.parametrize(
    "text", ["keep", "Keep!", "Keep, please\r\n\r\nLove, Rose", "yes", "Ja", "back", "behalten", "\N{THUMBS UP SIGN}"]
)
def test_yes(text):
    assert outcome(f"{text}\r\n").actions == (Keep("k7m2q9xwab", 9),)


@pytest.mark.parametrize("text", ["no", "stop", "Unsubscribe", "nein", "take me off"])
def test_no_changes_nothing(text):
    (note,) = outcome(f"{text}\r\n").actions
    assert isinstance(note, Note)
    assert note.kind == "paused"


@pytest.mark.parametrize("text", ["Who are you?", "I did not press anything", "keepsake is what it is"])
def test_anything_else_is_read_by_a_person(text):
    (hold,) = outcome(f"{text}\r\n").actions
    assert isinstance(hold, Hold)


def test_an_automatic_answer_does_nothing():
    (note,) = outcome("yes\r\n", auto_submitted="auto-replied").actions
    assert note.kind == "dropped"


def test_only_she_can_say_it():
    (hold,) = outcome("keep\r\n", **{"from": "tom@home.example"}).actions
    assert isinstance(hold, Hold)
    assert outcome("keep\r\n", verdict=Verdict.REFUSED).reply.code == 550


@pytest.mark.parametrize("changes", [{"status": Status.LEFT}, {"status": Status.INVITED}, {"used": NOW}])
def test_a_question_that_is_over(changes):
    assert isinstance(outcome("keep\r\n", **changes).actions[0], Hold)


def test_a_question_that_is_too_old():
    assert outcome("keep\r\n", expires=NOW - timedelta(days=1)).reply.code == 550


def test_who_gets_mail_already_has_nothing_to_keep():
    (note,) = outcome("keep\r\n", Status.ACTIVE).actions
    assert note.kind == "dropped"
