"""Answers to what we have asked: is this yours, is that you, do you want to join, may it go out? (contract §3)

The token was sent to one address alone. For a question to that person it is the proof itself; what concerns others is
only decided by somebody who surely is who she says.
"""

from __future__ import annotations

from datetime import datetime

from handlers.directory import decide_line
from handlers.facts import Facts, QuestionFacts
from handlers.incoming import Incoming, Verdict
from handlers.outcome import ACCEPTED, LetLeave, No, Note, Outcome, Yes
from handlers.plain_words import answer_in, how_often_in, words_behind_answer
from handlers.policy import COMMANDS, dropped, first_answer, held, is_author, too_late, writer
from storage.models_questions import Question, QuestionKind


def decide_answer(incoming: Incoming, facts: Facts, asked: QuestionFacts, now: datetime) -> Outcome:
    outcome = first_answer(COMMANDS, incoming, facts)
    if outcome is not None:
        return outcome
    question, who = asked.question, writer(incoming, facts)
    if not is_author(facts, asked.answerers):
        return held(facts, f"{who} answered a question that we asked somebody else.")
    if question.kind is QuestionKind.JOINING and facts.is_banned:
        return dropped(facts, f"{who} wants to join, and is banned.")
    is_decision = question.kind is QuestionKind.DECISION
    is_surely_asked = is_decision or question.kind in (
        QuestionKind.FORGETTING,
        QuestionKind.DEPARTURE,
        QuestionKind.MEANT,
    )
    if is_surely_asked and incoming.authentication.verdict is not Verdict.ALIGNED:
        return held(facts, f"We cannot tell whether it is really {who} who decides.")
    if question.kind is QuestionKind.LINE:
        return too_late(incoming, facts) if question.expires_at <= now else decide_line(incoming, facts, question)
    if question.answered_at is not None:
        text = f"{who} answered a question that had been answered."
        return Outcome(ACCEPTED, (Note("dropped", text, facts.list_id, facts.member_id),))
    if question.expires_at <= now:
        return too_late(incoming, facts)
    if question.kind is QuestionKind.DEPARTURE:
        return _decide_departure(incoming, facts, question)
    if is_decision and how_often_in(incoming.message) == "always":
        return Outcome(ACCEPTED, (Yes(question.token, always=True),))
    match answer_in(incoming.message):
        case True:
            return Outcome(ACCEPTED, (Yes(question.token),))
        case False if is_author(facts, asked.vouchers):
            text = f"{who} does not vouch for somebody who wants to join; others may."
            return Outcome(ACCEPTED, (Note("dropped", text, facts.list_id, facts.member_id),))
        case False:
            reason = words_behind_answer(incoming.message) if is_decision else ""
            return Outcome(ACCEPTED, (No(question.token, reason),))
        case None:
            return held(facts, f"{who} answered our question with neither yes nor no.")


def _decide_departure(incoming: Incoming, facts: Facts, question: Question) -> Outcome:
    """May it leave for the space? A plain yes is for this one alone, and a plain no too."""
    said = how_often_in(incoming.message)
    if said is None:
        return held(facts, f"{writer(incoming, facts)} did not say whether her email may leave for the space.")
    return Outcome(ACCEPTED, (LetLeave(question.token, said),))
