"""Mail that asks for something instead of telling everyone: joining, leaving, coming back, help.

The token says which action, the authenticated From says who (contract §3).
"""

from __future__ import annotations

from datetime import datetime

from handlers.answer import decide_answer
from handlers.automatic import is_report
from handlers.directory import REQUESTS, decide_help, wants_no_line
from handlers.facts import Facts, QuestionFacts, TokenFacts, id_of
from handlers.incoming import Incoming, Verdict
from handlers.join import decide_join
from handlers.keep import decide_keep
from handlers.letter_answer import placed_answers
from handlers.letter_cut import own_files
from handlers.letter_pace import PACES, decide_pace
from handlers.moving import decide_moving
from handlers.outcome import ACCEPTED, Decline, Join, Leave, Note, Outcome, Return, Yes
from handlers.plain_words import Command, Place, answer_in, said, said_in
from handlers.policy import (
    COMMANDS,
    SAFE,
    awaiting_author,
    dropped,
    first_answer,
    held,
    is_author,
    too_late,
    too_many_received,
    writer,
)
from handlers.route import Kind
from handlers.sharing import SHARES, decide_sharing
from handlers.unclear import decide_unclear
from handlers.written import written_text_of
from storage.models import Status, TokenAction
from storage.models_questions import QuestionKind

_HERE = (Status.ACTIVE, Status.PAUSED)
_MEANINGS = {Kind.LEAVE: Command.STOP, Kind.JOIN: Command.JOIN}  # of what is written there, whatever it says
_TO_EVERYONE = (Kind.LIST, Kind.SPACE)
FROM_MEMBERS = frozenset({Command.STOP, *REQUESTS})
"""What a member asks us also where everyone would read it."""
_ASKED_OF_MEMBERS = (QuestionKind.LINE, QuestionKind.AUTHOR, QuestionKind.ADDRESS, QuestionKind.MEANT)


def decide_command(incoming: Incoming, facts: Facts, now: datetime) -> Outcome:
    asked = facts.question
    if facts.token is not None:
        return _token(incoming, facts, facts.token, now)
    if asked is not None and not _asks_something_else(incoming, facts, asked):
        return _answered(incoming, facts, asked, now)
    outcome = first_answer(COMMANDS, incoming, facts)
    if outcome is not None:
        return outcome
    command = _MEANINGS.get(incoming.route.kind) or command_said(incoming, facts)
    if command is not None:
        return _carried_out(command, incoming, facts)
    return decide_moving(incoming, facts) or decide_unclear(incoming, facts)


def asks_us(incoming: Incoming, facts: Facts) -> bool:
    """Is it a command in answer to a notice of ours, whose other answers a person reads?"""
    ours = f"@{facts.host.domain}>"
    answers = any(parent.startswith("<n.") and parent.endswith(ours) for parent in incoming.message.in_reply_to)
    return answers and reads(facts) and command_said(incoming, facts) is not None


def command_said(incoming: Incoming, facts: Facts) -> Command | None:
    """What the message is as a whole; where it only quotes us, the Subject speaks (spec/people.md §1.1)."""
    message = incoming.message
    if facts.letter is not None:
        placed = placed_answers(message.raw, facts.letter.as_read)
        text = "\n".join(answer.text for answer in placed)
        found = said(text, Place.LETTER, subject=message.subject)
        found = None if found and own_files(message, facts.letter.pictures) else found
    elif incoming.route.kind not in _TO_EVERYONE:
        found = said_in(message, Place.US)
    elif facts.is_empty:
        found = said("", Place.ANSWER, subject=message.subject)
    else:
        place = Place.ANSWER if message.in_reply_to else Place.POST
        found = said_in(message, place if reads(facts) else Place.STRANGER)
    return found.command if found else None


def _carried_out(command: Command, incoming: Incoming, facts: Facts) -> Outcome:
    match command:
        case Command.STOP:
            return _leave(incoming, facts)
        case Command.JOIN:
            return decide_join(incoming, facts)
        case _ if command in PACES:
            return decide_pace(incoming, facts, command)
        case _ if command in SHARES:
            return decide_sharing(incoming, facts, SHARES[command])
        case _:  # what needs a letter or a post that it answers is explained where there is none
            return REQUESTS.get(command, decide_help)(incoming, facts)


def reads(facts: Facts) -> bool:
    """Is the author one of the readers of the list?"""
    return facts.reads_by is not None and facts.reads_by.status in _HERE


def _asks_something_else(incoming: Incoming, facts: Facts, asked: QuestionFacts) -> bool:
    """Whatever a member writes about herself is her line in the list of members, but for what we know to be none."""
    kind = asked.question.kind
    if kind not in _ASKED_OF_MEMBERS or command_said(incoming, facts) is None:
        return False
    if kind is QuestionKind.LINE:  # "remove me" means the line that she answers
        return not wants_no_line(written_text_of(incoming.message.raw))
    return answer_in(incoming.message) is None


def _answered(incoming: Incoming, facts: Facts, asked: QuestionFacts, now: datetime) -> Outcome:
    """The yes to what we were not sure about does what it was."""
    outcome = decide_answer(incoming, facts, asked, now)
    if asked.question.kind is not QuestionKind.MEANT or not any(isinstance(each, Yes) for each in outcome.actions):
        return outcome
    meant = _carried_out(Command(asked.question.key), incoming, facts)
    return Outcome(meant.reply, (*outcome.actions, *meant.actions))


def _leave(incoming: Incoming, facts: Facts) -> Outcome:
    """Who leaves is told by From alone; the answer is the same for members and strangers (no oracle).

    Who reads this list through another one leaves that one, as the line at the end of her copies says.
    """
    membership, who = facts.reads_by, writer(incoming, facts)
    if membership is not None and membership.status is Status.LEFT:
        return dropped(facts, f"{who} asks to leave, and had left already.")
    if membership is None or membership.status not in _HERE:
        return held(facts, f"{who} asks to leave, and is no member under this address.", ask_hourly=facts.is_known)
    if incoming.authentication.verdict is not Verdict.ALIGNED:
        reason = f"We cannot tell whether it is really {who} who asks to leave."
        return awaiting_author(facts, reason, leaving=True)
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
    if facts.is_banned and stored.token.action in (TokenAction.JOIN, TokenAction.RETURN):
        return dropped(facts, f"{stored.member.name} wants to be on the list, and is banned.")
    if stored.token.action is TokenAction.RETURN:
        return _return(incoming, facts, stored, now)
    if stored.token.action is TokenAction.KEEP:
        return decide_keep(incoming, facts, stored, now)
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
        return too_late(incoming, facts)
    match answer_in(incoming.message):
        case True:
            return Outcome(ACCEPTED, (Join(token.token, id_of(membership)),))
        case False:
            return Outcome(ACCEPTED, (Decline(token.token, id_of(membership)),))
        case None if command_said(incoming, facts) is Command.STOP:
            return Outcome(ACCEPTED, (Decline(token.token, id_of(membership)),))
        case None:
            return held(facts, f"{stored.member.name} answered the invitation with neither yes nor no.")


def _return(incoming: Incoming, facts: Facts, stored: TokenFacts, now: datetime) -> Outcome:
    """Any answer to the goodbye means: it was a mistake. No word is needed; but "stop" is no mistake."""
    if stored.membership.status in _HERE:
        return _nothing_to_do(stored, "is a member already")
    if command_said(incoming, facts) is Command.STOP:
        return _nothing_to_do(stored, "had left already")
    if stored.token.used_at is not None or stored.membership.status is not Status.LEFT:
        return held(facts, f"{stored.member.name} answered a goodbye that is no longer open.")
    if _is_late(stored, now):
        return too_late(incoming, facts)
    return Outcome(ACCEPTED, (Return(stored.token.token, id_of(stored.membership)),))


def _is_late(stored: TokenFacts, now: datetime) -> bool:
    return stored.token.expires_at is not None and stored.token.expires_at <= now


def _nothing_to_do(stored: TokenFacts, why: str) -> Outcome:
    token = stored.token
    return Outcome(ACCEPTED, (Note("dropped", f"{stored.member.name} {why}.", token.list_id, token.member_id),))
