"""Decisions become writes: the only place, and all of one message in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from handlers.decide import Decision
from handlers.incoming import Incoming
from handlers.outcome import Action, Decline, Forward, Hold, Join, Leave, Note, Publish, Return
from organic_mail import joining, moderation
from organic_mail.joining import Answer
from organic_mail.publishing import publish
from storage import queue
from storage.arrivals import remember
from storage.contents import Packed, store_content
from storage.events import record


def apply(session: Session, decisions: Sequence[Decision], packed: Packed, now: datetime) -> None:
    """Write down what was decided for each recipient. What has come before changes nothing (RFC 1047)."""
    for decision in decisions:
        facts = decision.facts
        if decision.outcome.accepted and not remember(session, fingerprint(decision.incoming), now):
            text = f"The same email came again to {decision.incoming.route.address}. It was not sent again."
            record(session, "dropped", text, now=now, list_id=facts.list_id, member_id=facts.member_id)
            continue
        for action in decision.outcome.actions:
            _write(session, decision, action, packed, now)


def fingerprint(incoming: Incoming) -> bytes:
    """By what a second arrival is recognised (spec/mail.md §3.6 G3). Without a Message-ID, Date and Subject count."""
    message = incoming.message
    identity = message.raw_value("message-id")
    if identity is None:
        identity = (message.raw_value("date") or b"") + b"\0" + (message.raw_value("subject") or b"")
    pieces = (
        incoming.route.address.encode(),
        incoming.envelope.sender.encode(),
        identity,
        hashlib.sha256(message.body).digest(),
    )
    return hashlib.sha256(b"\0".join(pieces)).digest()


def _write(session: Session, decision: Decision, action: Action, packed: Packed, now: datetime) -> None:
    host, message = decision.facts.host, decision.incoming.message
    digest = hashlib.sha256(message.message_id.encode() or message.raw).hexdigest()
    answer = Answer(f"mail:{digest}", message.message_id)
    match action:
        case Publish():
            content_id = store_content(session, packed, now)
            publish(session, host, action, content_id=content_id, received_at=now, now=now)
        case Hold():
            content_id = store_content(session, packed, now)
            moderation.hold(session, decision, action, content_id=content_id, cause=answer.cause, now=now)
        case Forward(recipients, content, list_id):
            for recipient in recipients:
                queue.add_notice(
                    session, raw=content, recipient=recipient, cause=answer.cause, list_id=list_id, now=now
                )
            text = f"An email to {decision.incoming.route.address} went on to the people who read it."
            record(session, "forwarded", text, now=now, list_id=list_id)
        case Join(token, membership_id):
            joining.accept(session, host, token=token, membership_id=membership_id, answer=answer, now=now)
        case Decline(token, membership_id):
            joining.decline(session, token=token, membership_id=membership_id, now=now)
        case Leave(membership_id):
            joining.leave(session, host, membership_id=membership_id, answer=answer, now=now)
        case Return(token, membership_id):
            joining.come_back(session, host, token=token, membership_id=membership_id, answer=answer, now=now)
        case Note(kind, text, list_id, member_id, keep):
            kept = store_content(session, packed, now) if keep else None
            record(session, kind, text, now=now, list_id=list_id, member_id=member_id, content_id=kept)
