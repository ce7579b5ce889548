"""Mail to the envelope sender of a copy: what came back, and the few people who answer there."""

from __future__ import annotations

import re
from datetime import datetime

from handlers import dsn, report_prose
from handlers.address import Mailbox, address_key
from handlers.automatic import has_automatic_subject, is_automatic
from handlers.dsn import Failure
from handlers.facts import Facts, SentFacts
from handlers.forward import forwarded
from handlers.incoming import Incoming
from handlers.outcome import ACCEPTED, Action, Bounced, Forward, Note, Outcome, PrivateCameBack
from handlers.policy import SAFE, dropped, first_answer, held, writer
from handlers.reply import Reply
from handlers.retry import Fault, classify, clean_reply
from handlers.score import weight

_SMTP_CODE = re.compile(r"(?<![\d.:])([45])(\d\d)(?![\d.])")
_ENHANCED = re.compile(r"(?<![\d.])[45]\.(\d{1,3}\.\d{1,3})(?![\d.])")
_MEANING = {
    Fault.ADDRESS_HARD: "Nobody has this address",
    Fault.SOFT: "The mailbox takes nothing",
    Fault.OURS: "It was refused because of us, not because of this address",
    Fault.MESSAGE: "This one mail was refused",
    None: "It is only late so far",
}


def is_from_a_person(incoming: Incoming) -> bool:
    return not is_automatic(incoming.envelope, incoming.message) and not report_prose.is_from_robot(incoming.message)


def decide_bounce(incoming: Incoming, facts: Facts, now: datetime) -> Outcome:
    """The signature in the address has told already whom a report is about (spec/mail.md §1.7, §3.5).

    What cannot be read goes on to the owners, where `facts` names them.
    """
    if is_from_a_person(incoming):
        outcome = first_answer(SAFE, incoming, facts)
        return outcome or held(facts, f"{writer(incoming, facts)} answered a letter of ours at its return address.")
    failures = [failure for failure in dsn.reported(incoming.message) if _counts(failure, incoming, facts.sent)]
    if failures:
        return Outcome(ACCEPTED, _came_back(failures, incoming, facts))
    if not report_prose.looks_like_report(incoming.message):
        return dropped(facts, f"An automatic answer came back from {incoming.envelope.sender or 'a mail program'}.")
    text = f"A mail that we sent came back, and we cannot read why: {incoming.message.subject[:100]}"
    note = Note("bounced", text, facts.list_id, _member_id(incoming), keep=True)
    if not facts.owners:
        return Outcome(ACCEPTED, (note,))
    sender = facts.author or Mailbox("", f"postmaster@{facts.host.domain}")
    return Outcome(ACCEPTED, (note, Forward(facts.owners, forwarded(incoming, facts, sender, now), facts.list_id)))


def fault_of(failure: Failure) -> Fault | None:
    """What a failure that a report tells of means; None while it is only late.

    What the other server itself said counts more than the status that the reporting one made of it. Even a temporary
    refusal is final here: somebody has given up over it.
    """
    if not failure.given_up:
        return None
    if not failure.permanent:
        return Fault.SOFT
    codes = _SMTP_CODE.search(failure.diagnostic)
    detail = _ENHANCED.search(failure.diagnostic) or _ENHANCED.search(failure.status)
    code = int(f"5{codes[2]}") if codes else 550
    return classify(Reply(code, f"5.{detail[1]}" if detail else "", failure.diagnostic)).fault


def _counts(failure: Failure, incoming: Incoming, sent: SentFacts | None) -> bool:
    """Fields are believed whatever address they name: it may be where she forwards to. Prose has to name hers."""
    if not failure.prose:
        return True
    if sent is None or has_automatic_subject(incoming.message):
        return False
    return address_key(failure.address) == address_key(sent.recipient)


def _came_back(failures: list[Failure], incoming: Incoming, facts: Facts) -> tuple[Action, ...]:
    worst = max(failures, key=_weight)
    fault, said = fault_of(worst), clean_reply(worst.diagnostic or worst.status)
    recipient = facts.sent.recipient if facts.sent else worst.address or "somebody who is no member now"
    text = f"A mail to {recipient} came back. {_MEANING[fault]}: {said or 'no reason was given'}"
    actions: list[Action] = [Note("bounced", text, facts.list_id, _member_id(incoming), keep=True)]
    sent = facts.sent
    if sent is not None and sent.private_id is not None and fault is not None:
        actions.append(PrivateCameBack(sent.private_id))
    if sent is not None and fault in (Fault.ADDRESS_HARD, Fault.SOFT, Fault.OURS):
        actions.append(Bounced(sent.member_id, sent.recipient, sent.run, fault, _weight(worst), said))
    return tuple(actions)


def _weight(failure: Failure) -> float:
    fault = fault_of(failure)
    return weight(fault, prose=failure.prose) if fault else 0.0


def _member_id(incoming: Incoming) -> int | None:
    bounce = incoming.route.bounce
    return bounce.member_id or None if bounce else None
