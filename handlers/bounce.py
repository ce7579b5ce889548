"""Mail to the envelope sender of a copy: what came back, and the few people who answer there."""

from __future__ import annotations

from handlers.automatic import is_automatic, is_report
from handlers.facts import Facts
from handlers.incoming import Incoming
from handlers.outcome import ACCEPTED, Note, Outcome
from handlers.policy import SAFE, dropped, first_answer, held, writer


def is_from_a_person(incoming: Incoming) -> bool:
    return not is_automatic(incoming.envelope, incoming.message)


def decide_bounce(incoming: Incoming, facts: Facts) -> Outcome:
    """Reports are kept; the signature in the address has told already whom they are about (spec/mail.md §1.7)."""
    if is_from_a_person(incoming):
        outcome = first_answer(SAFE, incoming, facts)
        return outcome or held(facts, f"{writer(incoming, facts)} answered a letter of ours at its return address.")
    if incoming.envelope.sender and not is_report(incoming.message):
        return dropped(facts, f"An automatic answer came back from {incoming.envelope.sender}.")
    text = f"A mail that we sent came back: {incoming.message.subject[:100]}"
    bounce = incoming.route.bounce
    member_id = bounce.member_id if bounce else 0
    return Outcome(ACCEPTED, (Note("bounced", text, facts.list_id, member_id or None, keep=True),))
