"""What waits for a person to decide: put there, let out, kept back."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from handlers.address import Mailbox, NoSingleAuthor, author_of
from handlers.decide import Decision
from handlers.facts import Facts, Host, id_of
from handlers.message import Message, parse
from handlers.notice import Notice, NoticeKind
from handlers.outcome import Hold
from handlers.policy import owner_address, writer
from handlers.post import published
from handlers.route import Kind, candidates
from organic_mail import notices
from organic_mail.lookup import hiding_keys, people_who_run
from organic_mail.problem import Problem
from organic_mail.publishing import publish
from storage import held, members
from storage.contents import read_content
from storage.events import record
from storage.lists import list_by_id
from storage.models import HeldPost, HeldState, Post


def hold(session: Session, decision: Decision, action: Hold, *, content_id: int, cause: str, now: datetime) -> HeldPost:
    """Keep a message until somebody decides, and ask those who can."""
    incoming, facts = decision.incoming, decision.facts
    waiting = held.hold(
        session,
        list_id=action.list_id,
        content_id=content_id,
        member_id=action.member_id,
        envelope_sender=incoming.envelope.sender,
        recipient=incoming.route.address,
        author=writer(incoming, facts),
        subject=incoming.message.subject,
        reason=action.reason,
        now=now,
    )
    if action.ask:
        _ask(session, facts, waiting, now)
    if action.tell_author and facts.member is not None:
        letter = Notice(
            NoticeKind.WAITING,
            Mailbox(facts.member.name, members.primary_address(session, id_of(facts.member))),
            facts.member.language,
            facts.mailing_list,
            reply_to=owner_address(facts),
            in_reply_to=incoming.message.message_id,
            values={"subject": waiting.subject or "(no subject)"},
        )
        notices.send(session, facts.host, letter, cause=cause, now=now, member=facts.member)
    text = f"An email from {waiting.author} to {waiting.recipient} waits for a decision. {waiting.reason}"
    record(session, "held", text, now=now, list_id=waiting.list_id, member_id=waiting.member_id, content_id=content_id)
    return waiting


def approve_held(session: Session, host: Host, held_id: int, *, now: datetime) -> Post:
    """Let a held message go out, with its own Message-ID and Date. Raises Problem."""
    waiting = _waiting(session, held_id)
    mailing_list = list_by_id(session, waiting.list_id) if waiting.list_id else None
    if mailing_list is None or mailing_list.removed_at is not None:
        raise Problem(f"message {held_id} was written to no list; answer its author yourself, then discard it")
    if not _can_go_out(waiting, host):
        raise Problem(
            f"message {held_id} was written to {waiting.recipient}, not to everyone; answer its author yourself, "
            "then discard it"
        )
    message = parse(read_content(session, waiting.content_id))
    facts = Facts(
        host,
        author=_author(message),
        mailing_list=mailing_list,
        member=members.member_by_id(session, waiting.member_id) if waiting.member_id else None,
        hiding=hiding_keys(session, message),
    )
    _decide(session, held_id, HeldState.APPROVED, now)
    return publish(
        session,
        host,
        published(message, facts, waiting.received_at),
        content_id=waiting.content_id,
        received_at=waiting.received_at,
        now=now,
    )


def reject_held(session: Session, host: Host, held_id: int, *, now: datetime, reason: str = "") -> None:
    """Keep a held message back and tell its author, when she is a member: strangers are never written to.

    Raises Problem.
    """
    waiting = _waiting(session, held_id)
    _decide(session, held_id, HeldState.REJECTED, now)
    _record(session, waiting, "was not shared", now)
    member = members.member_by_id(session, waiting.member_id) if waiting.member_id else None
    if member is None:
        return
    mailing_list = list_by_id(session, waiting.list_id) if waiting.list_id else None
    letter = Notice(
        NoticeKind.NOT_SHARED,
        Mailbox(member.name, members.primary_address(session, id_of(member))),
        member.language,
        mailing_list,
        reply_to=owner_address(Facts(host, mailing_list=mailing_list)),
        in_reply_to=parse(read_content(session, waiting.content_id)).message_id,
        values={"subject": waiting.subject or "(no subject)", "reason": reason},
    )
    notices.send(session, host, letter, cause=f"rejected:{held_id}", now=now, member=member)


def discard_held(session: Session, held_id: int, *, now: datetime) -> None:
    """Keep a held message back and tell nobody. Raises Problem."""
    waiting = _waiting(session, held_id)
    _decide(session, held_id, HeldState.DISCARDED, now)
    _record(session, waiting, "was set aside for good", now)


def _ask(session: Session, facts: Facts, waiting: HeldPost, now: datetime) -> None:
    """One short letter to each who can decide; the operator where nobody else can.

    Strangers who write to the list's other addresses cause one letter a day in all: they may be many.
    """
    can_go_out = _can_go_out(waiting, facts.host)
    known = can_go_out or waiting.member_id is not None
    cause = f"held:{waiting.id}" if known else f"strangers:{waiting.list_id}:{now:%Y-%m-%d}"
    for person in people_who_run(session, facts.host, facts.mailing_list):
        letter = Notice(
            NoticeKind.ASKED,
            Mailbox(person.name, person.address),
            person.language,
            facts.mailing_list,
            reply_to=owner_address(facts),
            values={
                "author": waiting.author,
                "subject": waiting.subject or "(no subject)",
                "recipient": waiting.recipient,
                "reason": waiting.reason,
                "number": id_of(waiting),
                "can_go_out": can_go_out,
            },
        )
        notices.send(session, facts.host, letter, cause=cause, now=now)


def _can_go_out(waiting: HeldPost, host: Host) -> bool:
    """Was it meant for everyone? What was written to one of the list's other addresses never is."""
    routes = candidates(waiting.recipient, host.domain)
    return waiting.list_id is not None and bool(routes) and routes[0].kind in (Kind.LIST, Kind.BOUNCE)


def _waiting(session: Session, held_id: int) -> HeldPost:
    waiting = held.held_by_id(session, held_id)
    if waiting is None:
        raise Problem(f"there is no held message {held_id}; see which wait: organic-mail held ls")
    return waiting


def _decide(session: Session, held_id: int, state: HeldState, now: datetime) -> None:
    if not held.decide(session, held_id=held_id, state=state, now=now):
        raise Problem(f"message {held_id} was decided already; see which still wait: organic-mail held ls")


def _author(message: Message) -> Mailbox | None:
    try:
        return author_of(message)
    except NoSingleAuthor:
        return None


def _record(session: Session, waiting: HeldPost, what: str, now: datetime) -> None:
    text = f"The email from {waiting.author} to {waiting.recipient} {what}."
    record(
        session,
        "decided",
        text,
        now=now,
        list_id=waiting.list_id,
        member_id=waiting.member_id,
        content_id=waiting.content_id,
    )
