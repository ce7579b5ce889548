"""What a message answers: whose copy, which post; and whether it says anything of its own."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmodel import Session

from handlers.address import Mailbox, address_key
from handlers.empty import is_empty, may_be_empty
from handlers.facts import Host, ReactionFacts, id_of
from handlers.message import Message
from handlers.post import addresses_in
from handlers.reaction import is_about, reaction_in
from handlers.token import read_letter_mark, read_private_reference
from handlers.written import whole_text_of
from organic_mail.answered_text import sent_text
from storage import members, posts, questions
from storage.contents import read_content
from storage.intake import keys_of_members
from storage.models import MailingList, Member, Membership, Post, Status
from storage.umbrella import membership_through

_HERE = (Status.ACTIVE, Status.PAUSED)


def hiding_keys(session: Session, message: Message) -> frozenset[str]:
    """Keys of members' addresses that its Message-IDs may tell."""
    keys = addresses_in((message.message_id, *message.in_reply_to, *message.references))
    return keys_of_members(session, keys)


def answered_members(session: Session, host: Host, message: Message) -> Iterator[Member]:
    """Whose copy or letter it answers, by our own marks in its References."""
    for message_id in (*message.references, *message.in_reply_to):
        reference = read_private_reference(host.secrets, message_id)
        member_id = reference.member_id if reference else read_letter_mark(host.secrets, message_id)
        member = members.member_by_id(session, member_id) if member_id else None
        if member is not None:
            yield member


def answered_member(session: Session, host: Host, mailing_list: MailingList | None, message: Message) -> Member | None:
    """The same when that member is on the list (contract §4, §5 References)."""
    for member in answered_members(session, host, message):
        membership = membership_of(session, mailing_list, member)
        if (membership is not None and membership.status in _HERE) or through(session, mailing_list, member):
            return member
    return None


def said_not_hers(session: Session, member: Member, author: Mailbox) -> bool:
    """Was this member asked about the author's address before, and it is not hers?"""
    key = address_key(author.address)
    asked = questions.asked_about_address(session, member_id=id_of(member), key=key)
    return asked is not None and asked.said_yes is False


def membership_of(session: Session, mailing_list: MailingList | None, member: Member | None) -> Membership | None:
    if mailing_list is None or member is None:
        return None
    return members.membership(session, id_of(mailing_list), id_of(member))


def through(session: Session, mailing_list: MailingList | None, member: Member | None) -> Membership | None:
    """On a list that is a member of this one, when that is how she reads it."""
    if mailing_list is None or member is None:
        return None
    return membership_through(session, outer_id=id_of(mailing_list), member_id=id_of(member))


def answered_post(session: Session, mailing_list: MailingList | None, message: Message) -> Post | None:
    """The post of this list that it answers, unless that was removed."""
    if mailing_list is None:
        return None
    for parent in message.in_reply_to:
        post = posts.post_by_message_id(session, list_id=id_of(mailing_list), message_id=parent)
        if post is not None:
            return post if post.removed_at is None else None
    return None


def is_made_here(host: Host, message: Message) -> bool:
    """Does it answer a letter or a copy of ours, by a Message-ID that we made?"""
    ours = f"@{host.domain}>"
    return any(
        parent.lower().endswith(ours) and parent.lower().startswith(("<n.", "<p.", "<m."))
        for parent in (*message.in_reply_to, *message.references)
    )


def reaction_facts(session: Session, mailing_list: MailingList | None, message: Message) -> ReactionFacts | None:
    """Is it no more than a reaction, and to which post?"""
    found = reaction_in(message) if mailing_list is not None else None
    if found is None:
        return None
    post = answered_post(session, mailing_list, message)
    if not found.quoted:
        return ReactionFacts(found, post)
    text = whole_text_of(read_content(session, post.content_id)) if post else ""
    return ReactionFacts(found, post) if post and is_about(found, post.subject, text) else None


def is_empty_answer(session: Session, host: Host, mailing_list: MailingList, message: Message) -> bool:
    """Does it answer a post with nothing but what that post says?"""
    post = answered_post(session, mailing_list, message) if may_be_empty(message) else None
    return post is not None and is_empty(message, original=sent_text(session, host, post))
