"""A decision to post, written down: now, or when a moderator says yes."""

from __future__ import annotations

import secrets as randomness
from datetime import datetime

from sqlmodel import Session

from handlers.address import address_key, parse_mailboxes
from handlers.facts import Host, id_of
from handlers.message import Message, parse
from handlers.outcome import Publish
from handlers.route import in_domain
from handlers.token import new_message_id
from organic_mail import departing
from organic_mail.muting import tell_the_named
from organic_mail.placing import place_of
from storage import posts
from storage.contents import Packed, store_content
from storage.events import record
from storage.letter_buttons import keep_answer
from storage.models import Post
from storage.second_copies import spare_named


def publish_part(
    session: Session,
    host: Host,
    action: Publish,
    message: Message,
    packed: Packed,
    *,
    received_at: datetime,
    now: datetime,
) -> Post:
    """Store a message and publish it, or what was cut out of it: then both are kept. packed: the message."""
    content_id = store_content(session, packed, now)
    if not action.cut:
        return publish(session, host, action, message, content_id=content_id, received_at=received_at, now=now)
    cut_id = store_content(session, action.cut, now)
    post = publish(session, host, action, parse(action.cut), content_id=cut_id, received_at=received_at, now=now)
    keep_answer(session, post_id=id_of(post), content_id=content_id)
    return post


def publish(
    session: Session,
    host: Host,
    action: Publish,
    message: Message,
    *,
    content_id: int,
    received_at: datetime,
    now: datetime,
) -> Post:
    """Store the post in its conversation, with a delivery for each reader.

    Another mail of the same Message-ID does not swallow it: it goes out under a new one (spec: behaviours 104).
    """
    message_id, place = action.message_id, place_of(session, host, action, message)
    while True:
        try:
            post = posts.store_post(
                session,
                list_id=action.list_id,
                member_id=action.member_id,
                author_name=action.author_name,
                content_id=content_id,
                message_id=message_id,
                original_message_id=action.original_message_id,
                in_reply_to=place.in_reply_to,
                references=place.references,
                subject=action.subject,
                written_at=action.written_at,
                received_at=received_at,
                signs=place.signs,
                now=now,
            )
            break
        except posts.DuplicateMessageId:
            message_id = new_message_id(randomness.token_bytes(16), host.domain)
    record(
        session,
        "posted",
        f'{action.author_name} wrote "{action.subject[:100]}" to everyone.',
        now=now,
        list_id=action.list_id,
        post_id=post.id,
        member_id=action.member_id,
        content_id=content_id,
    )
    spare_named(session, post_id=id_of(post), keys=_named(host, message))
    tell_the_named(session, host, post, message.raw, now)
    if action.space:
        departing.begin(session, host, post, message, action.space, now)
    return post


def _named(host: Host, message: Message) -> set[str]:
    """Keys of the addresses in To and Cc that are not ours: to them the author's own server has sent it."""
    values = filter(None, (message.value(name) for name in ("to", "cc")))
    keys = {address_key(mailbox.address) for value in values for mailbox in parse_mailboxes(value)}
    return {key for key in keys if not in_domain(key, host.domain)}
