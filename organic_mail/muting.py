"""Conversations that a member has muted: written down, and what reaches her of them all the same."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from handlers.facts import Host, MutingFacts, id_of
from handlers.letter_content import called_in, folded_name, unique_first_names
from handlers.message import Message
from handlers.muting import muting_in
from handlers.outcome import Mute
from handlers.token import read_private_reference
from handlers.written import written_text_of
from organic_mail.answered import answered_post
from organic_mail.answered_text import answered_text
from storage import members, mutes
from storage.events import record
from storage.letter_buttons import add_copies
from storage.models import MailingList, Member, Post
from storage.threads import thread_by_id


def muting_facts(
    session: Session, host: Host, mailing_list: MailingList | None, message: Message
) -> MutingFacts | None:
    """That a message says no more than to mute what it answers; None for almost every one."""
    if mailing_list is None or not (message.in_reply_to or message.references):
        return None
    found = muting_in(message)
    thread_id = _answered_thread(session, host, mailing_list, message) if found is not None else None
    return MutingFacts(found.muted, thread_id) if found is not None and thread_id is not None else None


def mute(session: Session, action: Mute, now: datetime) -> None:
    """She is told nothing: it is quiet, as she wished."""
    member, thread = members.member_by_id(session, action.member_id), thread_by_id(session, action.thread_id)
    if member is None or thread is None:
        return
    if action.muted:
        mutes.mute(session, member_id=action.member_id, thread_id=action.thread_id, now=now)
    else:
        mutes.unmute(session, member_id=action.member_id, thread_id=action.thread_id)
    what = "wants to hear no more" if action.muted else "wants to hear again"
    text = f'{member.name or member.alias} {what} of "{thread.subject[:100]}".'
    record(session, "muted", text, now=now, list_id=thread.list_id, member_id=member.id)


def tell_the_named(session: Session, host: Host, post: Post, raw: bytes, now: datetime) -> None:
    """Who has muted a conversation gets the one post that calls her by name."""
    kept_back = mutes.copies_kept_back(session, list_id=post.list_id, thread_id=post.thread_id)
    if not kept_back:
        return
    called = called_in(written_text_of(raw, original=answered_text(session, host, post)))
    people: dict[int, Member] = {}
    if called:
        people = {id_of(each.member): each.member for each in members.people_of(session, post.list_id)}
    names = unique_first_names({member_id: person.name for member_id, person in people.items()})
    for membership in kept_back:
        name = names.get(membership.member_id)
        if name is None or folded_name(name) not in called or membership.member_id == post.member_id:
            continue
        add_copies(
            session,
            [(id_of(post), post.content_id)],
            membership=membership,
            recipient=members.primary_address(session, membership.member_id),
            language=people[membership.member_id].language,
            now=now,
        )


def _answered_thread(session: Session, host: Host, mailing_list: MailingList, message: Message) -> int | None:
    """By the post that it answers, else by our own reference in her copy."""
    post = answered_post(session, mailing_list, message)
    if post is not None:
        return post.thread_id
    for message_id in (*message.in_reply_to, *message.references):
        reference = read_private_reference(host.secrets, message_id)
        thread = thread_by_id(session, reference.thread_id) if reference else None
        if thread is not None and thread.list_id == mailing_list.id:
            return id_of(thread)
    return None
