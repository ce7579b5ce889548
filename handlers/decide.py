"""One decision for one message: by its kind for each recipient, then together for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from handlers.bounce import decide_bounce, is_from_a_person
from handlers.command import FROM_MEMBERS, asks_us, command_said, decide_command, reads
from handlers.complaint import decide_complaint
from handlers.facts import Facts
from handlers.forward import decide_forward
from handlers.incoming import Incoming, Verdict
from handlers.letter_reply import decide_button, decide_letter_answer
from handlers.outcome import ACCEPTED, NOBODY_HERE, Hold, Outcome
from handlers.own_post_answer import decide_own_post
from handlers.peer.arriving import decide_peer
from handlers.plain_words import Command
from handlers.policy import dropped, first_answer, own_list_loop, writer
from handlers.post import decide_post
from handlers.private import decide_private, not_passed_on
from handlers.remote import decide_remote
from handlers.route import Kind


@dataclass(frozen=True, slots=True)
class Decision:
    incoming: Incoming
    facts: Facts
    outcome: Outcome


def decide(incoming: Incoming, facts: Facts, now: datetime) -> Outcome:
    """What becomes of one message for one recipient."""
    match incoming.route.kind:
        case Kind.OWNER | Kind.OPERATOR | Kind.BOUNCE if facts.complaint is not None:
            return decide_complaint(incoming, facts, facts.complaint)
        case Kind.LIST | Kind.SPACE | Kind.TOKEN | Kind.BOUNCE if facts.own_post is not None:
            return decide_own_post(incoming, facts, facts.own_post)
        case Kind.LIST if _is_command(incoming, facts):
            return first_answer((own_list_loop,), incoming, facts) or decide_command(incoming, facts, now)
        case Kind.LIST if facts.letter is not None:
            return decide_letter_answer(incoming, facts, facts.letter, now)
        case Kind.TOKEN if facts.button is not None:
            return decide_button(incoming, facts, facts.button, now)
        case Kind.LIST | Kind.SPACE:
            return decide_post(incoming, facts, now)
        case Kind.OWNER if asks_us(incoming, facts):
            return decide_command(incoming, facts, now)
        case Kind.OWNER | Kind.OPERATOR:
            return decide_forward(incoming, facts, now)
        case Kind.ALIAS if facts.private is not None:
            return decide_private(incoming, facts, facts.private)
        case Kind.BOUNCE if facts.private is not None and is_from_a_person(incoming):
            return decide_private(incoming, facts, facts.private)
        case Kind.BOUNCE if facts.letter is not None and is_from_a_person(incoming):
            if _is_command(incoming, facts):
                return decide_command(incoming, facts, now)
            return decide_letter_answer(incoming, facts, facts.letter, now)
        case Kind.BOUNCE if facts.bounced_post is not None and is_from_a_person(incoming):
            return decide_post(incoming, facts, now, answers=facts.bounced_post.message_id)
        case Kind.BOUNCE:
            return decide_bounce(incoming, facts, now)
        case Kind.PEER:
            return decide_peer(incoming, facts)
        case Kind.REMOTE if facts.remote is not None:
            return decide_remote(incoming, facts, facts.remote)
        case Kind.NOBODY | Kind.REMOTE:
            return Outcome(NOBODY_HERE)
        case _:
            return decide_command(incoming, facts, now)


def _is_command(incoming: Incoming, facts: Facts) -> bool:
    """A misaddressed "subscribe", or what a member asks us, is not for everyone: she is helped."""
    command = command_said(incoming, facts)
    return command is Command.JOIN or (command in FROM_MEMBERS and reads(facts))


def together(decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    """One answer for all recipients of one SMTP transaction (spec/mail.md §2.3).

    Trouble with one is trouble for all, so that nothing is kept twice when the sender comes back. When somebody
    takes the message, nobody refuses it: what one list would have refused waits there for a person, because after
    a 250 there is no way to tell the author.
    """
    for decision in decisions:
        if decision.outcome.temporary:
            trouble = Outcome(decision.outcome.reply)
            return tuple(replace(each, outcome=trouble) for each in decisions)
    if any(decision.outcome.accepted for decision in decisions):
        why = "Its other recipients took it"
        return tuple(decision if decision.outcome.accepted else _held(decision, why) for decision in decisions)
    reply = decisions[0].outcome.reply
    return tuple(replace(each, outcome=Outcome(reply, each.outcome.actions)) for each in decisions)


def kept(decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    """The same for a message that its author's server has got rid of already (spec/mail.md §2.3).

    What a member surely wrote is never lost in silence: where she would have been told that it is refused, it waits
    for a person, and she hears of that.
    """
    joined = together(decisions)
    if joined[0].outcome.accepted or joined[0].outcome.temporary:
        return joined
    why = "It came by way of the mailbox"
    return tuple(_held(each, why, tell_author=True) if _may_be_told(each) else each for each in joined)


def _may_be_told(decision: Decision) -> bool:
    facts = decision.facts
    surely_hers = decision.incoming.authentication.verdict is Verdict.ALIGNED and facts.membership is not None
    return surely_hers and decision.outcome.reply.enhanced == "5.7.1"


def _held(decision: Decision, why: str, *, tell_author: bool = False) -> Decision:
    facts = decision.facts
    if facts.is_banned:
        text = f"An email from {writer(decision.incoming, facts)}, who is banned, was not shared."
        return replace(decision, outcome=dropped(facts, text))
    if facts.private is not None:
        outcome = not_passed_on(decision.incoming, facts, facts.private, decision.outcome.reply)
        return replace(decision, outcome=outcome)
    hold = Hold(
        reason=f"{why}. Here it was to be refused: {decision.outcome.reply.text}.",
        list_id=facts.list_id,
        member_id=facts.member_id,
        tell_author=tell_author,
    )
    return replace(decision, outcome=Outcome(ACCEPTED, (hold,)))
