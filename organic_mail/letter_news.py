"""The posts that letters show, read from storage once for all letters of a list."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from sqlmodel import Session

from handlers.enclosure import enclosures
from handlers.facts import Host
from handlers.header_field import plain_text
from handlers.letter_content import LONGEST_TEXT, Photo, Voice, called_in
from handlers.message import Message
from handlers.mime import parts
from handlers.written import written_text_of
from organic_mail.answered_text import answered_text
from organic_mail.letter_photos import photos_of, shown_message
from storage.news import NewsRow
from storage.posts import post_by_id

_MOST_FILES = 5

log = structlog.get_logger()


def voices(session: Session, host: Host, rows: Iterable[NewsRow], known: dict[int, Voice]) -> list[Voice]:
    """The posts of these rows, from `known` (by id) where it has them; what was read is put there."""
    for row in rows:
        if row.id not in known:
            known[row.id] = _voice(session, host, row)
    return [known[row.id] for row in rows]


def _voice(session: Session, host: Host, row: NewsRow) -> Voice:
    """Whatever is in the way of showing it: its author and subject still can be."""
    text, readable = "", True
    photos: tuple[Photo, ...] = ()
    files: tuple[str, ...] = ()
    try:
        message = shown_message(session, row.content_id)
        original = _answered(session, host, row)
        text = written_text_of(message.raw, original=original)
        photos, files = photos_of(session, row, message, original=original), _files(message)
    except Exception:
        log.exception("a post cannot be shown in letters", post=row.id)
        readable = False
    return Voice(
        row.id,
        row.thread_id,
        row.content_id,
        row.member_id,
        row.author_name,
        plain_text(row.subject) if len(row.subject) > 400 else row.subject,
        text,
        row.written_at,
        photos,
        files,
        called_in(text[:LONGEST_TEXT]),
        readable,
    )


def _answered(session: Session, host: Host, row: NewsRow) -> str | None:
    post = post_by_id(session, row.id)
    return answered_text(session, host, post) if post else None


def _files(message: Message) -> tuple[str, ...]:
    found = [each for each in enclosures(message, parts(message)) if each.kind is None]
    return tuple(plain_text(each.name) or each.content_type for each in found[:_MOST_FILES])
