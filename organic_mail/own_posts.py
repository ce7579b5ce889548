"""Which post its author takes back or changes by mail."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from handlers.facts import OwnPostFacts, id_of
from handlers.message import Message, parse
from handlers.plain_words import own_post_wish_in
from storage import forms, held, posts
from storage.contents import read_content
from storage.models import HeldPost, MailingList, Member, Post

A_DAY = timedelta(days=1)


def own_post_facts(
    session: Session,
    mailing_list: MailingList | None,
    message: Message,
    member: Member,
    answered: Post | None,
    now: datetime,
    *,
    reads: bool,
) -> OwnPostFacts | None:
    """That a member takes back or changes what she answers; None for almost every message.

    answered: what it surely answers, where its address tells that. reads: is she a reader of the list just now?
    "instead:" in answer to what somebody else wrote is an answer like any other.
    """
    if mailing_list is None or not (answered or message.in_reply_to or message.references):
        return None
    wish = own_post_wish_in(message)
    if wish is None:
        return None
    parents = (*message.in_reply_to, *message.references[-1:])
    list_id, member_id = id_of(mailing_list), id_of(member)
    post = answered or _named(session, list_id, member_id, parents)
    waiting = None if post else _waiting(session, list_id, member_id, parents)
    is_hers = post is not None and post.member_id == member_id
    if not (is_hers or waiting) and (wish.text is not None or not reads):
        return None
    changes = forms.changes_since(session, post_id=id_of(post), since=now - A_DAY) if post else 0
    return OwnPostFacts(wish.text, post, waiting, is_hers, changes)


def _named(session: Session, list_id: int, member_id: int, parents: tuple[str, ...]) -> Post | None:
    """By what her Sent folder calls it, or by what her own copy is called."""
    for parent in parents:
        post = posts.post_by_message_id(session, list_id=list_id, message_id=parent) or posts.post_of_author(
            session, list_id=list_id, member_id=member_id, message_id=parent
        )
        if post is not None:
            return post
    return None


def _waiting(session: Session, list_id: int, member_id: int, parents: tuple[str, ...]) -> HeldPost | None:
    for waiting in held.waiting_of_author(session, list_id=list_id, member_id=member_id):
        if parse(read_content(session, waiting.content_id)).message_id in parents:
            return waiting
    return None
