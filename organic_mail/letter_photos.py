"""Which pictures of a post are photos: told by what they look like, and by how often and where they came before.

The looks are found out by the limited process for strangers' pictures, when a letter first needs them, and kept.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Iterable, Sequence
from itertools import chain

import structlog
from sqlmodel import Session

from handlers.decoration import Seen, is_decoration
from handlers.enclosure import Enclosure, enclosures
from handlers.letter_content import Photo
from handlers.message import Message, parse
from handlers.mime import Part, decoded, parts
from handlers.picture import PictureKind
from handlers.shown_pictures import ShownPictures, shown_pictures
from organic_mail.picture_process import PictureProcess, WorkerNotStarted
from organic_mail.picture_worker import CHANGED, LOOK, LOOKS
from storage.cleaned import cleaned_of
from storage.contents import read_content
from storage.database import Database
from storage.news import NewsRow
from storage.pictures import (
    KeptLook,
    contents_before,
    fingerprints_before,
    keep_looks,
    looked_at,
    looks_of,
    mails_with,
)

MOST_LOOKED_AT = 30
"""Pictures of one mail; nobody has a signature of so many."""

MOST_EARLIER = 20
"""Posts of a thread with whose pictures those of an answer are compared."""

_SMALLEST_PHOTO = 20 * 1024
"""Bytes, encoded: of pictures in the text at which nobody could look, those that are smaller count as drawings."""

log = structlog.get_logger()


def look_at_pictures(database: Database, rows: Sequence[NewsRow]) -> None:
    """Find out and keep what the pictures of these posts look like, where nobody has looked yet.

    And those of the posts before them in their threads, which may have come back with an answer.
    """
    with_pictures = _look_at(database, {row.content_id for row in rows})
    last = {row.thread_id: row.id for row in rows if row.content_id in with_pictures}

    def earlier(session: Session) -> set[int]:
        found = (contents_before(session, *place, limit=MOST_EARLIER) for place in last.items())
        return set(chain.from_iterable(found))

    if last:
        _look_at(database, database.read(earlier))


def _look_at(database: Database, content_ids: set[int]) -> set[int]:
    """Returns those that have pictures."""
    known = database.read(lambda session: looked_at(session, content_ids))
    for content_id in sorted(content_ids - known):
        _look_at_pictures_of(database, content_id)
    return database.read(lambda session: looked_at(session, content_ids))


def _look_at_pictures_of(database: Database, content_id: int) -> None:
    """Whatever is in the way of it: letters tell without it as well as they can."""
    try:
        message = parse(database.read(lambda session: read_content(session, content_id)))
        all_parts = parts(message)
        found = _pictures(message, all_parts)
        if found and not _has_tnef(message):  # of which the parts are counted otherwise before and after it is opened
            looks = asyncio.run(_looks(message, all_parts, found[:MOST_LOOKED_AT]))
            database.write(lambda session: keep_looks(session, content_id, looks))
    except WorkerNotStarted as trouble:
        log.warning("pictures cannot be looked at", content=content_id, reason=str(trouble))
    except Exception:
        log.exception("pictures cannot be looked at", content=content_id)


def shown_message(session: Session, content_id: int) -> Message:
    """The message as letters show it: a winmail.dat is what is in it, as soon as a copy has been made.

    Raises MalformedMessage and StorageTrouble.
    """
    message = parse(read_content(session, content_id))
    made = cleaned_of(session, content_id) if _has_tnef(message) else None
    return message if made is None or made.raw is None else parse(made.raw)


async def _looks(message: Message, all_parts: tuple[Part, ...], found: Iterable[Enclosure]) -> list[KeptLook]:
    """Raises WorkerNotStarted."""
    looks: list[KeptLook] = []
    async with PictureProcess() as worker:
        for each in found:
            data = decoded(message, all_parts[each.index])
            status, content = await worker.ask(LOOK, data, content_type=each.content_type)
            seen = LOOKS.unpack(content) if status == CHANGED else ()
            looks.append(KeptLook(each.index, hashlib.sha256(data).digest(), len(data), *seen))
    return looks


def photos_of(session: Session, row: NewsRow, message: Message, *, original: str | None) -> tuple[Photo, ...]:
    """The photos of a post, with what its author wrote beside them. original: the text that it answers."""
    all_parts = parts(message)
    found = _pictures(message, all_parts)
    if not found:
        return ()
    shown = shown_pictures(message, all_parts, author=row.author_name, original=original)
    looks = looks_of(session, row.content_id)
    mails = mails_with(session, row.member_id, {look.sha256 for look in looks.values()})
    ours = fingerprints_before(session, thread_id=row.thread_id, post_id=row.id, member_id=row.member_id)
    return tuple(
        Photo(each.index, shown.captions.get(each.index, ""))
        for each in found
        if not _is_decoration(each, all_parts, shown, looks.get(each.index), mails, ours)
    )


def _is_decoration(
    picture: Enclosure,
    all_parts: tuple[Part, ...],
    shown: ShownPictures,
    look: KeptLook | None,
    mails: dict[bytes, int],
    ours: Collection[int],
) -> bool:
    cut = picture.index in shown.cut
    if look is None:
        attached = all_parts[picture.index].disposition == "attachment"
        return cut or (not attached and picture.encoded_size <= _SMALLEST_PHOTO)
    seen = Seen(
        look.width,
        look.height,
        look.size,
        look.colours,
        look.fingerprint,
        attached=picture.index not in shown.placed,
    )
    return is_decoration(seen, cut=cut, mails=mails.get(look.sha256, 0), ours=ours)


def _has_tnef(message: Message) -> bool:
    return any(each.is_tnef for each in enclosures(message, parts(message)))


def _pictures(message: Message, all_parts: tuple[Part, ...]) -> list[Enclosure]:
    return [each for each in enclosures(message, all_parts) if each.kind not in (None, PictureKind.OTHER)]
