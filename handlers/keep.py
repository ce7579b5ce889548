"""The answer to whether paused mail shall come again."""

from __future__ import annotations

from datetime import datetime

from handlers.facts import Facts, TokenFacts, id_of
from handlers.incoming import Incoming
from handlers.outcome import ACCEPTED, Keep, Note, Outcome
from handlers.plain_words import wants_to_keep
from handlers.policy import held, too_late
from storage.models import Status


def decide_keep(incoming: Incoming, facts: Facts, stored: TokenFacts, now: datetime) -> Outcome:
    """Only a clear yes starts the mail again; silence, and everything else, leaves it paused (spec/people.md §3.6)."""
    token, membership = stored.token, stored.membership
    about = (token.list_id, token.member_id)
    if membership.status is Status.ACTIVE:
        return Outcome(ACCEPTED, (Note("dropped", f"{stored.member.name} gets our emails already.", *about),))
    if token.used_at is not None or membership.status is not Status.PAUSED:
        return held(facts, f"{stored.member.name} answered a question that is no longer open.")
    if token.expires_at is not None and token.expires_at <= now:
        return too_late(incoming, facts)
    match wants_to_keep(incoming.message):
        case True:
            return Outcome(ACCEPTED, (Keep(token.token, id_of(membership)),))
        case False:
            text = f"{stored.member.name} wishes no emails. They stay paused."
            return Outcome(ACCEPTED, (Note("paused", text, *about),))
        case None:
            return held(facts, f"{stored.member.name} answered our question whether emails shall come again.")
