"""Decisions become writes: the only place, and all of one message in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from handlers.automatic import is_automatic
from handlers.decide import Decision
from handlers.facts import Host, id_of
from handlers.incoming import Incoming, Verdict
from handlers.outcome import (
    Action,
    AskToJoin,
    AskWhatSheMeant,
    Block,
    BlockRemote,
    Bounced,
    ChangeDelivery,
    ChangeSharing,
    Complained,
    Decline,
    Forward,
    FromPeer,
    GoOn,
    HideMemory,
    Hold,
    Join,
    Keep,
    Leave,
    LetLeave,
    Mute,
    No,
    NotArrived,
    Note,
    Pause,
    PrivateCameBack,
    Publish,
    React,
    Return,
    SayIsMember,
    SendCopies,
    SendPrivately,
    SendRemotely,
    SendRest,
    Unblock,
    Withdraw,
    Yes,
)
from handlers.own_post import ChangePost, SayUnchanged, TakeBack, TakeBackHeld
from handlers.route import Kind
from handlers.wishes import AskToForget, AskToMove, Explain, SendDirectory, SetLine, WishData
from organic_mail import (
    answering,
    asking,
    bouncing,
    changing,
    complaining,
    departing,
    directory,
    first_language,
    joining,
    letter_wishes,
    moderation,
    muting,
    pausing,
    peer_mail,
    private_mail,
    reacting,
    remote_mail,
    sharing,
    unclear,
    withdrawing,
)
from organic_mail.joining import Answer
from organic_mail.publishing import publish_part
from storage import held, members, queue
from storage.arrivals import remember
from storage.contents import Packed, pack, store_content
from storage.events import record
from storage.letter_buttons import wish_for_letter
from storage.models import HeldPost, HeldState


def apply(session: Session, decisions: Sequence[Decision], packed: Packed, now: datetime) -> None:
    """Write down what was decided for each recipient. What has come before changes nothing (RFC 1047)."""
    for decision in decisions:
        facts = decision.facts
        if decision.outcome.accepted and not _is_new(session, decision.incoming, now):
            text = f"The same email came again to {decision.incoming.route.address}. It was not sent again."
            record(session, "repeated", text, now=now, list_id=facts.list_id, member_id=facts.member_id)
            continue
        answer = _answer(decision)
        for action in decision.outcome.actions:
            _write(session, decision, action, packed, answer, now)
        if _is_forgotten(session, decision):
            return
        if decision.outcome.accepted:
            _notice_that_she_writes(session, decision, answer, now)


def _is_forgotten(session: Session, decision: Decision) -> bool:
    """Has its author asked for that, so that nobody is there who could have written anything more?"""
    if not any(isinstance(action, Yes) for action in decision.outcome.actions) or decision.facts.member_id is None:
        return False
    return members.member_by_id(session, decision.facts.member_id) is None


def _is_new(session: Session, incoming: Incoming, now: datetime) -> bool:
    """Servers number what they write to each other, and so know better what has come before."""
    return incoming.route.kind is Kind.PEER or remember(session, fingerprint(incoming), now)


def _answer(decision: Decision) -> Answer:
    message = decision.incoming.message
    digest = hashlib.sha256(message.message_id.encode() or message.raw).hexdigest()
    return Answer(f"mail:{digest}", message.message_id)


def _notice_that_she_writes(session: Session, decision: Decision, answer: Answer, now: datetime) -> None:
    """A member who surely writes herself reads her mail too (spec/mail.md §3.5)."""
    incoming, facts = decision.incoming, decision.facts
    if facts.member is None or facts.author is None or is_automatic(incoming.envelope, incoming.message):
        return
    if incoming.authentication.verdict is Verdict.ALIGNED:
        pausing.heard_from(session, facts.host, facts.member, facts.author.address, answer, now)


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


def _write(
    session: Session,
    decision: Decision,
    action: Action,
    packed: Packed,
    answer: Answer,
    now: datetime,
    *,
    received_at: datetime | None = None,
) -> None:
    host, message = decision.facts.host, decision.incoming.message
    match action:
        case Publish():
            publish_part(session, host, action, message, packed, received_at=received_at or now, now=now)
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
            message = decision.incoming.message
            first_language.learn(session, host, membership_id=membership_id, message=message, now=now)
            joining.accept(session, host, token=token, membership_id=membership_id, answer=answer, now=now)
        case Decline(token, membership_id):
            joining.decline(session, token=token, membership_id=membership_id, now=now)
        case Leave(membership_id):
            joining.leave(session, host, membership_id=membership_id, answer=answer, now=now)
        case Return(token, membership_id):
            joining.come_back(session, host, token=token, membership_id=membership_id, answer=answer, now=now)
        case AskToJoin():
            if decision.facts.mailing_list is not None:
                asking.ask_to_join(session, host, decision.facts.mailing_list, action, message.message_id, now)
        case AskWhatSheMeant():
            unclear.ask_what_she_meant(session, decision, action, packed, answer, now)
        case SayIsMember(membership_id):
            joining.say_is_member(session, host, membership_id=membership_id, answer=answer, now=now)
        case Yes(token, always):
            for waiting in answering.say_yes(session, decision, token, packed, now, always=always):
                _let_out(session, host, waiting, now)
        case No(token, reason):
            answering.say_no(session, host, token, reason, now)
        case Bounced():
            bouncing.came_back(session, host.secrets, action, now)
        case Complained(membership_id):
            complaining.complained(session, host, membership_id=membership_id, now=now)
        case Keep(token, membership_id):
            pausing.keep(session, host, token=token, membership_id=membership_id, answer=answer, now=now)
        case SendPrivately():
            private_mail.send_privately(session, action, content_id=store_content(session, packed, now), now=now)
        case NotArrived():
            private_mail.tell_writer(session, host, action, answer, now)
        case PrivateCameBack(private_id):
            private_mail.came_back(session, host, private_id, now)
        case Block(blocker_id, blocked_id):
            private_mail.block(session, host, blocker_id, blocked_id, answer, now)
        case Unblock(blocker_id, blocked_id):
            private_mail.unblock(session, host, blocker_id, blocked_id, answer, now)
        case React() | Withdraw():
            reacting.react(session, action, now)
        case ChangeDelivery():
            letter_wishes.change_delivery(session, host, action, answer, now)
        case ChangeSharing():
            sharing.change_sharing(session, host, action, answer, now)
        case Pause(membership_id):
            letter_wishes.pause(session, host, membership_id, answer, now)
        case GoOn(membership_id):
            letter_wishes.go_on(session, host, membership_id, answer, now)
        case SendRest(membership_id, edition_id):
            wish_for_letter(session, membership_id=membership_id, edition_id=edition_id, now=now)
        case Mute():
            muting.mute(session, action, now)
        case HideMemory():
            letter_wishes.hide(session, action, now)
        case FromPeer():
            peer_mail.came(session, host, decision.incoming, now)
        case SendCopies():
            letter_wishes.send_copies(session, action, now)
        case SendDirectory() | SetLine() | Explain() | WishData() | AskToForget() | AskToMove():
            directory.grant(session, host, action, answer, now)
        case SendRemotely():
            content_id = store_content(session, packed, now)
            remote_mail.take(session, action, content_id=content_id, now=now)
        case BlockRemote(alias, member_id, blocks):
            remote_mail.block(session, alias, member_id, blocks=blocks, now=now)
        case LetLeave(token, said):
            departing.answered(session, token, said, now)
        case TakeBack():
            withdrawing.take_back(session, host, action, answer, now)
        case TakeBackHeld():
            withdrawing.take_back_held(session, host, action, answer, now)
        case ChangePost():
            changing.change(session, host, action, message, answer, now)
        case SayUnchanged():
            changing.say_unchanged(session, host, action, answer, now)
        case Note(kind, text, list_id, member_id, keep):
            kept = store_content(session, packed, now) if keep else None
            record(session, kind, text, now=now, list_id=list_id, member_id=member_id, content_id=kept)


def _let_out(session: Session, host: Host, waiting: HeldPost, now: datetime) -> None:
    """Its author has said that it is hers: now it goes the way that it would have gone."""
    decision = moderation.redecided(session, host, waiting, now)
    holds = [action for action in decision.outcome.actions if isinstance(action, Hold)]
    if holds or not decision.outcome.accepted:
        moderation.hold_on(session, host, waiting, holds[0].reason if holds else decision.outcome.reply.text, now)
    elif held.decide(session, held_id=id_of(waiting), state=HeldState.APPROVED, now=now):
        packed = pack(decision.incoming.message.raw)
        for action in decision.outcome.actions:
            _write(session, decision, action, packed, _answer(decision), now, received_at=waiting.received_at)
