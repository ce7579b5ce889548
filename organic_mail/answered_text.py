"""The text that a post answers, as its author had it before her: what she quotes of it is not hers."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import Session

from handlers.facts import Host
from handlers.message import parse
from handlers.render import every_footer
from handlers.token import read_letter_mark
from handlers.written import whole_text_of
from organic_mail.known_spaces import space_facts
from storage import members, posts
from storage.contents import read_content
from storage.lists import list_by_id
from storage.mailboxes import letters_to
from storage.models import Post

LETTERS_ANSWERED = timedelta(days=60)
"""How old a letter of ours may be that somebody answers."""


def answered_text(session: Session, host: Host, post: Post) -> str | None:
    """Of the post that its In-Reply-To names, or the letter of ours; else of the one before it in its thread.

    Some programs name no parent, and quote it all the same. None for the first post of a thread.
    """
    parent = post.in_reply_to
    known = posts.post_by_message_id(session, list_id=post.list_id, message_id=parent) if parent else None
    if known is not None:
        return sent_text(session, host, known)
    letter = _letter(session, host, post) if parent else None
    if letter is not None:
        return letter
    earlier = posts.post_before(session, post)
    return sent_text(session, host, earlier) if earlier else None


def sent_text(session: Session, host: Host, post: Post) -> str:
    """All that a copy of the post shows, with the line at its end in every language that we write it in."""
    mailing_list = list_by_id(session, post.list_id)
    text = whole_text_of(read_content(session, post.content_id))
    if mailing_list is None:
        return text
    leave = host.written_to(f"{mailing_list.name}-leave")
    _, space = space_facts(session, post, mailing_list)
    titles = [mailing_list.title, *([space.title] if space else [])]
    return "\n".join((text, *(every_footer(title, post.author_name, leave) for title in titles)))


def _letter(session: Session, host: Host, post: Post) -> str | None:
    """The letter of ours that it answers, as long as we keep it."""
    member_id = read_letter_mark(host.secrets, post.in_reply_to)
    if member_id is None:
        return None
    addresses = {each.address for each in members.addresses_of(session, member_id)}
    for letter in letters_to(session, addresses, since=post.received_at - LETTERS_ANSWERED):
        raw = read_content(session, letter.content_id)
        if parse(raw).message_id == post.in_reply_to:
            return whole_text_of(raw)
    return None
