from __future__ import annotations

import pytest

from handlers.address import Mailbox
from handlers.decide import decide
from handlers.incoming import Verdict
from handlers.outcome import AskToJoin, Hold, Note, SayIsMember
from handlers.route import Kind
from storage.models import DeliveryMode, Joining, MailingList, Status
from tests.handlers.letters import NOW, facts, letter, membership, stranger

SVEN = {"from": "Sven <sven@elm.example>", "sender": "sven@elm.example"}


def outcome(text="", *, known=stranger, kind=Kind.JOIN, joining=Joining.OPEN, changes=None, **fields):
    incoming = letter(f"{text}\r\n", route=kind, address=f"family-{kind}@oak.example", **{**SVEN, **fields})
    family = MailingList(id=1, name="family", title="The family", joining=joining, created_at=NOW)
    return decide(incoming, known(incoming, mailing_list=family, **(changes or {})), NOW)


def action(*args, **kwargs):
    found = outcome(*args, **kwargs)
    assert found.reply.code == 250
    (only,) = found.actions
    return only


@pytest.mark.parametrize("joining", [Joining.OPEN, Joining.VOUCHED])
@pytest.mark.parametrize(("text", "mode"), [("Hello", None), ("daily", DeliveryMode.DAILY)])
def test_who_asks_is_asked_to_confirm(joining, text, mode):
    assert action(text, joining=joining) == AskToJoin(1, Mailbox("Sven", "sven@elm.example"), mode)


@pytest.mark.parametrize("kind", [Kind.LIST, Kind.HELP])
def test_the_word_alone_is_enough_elsewhere(kind):
    assert isinstance(action("subscribe", kind=kind), AskToJoin)


def test_a_closed_list_asks_a_person():
    held = action(joining=Joining.CLOSED)
    assert isinstance(held, Hold)
    assert held.ask


def test_who_was_invited_is_not_turned_away_from_a_closed_list():
    changes = {"membership": membership(Status.INVITED)}
    assert isinstance(action(known=facts, joining=Joining.CLOSED, changes=changes), AskToJoin)


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.PAUSED])
def test_a_member_is_told_that_she_is_one(status):
    assert action(known=facts, changes={"membership": membership(status)}) == SayIsMember(9)


@pytest.mark.parametrize("known", [facts, stranger])
def test_nobody_is_written_to_who_has_not_surely_asked(known):
    assert isinstance(action(known=known, verdict=Verdict.UNVERIFIED), Hold)


@pytest.mark.parametrize(("verdict", "code"), [(Verdict.REFUSED, 550), (Verdict.UNCERTAIN, 451)])
def test_and_a_forgery_is_refused(verdict, code):
    assert outcome(verdict=verdict).reply.code == code


@pytest.mark.parametrize("fields", [{"auto_submitted": "auto-replied"}, {"sender": ""}, {"precedence": "auto_reply"}])
def test_a_program_is_never_answered(fields):
    assert isinstance(action(**fields), Note)


def test_when_too_many_ask_they_are_asked_to_come_later():
    busy = outcome(changes={"joining_busy": True})
    assert (busy.reply.code, busy.actions) == (451, ())
