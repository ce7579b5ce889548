"""Somebody asks to join a list by mail. Nothing happens before she has confirmed it (spec/mail.md §2.5)."""

from __future__ import annotations

from handlers.facts import Facts, id_of
from handlers.incoming import Incoming, Verdict
from handlers.outcome import ACCEPTED, AskToJoin, Outcome, SayIsMember
from handlers.plain_words import read_delivery
from handlers.policy import dropped, held, writer
from handlers.reply import Reply
from storage.models import Joining, Status

BUSY = Reply(451, "4.7.1", "Many people ask to join just now. Please try again later")


def decide_join(incoming: Incoming, facts: Facts) -> Outcome:
    """Only who surely has the address is written to: a forged request must not make us write to a stranger."""
    author, mailing_list, membership = facts.author, facts.mailing_list, facts.membership
    who = writer(incoming, facts)
    if facts.is_banned:  # told nothing, so that nobody can ask us whom we have banned
        return dropped(facts, f"{who} asks to join, and is banned.")
    if author is None or mailing_list is None or incoming.authentication.verdict is not Verdict.ALIGNED:
        return held(
            facts, f"{who} asks to join, and we cannot tell whether it is really them.", ask_hourly=facts.is_known
        )
    if membership is not None and membership.status in (Status.ACTIVE, Status.PAUSED):
        return Outcome(ACCEPTED, (SayIsMember(id_of(membership)),))
    is_invited = membership is not None and membership.status is Status.INVITED
    if mailing_list.joining is Joining.CLOSED and not is_invited:
        return held(facts, f"{who} asks to join.", ask_hourly=facts.is_known)
    if facts.joining_busy:
        return Outcome(BUSY)
    return Outcome(ACCEPTED, (AskToJoin(id_of(mailing_list), author, read_delivery(incoming.message)),))
