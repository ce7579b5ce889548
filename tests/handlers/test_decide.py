from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.decide import Decision, decide, kept, together
from handlers.incoming import Verdict
from handlers.outcome import Hold, Note, Outcome, Publish
from handlers.route import Kind
from storage.models import Posting, Role
from tests.handlers.letters import NOW, facts, letter, membership, stranger


def decision(incoming, known):
    return Decision(incoming, known, decide(incoming, known, NOW))


def taken():
    incoming = letter()
    return decision(incoming, facts(incoming))


def refused(posting=Posting.ANNOUNCE):
    incoming = letter(address="news@oak.example")
    return decision(incoming, facts(incoming, posting))


def unknown():
    incoming = letter()
    return decision(incoming, stranger(incoming))


def uncertain():
    incoming = letter(verdict=Verdict.UNCERTAIN)
    return decision(incoming, facts(incoming))


def test_what_all_take_is_taken():
    assert together([taken(), taken()]) == (taken(), taken())


def test_what_all_refuse_is_refused_and_noted():
    both = together([unknown(), unknown()])
    assert {each.outcome.reply for each in both} == {unknown().outcome.reply}
    assert all(isinstance(each.outcome.actions[0], Note) for each in both)


def test_two_refusals_get_one_answer():
    both = together([unknown(), refused()])
    assert {each.outcome.reply for each in both} == {unknown().outcome.reply}


def test_nobody_refuses_what_somebody_took():
    first, second = together([refused(), taken()])
    assert first.outcome.reply.code == second.outcome.reply.code == 250
    (hold,) = first.outcome.actions
    assert isinstance(hold, Hold)
    assert (hold.list_id, hold.member_id, hold.ask) == (1, 7, True)
    assert isinstance(second.outcome.actions[0], Publish)


@pytest.mark.parametrize("order", [[taken, uncertain], [uncertain, taken], [unknown, uncertain]])
def test_trouble_with_one_is_trouble_for_all(order):
    for each in together([make() for make in order]):
        assert each.outcome == Outcome(uncertain().outcome.reply)


def test_an_address_that_went_away_since_rcpt():
    incoming = letter(route=Kind.NOBODY)
    outcome = decide(incoming, facts(incoming, mailing_list=None), NOW)
    assert (outcome.reply.code, outcome.reply.enhanced) == (550, "5.1.1")


def test_a_moderator_is_no_member_of_another_list():
    incoming = letter()
    known = replace(facts(incoming, membership=membership(role=Role.OWNER)), membership=None)
    assert not decide(incoming, known, NOW).accepted


def test_where_nobody_can_be_refused_what_a_member_surely_wrote_waits():
    (only,) = kept([refused()])
    assert only.outcome.reply.code == 250
    (hold,) = only.outcome.actions
    assert isinstance(hold, Hold)
    assert "This list only brings news" in hold.reason
    assert (hold.member_id, hold.ask, hold.tell_author) == (7, True, True)


def test_there_too_strangers_are_refused_and_what_is_taken_is_taken():
    assert kept([unknown()]) == together([unknown()])
    assert kept([taken()]) == (taken(),)
    assert kept([uncertain()]) == together([uncertain()])


def test_there_too_a_letter_that_goes_in_circles_is_refused():
    incoming = letter(top="Received: by x\r\n" * 101)
    looping = decision(incoming, facts(incoming))
    assert looping.outcome.reply.enhanced == "5.4.6"
    assert kept([looping]) == together([looping])


def test_there_too_nobody_is_believed_who_is_not_sure():
    incoming = letter(verdict=Verdict.REFUSED)
    forged = decision(incoming, facts(incoming))
    assert kept([forged]) == together([forged])


@pytest.mark.parametrize("join", [lambda decisions: together([*decisions, taken()]), kept])
def test_a_ban_makes_nobody_look_at_it(join):
    incoming = letter()
    outcome = join([decision(incoming, facts(incoming, is_banned=True))])[0].outcome
    assert outcome.accepted
    (note,) = outcome.actions
    assert isinstance(note, Note)
    assert note.kind == "dropped"
