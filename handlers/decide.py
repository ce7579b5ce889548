"""One decision for one message: by its kind for each recipient, then together for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from handlers.bounce import decide_bounce, is_from_a_person
from handlers.command import decide_command
from handlers.facts import Facts
from handlers.forward import decide_forward
from handlers.incoming import Incoming
from handlers.outcome import ACCEPTED, NOBODY_HERE, Hold, Outcome
from handlers.post import decide_post
from handlers.route import Kind


@dataclass(frozen=True, slots=True)
class Decision:
    incoming: Incoming
    facts: Facts
    outcome: Outcome


def decide(incoming: Incoming, facts: Facts, now: datetime) -> Outcome:
    """What becomes of one message for one recipient."""
    match incoming.route.kind:
        case Kind.LIST:
            return decide_post(incoming, facts, now)
        case Kind.OWNER | Kind.OPERATOR:
            return decide_forward(incoming, facts, now)
        case Kind.BOUNCE if facts.bounced_post is not None and is_from_a_person(incoming):
            return decide_post(incoming, facts, now, answers=facts.bounced_post.message_id)
        case Kind.BOUNCE:
            return decide_bounce(incoming, facts)
        case Kind.NOBODY:
            return Outcome(NOBODY_HERE)
        case _:
            return decide_command(incoming, facts, now)


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
        return tuple(decision if decision.outcome.accepted else _held_instead(decision) for decision in decisions)
    reply = decisions[0].outcome.reply
    return tuple(replace(each, outcome=Outcome(reply, each.outcome.actions)) for each in decisions)


def _held_instead(decision: Decision) -> Decision:
    facts = decision.facts
    hold = Hold(
        reason=f"Its other recipients took it. Here it was to be refused: {decision.outcome.reply.text}.",
        list_id=facts.list_id,
        member_id=facts.member_id,
    )
    return replace(decision, outcome=Outcome(ACCEPTED, (hold,)))
