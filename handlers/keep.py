"""The answer to whether paused mail shall come again."""

from __future__ import annotations

import re
from datetime import datetime

from handlers.facts import Facts, TokenFacts, id_of
from handlers.incoming import Incoming
from handlers.outcome import ACCEPTED, Keep, Note, Outcome
from handlers.plain_words import Command, answer_in, read_command
from handlers.policy import held, too_late
from handlers.written import written_text_of
from storage.models import Status

_KEEP = frozenset({
    "keep", "back", "behalten", "weiter", "zurück", "behåll", "behålla", "tillbaka", "garder", "retour", "seguir",
    "volver", "mantener", "continua", "tieni", "houden", "terug", "behold", "tilbage", "tilbake", "takaisin",
})  # fmt: skip
_FIRST_WORD = re.compile(r"[^\W_]+")


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
    match _wanted(incoming):
        case True:
            return Outcome(ACCEPTED, (Keep(token.token, id_of(membership)),))
        case False:
            text = f"{stored.member.name} wishes no emails. They stay paused."
            return Outcome(ACCEPTED, (Note("paused", text, *about),))
        case None:
            return held(facts, f"{stored.member.name} answered our question whether emails shall come again.")


def _wanted(incoming: Incoming) -> bool | None:
    message = incoming.message
    text = written_text_of(message.raw).strip() or message.subject
    word = _FIRST_WORD.search(text.casefold())
    if word is not None and word.start() <= 3 and word[0] in _KEEP:
        return True
    return False if read_command(text) is Command.STOP else answer_in(message)
