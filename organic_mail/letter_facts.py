"""What storage knows about an answer to a letter of ours: which letter, and what stood in it."""

from __future__ import annotations

import hashlib

from sqlmodel import Session

from handlers.facts import ButtonFacts, EntryFacts, Host, LetterFacts, id_of
from handlers.letter_answer import LetterAsRead, NumberedTitle
from handlers.letter_content import shortened
from handlers.letter_mail import shown_text
from handlers.letter_page import LONGEST_TITLE, about_letter
from handlers.letter_words import words_of
from handlers.message import Message, parse
from handlers.mime import decoded, parts
from handlers.token import VerpAddress, minted_message_id, read_letter_mark
from storage import letter_buttons
from storage.contents import read_content
from storage.lists import list_by_id
from storage.members import member_by_id
from storage.models import MailingList
from storage.models_letters import LetterEdition, LetterEntry
from storage.posts import post_by_id
from storage.threads import thread_by_id


def letter_facts(
    session: Session, host: Host, mailing_list: MailingList | None, message: Message
) -> LetterFacts | None:
    """The letter that a message answers; None for almost every one."""
    if mailing_list is None:
        return None
    for message_id in (*message.in_reply_to, *reversed(message.references)):
        member_id = read_letter_mark(host.secrets, message_id)
        found = letter_buttons.letter_of(session, message_id.lower()) if member_id else None
        if found is not None and found[1].list_id == mailing_list.id:
            member = member_by_id(session, member_id or 0)
            return _of_edition(session, host, mailing_list, found[1], member.name if member else "")
    return None


def sent_letter_facts(session: Session, host: Host, sent: VerpAddress) -> tuple[int, LetterFacts] | None:
    """The letter that went out with a return path, and the id of its list; None when it was no letter."""
    edition = letter_buttons.edition_of_content(session, sent.content_id)
    mailing_list = list_by_id(session, edition.list_id) if edition else None
    if edition is None or mailing_list is None or mailing_list.removed_at is not None:
        return None
    member = member_by_id(session, sent.member_id)
    return id_of(mailing_list), _of_edition(session, host, mailing_list, edition, member.name if member else "")


def button_facts(session: Session, mailing_list: MailingList | None, token: str) -> ButtonFacts | None:
    stored = letter_buttons.button(session, token)
    if stored is None or mailing_list is None or stored.list_id != mailing_list.id:
        return None
    post = post_by_id(session, stored.post_id)
    thread = thread_by_id(session, post.thread_id) if post else None
    return ButtonFacts(stored.kind, post, thread.subject) if post and thread else None


def _of_edition(
    session: Session, host: Host, mailing_list: MailingList, edition: LetterEdition, name: str
) -> LetterFacts:
    raw = read_content(session, edition.content_id)
    words = words_of(edition.language)
    rows = letter_buttons.entries_of(session, id_of(edition))
    entries = tuple(filter(None, (_entry(session, row) for row in rows)))
    shown = {row.number for row in rows if row.shown}
    titles = tuple(
        NumberedTitle(each.number, shortened(each.title, LONGEST_TITLE)) for each in entries if each.number in shown
    )
    ends = (
        words.say("To answer everyone, write to: %(address)s", address=""),
        words.word("button", "Answer everyone"),
        words.word("button", "Send a heart"),
    )
    day = f"letter:{mailing_list.id}:{edition.written_on.isoformat()}"
    return LetterFacts(
        id_of(edition),
        entries,
        LetterAsRead(titles, shown_text(raw, name), ends),
        about=about_letter(words, edition.title),
        about_id=minted_message_id(host.secrets, day, host.domain),
        pictures=_pictures(parse(raw)),
        memory_post_id=edition.memory_post_id,
    )


def _entry(session: Session, row: LetterEntry) -> EntryFacts | None:
    """None when its last post was removed: then nobody can answer it."""
    post = post_by_id(session, row.last_post_id)
    if post is None:
        return None
    return EntryFacts(row.number, row.title, row.thread_id, row.first_post_id, row.last_post_id, post.message_id)


def _pictures(message: Message) -> frozenset[bytes]:
    found = [part for part in parts(message) if part.content_type.startswith("image/")]
    return frozenset(hashlib.sha256(decoded(message, part)).digest() for part in found)
