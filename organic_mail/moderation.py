"""What waits for a person to decide: put there, let out, kept back."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from handlers.address import Mailbox, NoSingleAuthor, author_of
from handlers.automatic import is_bulk
from handlers.client_language import client_language
from handlers.decide import Decision, decide
from handlers.facts import Facts, Host, id_of
from handlers.incoming import Authentication, Envelope, Incoming, Verdict
from handlers.letter_reply import posts_in
from handlers.message import Message, parse
from handlers.notice import Notice, NoticeKind
from handlers.outcome import Hold
from handlers.own_post import ChangePost
from handlers.own_post_answer import own_post_action
from handlers.policy import owner_address, writer
from handlers.route import Kind
from organic_mail import asking, changing, joining, notices
from organic_mail.answered import hiding_keys
from organic_mail.asking_people import ask_people
from organic_mail.first_language import guessed
from organic_mail.held_meaning import Meaning, applicant_of, meaning_of
from organic_mail.letter_facts import button_facts, letter_facts
from organic_mail.lookup import look_up
from organic_mail.own_posts import own_post_facts
from organic_mail.problem import Problem
from organic_mail.publishing import publish_part
from organic_mail.remote_held import let_out
from organic_mail.remote_posts import bring
from storage import directory, held, members, remote_held, spaces
from storage.contents import pack, read_content
from storage.events import record
from storage.lists import list_by_id
from storage.models import Awaits, HeldPost, HeldState, MailingList, Member, Post
from storage.models_remote import HeldRemote
from storage.models_travel import RemoteAuthor
from storage.umbrella import membership_through


def hold(session: Session, decision: Decision, action: Hold, *, content_id: int, cause: str, now: datetime) -> HeldPost:
    """Keep a message until somebody decides, and ask those who can."""
    incoming, facts = decision.incoming, decision.facts
    awaits, question = _ask_member(session, incoming, facts, action, now)
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
        awaits=awaits,
        question=question,
        now=now,
    )
    if awaits is Awaits.PEOPLE and action.ask:
        whose = action.member_id or f"strangers of {action.list_id}"
        once = f"pace:{whose}:{now:%Y-%m-%dT%H}:{action.reason}" if action.ask_hourly else ""
        ask_people(session, facts.host, waiting, now, once=once)
    if action.tell_author and facts.member is not None and not is_bulk(incoming.message):
        to_us = incoming.route.kind in (Kind.HELP, Kind.TOKEN)
        letter = Notice(
            NoticeKind.PASSED_ON if to_us else NoticeKind.WAITING,
            Mailbox(facts.member.name, members.primary_address(session, id_of(facts.member))),
            facts.member.language,
            facts.mailing_list,
            reply_to=owner_address(facts),
            in_reply_to=incoming.message.message_id,
            values={"subject": waiting.subject},
        )
        once = f"passed_on:{action.list_id}:{now:%Y-%m-%dT%H}" if to_us else cause
        notices.send(session, facts.host, letter, cause=once, now=now, member=facts.member)
    text = f"An email from {waiting.author} to {waiting.recipient} waits for a decision. {waiting.reason}"
    record(session, "held", text, now=now, list_id=waiting.list_id, member_id=waiting.member_id, content_id=content_id)
    return waiting


def hold_on(session: Session, host: Host, waiting: HeldPost, reason: str, now: datetime, *, ask: bool = True) -> None:
    """No member's word is waited for any more: now those who run the list decide."""
    held.leave_to_people(session, held_id=id_of(waiting), reason=reason)
    session.refresh(waiting)
    if ask:
        ask_people(session, host, waiting, now)
    text = f"The email from {waiting.author} to {waiting.recipient} still waits. {reason}"
    record(session, "held", text, now=now, list_id=waiting.list_id, member_id=waiting.member_id)


def redecided(session: Session, host: Host, waiting: HeldPost, now: datetime) -> Decision:
    """What becomes of a held message now that we know who wrote it."""
    message = parse(read_content(session, waiting.content_id))
    route, facts = look_up(session, host, message, _author(message), waiting.recipient, now)
    envelope = Envelope(waiting.envelope_sender, (waiting.recipient,))
    incoming = Incoming(envelope, message, Authentication(Verdict.ALIGNED), route)
    return Decision(incoming, facts, decide(incoming, facts, waiting.received_at))


def approve_held(session: Session, host: Host, held_id: int, *, now: datetime, by: Member | None = None) -> Post | None:
    """Say yes to a held message: it goes out with its own Message-ID and Date; who asked to join or leave may.

    by: the member who decided; who is let in came by her yes.

    None when it was no post. Raises Problem.
    """
    waiting = _waiting(session, held_id)
    mailing_list = list_by_id(session, waiting.list_id) if waiting.list_id else None
    if mailing_list is None or mailing_list.removed_at is not None:
        raise Problem(f"message {held_id} was written to no list; answer its author yourself, then discard it")
    remotely = remote_held.held_remote(session, held_id)
    if remotely is not None:
        return _share_remote(session, host, mailing_list, waiting, *remotely, now)
    message = parse(read_content(session, waiting.content_id))
    meaning = meaning_of(session, host, waiting, message)
    if meaning is Meaning.NOTHING:
        raise Problem(
            f"message {held_id} was written to {waiting.recipient}, not to everyone; answer its author yourself, "
            "then discard it"
        )
    member = members.member_by_id(session, waiting.member_id) if waiting.member_id else None
    change = _change_asked(session, host, waiting, mailing_list, member, message, now)
    _decide(session, held_id, HeldState.APPROVED, now)
    if meaning is not Meaning.POST:
        _let_in_or_go(session, host, mailing_list, waiting, message, meaning, now, by)
        _record(session, waiting, "was answered with yes", now)
        return None
    if change is not None:
        answer = joining.Answer(f"approved:{held_id}", message.message_id)
        return changing.change(session, host, change, message, answer, now)
    facts = Facts(
        host,
        author=_author(message),
        mailing_list=mailing_list,
        member=member,
        hiding=hiding_keys(session, message),
        letter=letter_facts(session, host, mailing_list, message),
        button=button_facts(session, mailing_list, waiting.recipient.partition("@")[0].rpartition("-")[2]),
    )
    packed, received_at = pack(message.raw), waiting.received_at
    made = [
        publish_part(session, host, action, message, packed, received_at=received_at, now=now)
        for action in posts_in(message, facts, received_at)
    ]
    return made[0] if made else None


def _change_asked(
    session: Session,
    host: Host,
    waiting: HeldPost,
    mailing_list: MailingList,
    member: Member | None,
    message: Message,
    now: datetime,
) -> ChangePost | None:
    """New words for an earlier post, which its author may not write unread. Raises Problem."""
    found = own_post_facts(session, mailing_list, message, member, None, now, reads=True) if member else None
    if found is None:
        return None
    action = own_post_action(Facts(host, mailing_list=mailing_list, member=member), found)
    if isinstance(action, ChangePost):
        return action
    raise Problem(
        f"message {waiting.id} is about an earlier post, and not for everyone; where it is right, use organic-mail "
        f"post remove ID, then: organic-mail held discard {waiting.id}"
    )


def reject_held(session: Session, host: Host, held_id: int, *, now: datetime, reason: str = "") -> None:
    """Keep a held message back and tell its author, when she is a member or has confirmed that she wants to be one:
    strangers are never written to. Raises Problem.
    """
    waiting = _waiting(session, held_id)
    _decide(session, held_id, HeldState.REJECTED, now)
    _record(session, waiting, "was not shared", now)
    mailing_list = list_by_id(session, waiting.list_id) if waiting.list_id else None
    member = members.member_by_id(session, waiting.member_id) if waiting.member_id else None
    applicant = applicant_of(session, host, waiting)
    if applicant is not None:
        kind, recipient = NoticeKind.NOT_JOINED, Mailbox("", applicant.address)
        language = guessed(session, host, mailing_list) if mailing_list else host.language
    elif member is not None:
        address = members.primary_address(session, id_of(member))
        kind, recipient, language = NoticeKind.NOT_SHARED, Mailbox(member.name, address), member.language
    else:
        return
    letter = Notice(
        kind,
        recipient,
        language,
        mailing_list,
        reply_to=owner_address(Facts(host, mailing_list=mailing_list)),
        in_reply_to=parse(read_content(session, waiting.content_id)).message_id,
        values={"subject": waiting.subject, "reason": reason},
    )
    notices.send(session, host, letter, cause=f"rejected:{held_id}", now=now, member=member)


def discard_held(session: Session, held_id: int, *, now: datetime) -> None:
    """Keep a held message back and tell nobody. Raises Problem."""
    waiting = _waiting(session, held_id)
    _decide(session, held_id, HeldState.DISCARDED, now)
    _record(session, waiting, "was set aside for good", now)


def leave_to_people(session: Session, host: Host, now: datetime) -> None:
    """What a member has not answered in time goes on waiting for those who run the list: no word is lost."""
    told: set[tuple[int | None, str]] = set()
    for waiting in held.waiting_too_long(session, before=now - asking.MEMBER_DECIDES_IN):
        if waiting.list_id is None:  # private mail, which nobody else reads
            discard_held(session, id_of(waiting), now=now)
            continue
        whose = (waiting.member_id, waiting.question)
        reason = f"{waiting.reason} The member was asked, and has not answered in a week."
        hold_on(session, host, waiting, reason, now, ask=whose not in told)
        told.add(whose)


def give_up_waiting(session: Session, host: Host, now: datetime) -> None:
    """What nobody has decided about for as long as the list waits is kept back, and its author is told so."""
    for waiting in held.waited_out(session, now):
        reject_held(session, host, id_of(waiting), now=now)


def _ask_member(session: Session, incoming: Incoming, facts: Facts, action: Hold, now: datetime) -> tuple[Awaits, str]:
    """Whose word is waited for, and the token of what a member was asked about an address."""
    mailing_list, message = facts.mailing_list, incoming.message
    reader = (facts.private.reader.name or facts.private.reader.alias) if facts.private else ""
    if mailing_list is None or facts.author is None:
        return Awaits.PEOPLE, ""
    if action.awaits is Awaits.AUTHOR and facts.member is not None:
        if action.leaving:
            left = list_by_id(session, facts.through.list_id) if facts.through else mailing_list
            asking.ask_leaving(session, facts.host, facts.member, left or mailing_list, message, now)
        else:
            asking.ask_author(session, facts.host, facts.member, mailing_list, message, now, reader=reader)
        return Awaits.AUTHOR, ""
    member = members.member_by_id(session, action.maybe_of) if action.maybe_of else None
    if member is None:
        return Awaits.PEOPLE, ""
    token = asking.ask_about_address(
        session, facts.host, member, mailing_list, facts.author, message, now, reader=reader
    )
    return (Awaits.ADDRESS, token) if token else (Awaits.PEOPLE, "")


def _share_remote(
    session: Session,
    host: Host,
    mailing_list: MailingList,
    waiting: HeldPost,
    form: HeldRemote,
    author: RemoteAuthor,
    now: datetime,
) -> Post | None:
    space = spaces.space_by_id(session, author.space)
    if space is None or space.left_at is not None:
        raise Problem(
            f"{mailing_list.name} is no longer in the space; discard it: organic-mail held discard {form.held_id}"
        )
    _decide(session, form.held_id, HeldState.APPROVED, now)
    post, way = let_out(session, waiting, form, now)
    return bring(session, host, mailing_list, author, post, way, now)


def _let_in_or_go(
    session: Session,
    host: Host,
    mailing_list: MailingList,
    waiting: HeldPost,
    message: Message,
    meaning: Meaning,
    now: datetime,
    by: Member | None,
) -> None:
    applicant, author = applicant_of(session, host, waiting), _author(message)
    if meaning is Meaning.LEAVE:
        list_id, member_id = id_of(mailing_list), waiting.member_id or 0
        membership = membership_through(session, outer_id=list_id, member_id=member_id) or members.membership(
            session, list_id, member_id
        )
        answer = joining.Answer(f"approved:{waiting.id}", message.message_id)
        if membership is not None:
            joining.leave(session, host, membership_id=id_of(membership), answer=answer, now=now)
    elif applicant is not None:
        newcomer = joining.Newcomer(
            Mailbox(applicant.name, applicant.address), applicant.delivery, language=client_language(message)
        )
        joining.confirm(session, host, mailing_list=mailing_list, newcomer=newcomer, now=now, voucher=by)
    elif author is not None:
        newcomer = joining.Newcomer(author)
        inviter = (by.name if by else "") or host.name
        invited = joining.invite(session, host, mailing_list=mailing_list, newcomer=newcomer, inviter=inviter, now=now)
        if by is not None:
            directory.vouch(session, membership_id=id_of(invited), voucher_id=id_of(by), now=now)


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
