"""Mail that asks for something instead of telling everyone: joining, leaving, coming back, help.

The token says which action, the authenticated From says who (contract §3).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

from handlers.automatic import is_report
from handlers.facts import Facts, TokenFacts, id_of
from handlers.incoming import Incoming, Verdict
from handlers.outcome import ACCEPTED, Decline, Join, Leave, Note, Outcome, Return
from handlers.policy import (
    COMMANDS,
    SAFE,
    dropped,
    first_answer,
    held,
    is_author,
    owner_address,
    refused,
    too_many_received,
    writer,
)
from handlers.reply import Reply
from handlers.route import Kind
from handlers.written import written_text_of
from storage.models import Status, TokenAction

_YES = frozenset({
    "yes", "yep", "yeah", "ok", "okay", "ja", "jo", "joo", "jah", "jā", "oui", "si", "sí", "sì", "sim", "da", "да",
    "так", "tak", "ano", "áno",
    "igen", "kyllä", "taip", "evet", "ναι", "כן", "نعم", "हाँ", "はい", "是", "好", "네", "hai",
})  # fmt: skip
_NO = frozenset({
    "no", "nope", "nein", "nej", "nei", "nee", "non", "não", "ne", "nem", "nie", "ni", "нет", "ні", "ei", "hayır",
    "όχι", "לא", "لا", "नहीं", "いいえ", "不", "아니요",
})  # fmt: skip
_FIRST_WORD = re.compile(r"[^\W_]+")
_THUMB_UP, _THUMB_DOWN = "\N{THUMBS UP SIGN}", "\N{THUMBS DOWN SIGN}"
_HERE = (Status.ACTIVE, Status.PAUSED)
_NOT_READY = Reply(451, "4.3.0", "Private letters are not ready here yet. Please try again later")


def decide_command(incoming: Incoming, facts: Facts, now: datetime) -> Outcome:
    if incoming.route.kind is Kind.ALIAS:
        return Outcome(_NOT_READY)
    if facts.token is not None:
        return _token(incoming, facts, facts.token, now)
    outcome = first_answer(COMMANDS, incoming, facts)
    if outcome is not None:
        return outcome
    who = writer(incoming, facts)
    match incoming.route.kind:
        case Kind.LEAVE:
            return _leave(incoming, facts)
        case Kind.JOIN:
            return held(facts, f"{who} asks to join. To let them in, add the address as a member.")
        case _:
            return held(facts, f"{who} asks for help.")


def _leave(incoming: Incoming, facts: Facts) -> Outcome:
    """Who leaves is told by From alone; the answer is the same for members and strangers (no oracle)."""
    membership = facts.membership
    if membership is None or membership.status not in _HERE:
        return held(facts, f"{writer(incoming, facts)} asks to leave, and is no member under this address.")
    if incoming.authentication.verdict is not Verdict.ALIGNED:
        return held(facts, f"We cannot tell whether it is really {writer(incoming, facts)} who asks to leave.")
    return Outcome(ACCEPTED, (Leave(id_of(membership)),))


def _token(incoming: Incoming, facts: Facts, stored: TokenFacts, now: datetime) -> Outcome:
    if stored.token.action is TokenAction.LEAVE:
        return _leave_by_token(incoming, facts, stored)
    outcome = first_answer(COMMANDS, incoming, facts)
    if outcome is not None:
        return outcome
    if not is_author(facts, stored.addresses):
        who = writer(incoming, facts)
        return held(facts, f"{who} answered what we sent to {stored.member.name} at another address.")
    if stored.token.action is TokenAction.RETURN:
        return _return(incoming, facts, stored, now)
    return _join(incoming, facts, stored, now)


def _leave_by_token(incoming: Incoming, facts: Facts, stored: TokenFacts) -> Outcome:
    """The token is the proof, whoever writes; mail programs send this by themselves (RFC 2369 §3.2)."""
    outcome = first_answer((too_many_received, *SAFE), incoming, facts)
    if outcome is not None:
        return outcome
    if is_report(incoming.message):
        return dropped(facts, f"A report came to the leaving address of {stored.member.name}. Nothing was changed.")
    if stored.membership.status not in _HERE:
        return _nothing_to_do(stored, "had left already")
    return Outcome(ACCEPTED, (Leave(id_of(stored.membership)),))


def _join(incoming: Incoming, facts: Facts, stored: TokenFacts, now: datetime) -> Outcome:
    token, membership = stored.token, stored.membership
    if membership.status in _HERE:
        return _nothing_to_do(stored, "is a member already")
    if token.used_at is not None or membership.status is not Status.INVITED:
        return held(facts, f"{stored.member.name} answered an invitation that is no longer open.")
    if _is_late(stored, now):
        return _too_late(incoming, facts)
    match _answer(incoming):
        case True:
            return Outcome(ACCEPTED, (Join(token.token, id_of(membership)),))
        case False:
            return Outcome(ACCEPTED, (Decline(token.token, id_of(membership)),))
        case None:
            return held(facts, f"{stored.member.name} answered the invitation with neither yes nor no.")


def _return(incoming: Incoming, facts: Facts, stored: TokenFacts, now: datetime) -> Outcome:
    """Any answer to the goodbye means: it was a mistake. No word is needed."""
    if stored.membership.status in _HERE:
        return _nothing_to_do(stored, "is a member already")
    if stored.token.used_at is not None or stored.membership.status is not Status.LEFT:
        return held(facts, f"{stored.member.name} answered a goodbye that is no longer open.")
    if _is_late(stored, now):
        return _too_late(incoming, facts)
    return Outcome(ACCEPTED, (Return(stored.token.token, id_of(stored.membership)),))


def _is_late(stored: TokenFacts, now: datetime) -> bool:
    return stored.token.expires_at is not None and stored.token.expires_at <= now


def _too_late(incoming: Incoming, facts: Facts) -> Outcome:
    text = f"Our letter to you is too old to be answered this way. Please write to {owner_address(facts)} instead"
    return refused(incoming, facts, Reply(550, "5.7.1", text), "the letter that it answers is too old")


def _nothing_to_do(stored: TokenFacts, why: str) -> Outcome:
    token = stored.token
    return Outcome(ACCEPTED, (Note("dropped", f"{stored.member.name} {why}.", token.list_id, token.member_id),))


def _answer(incoming: Incoming) -> bool | None:
    """What the first word of what was written says, else that of the Subject (spec/people.md §1.1)."""
    written = written_text_of(incoming.message.raw).strip()
    return read_answer(written or incoming.message.subject)


def read_answer(text: str) -> bool | None:
    """Yes, no, or neither, in any language that we know."""
    plain = unicodedata.normalize("NFC", text).casefold().strip()
    if plain.startswith(_THUMB_UP):
        return True
    if plain.startswith(_THUMB_DOWN):
        return False
    word = _FIRST_WORD.search(plain)
    if word is None or word.start() > 3:
        return None
    return True if word[0] in _YES else False if word[0] in _NO else None
