"""What goes out in the place of mail with photos: made once, when the first copy is, and kept before any is sent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog
from sqlmodel import Session

from handlers.address import Mailbox
from handlers.catalogue import OUR_LANGUAGE
from handlers.enclosure import FILES_BUDGET
from handlers.facts import Host, id_of
from handlers.left_out import LeftOut, Why, named, only_too_big, packed_left_out, shown_size
from handlers.letter_words import words_of
from handlers.message import Message, parse
from handlers.notice import Notice, NoticeKind
from organic_mail import notices
from organic_mail.cleaning import Cleaned, cleaned
from storage import members
from storage.cleaned import keep_cleaned
from storage.contents import pack
from storage.copies import Source
from storage.database import Database
from storage.events import record
from storage.models import MailingList, Member
from storage.private_mail import PrivateSource

AT_ONCE = 2
"""Mails whose photos are worked on at a time: each may take a gigabyte."""

_FILMS = (".mov", ".mp4", ".m4v", ".avi", ".3gp", ".mkv", ".webm", ".mpg", ".mpeg")

_REASONS = {Why.TOO_BIG: "is too big", Why.UNREADABLE: "could not be opened", Why.PROGRAM: "is a program"}

Tell = Callable[[Session, Cleaned, datetime], None]
"""What is to be said, in the transaction that keeps what was made."""

log = structlog.get_logger()


class CleaningPosts:
    """Lives in one event loop."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._free = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[int, asyncio.Task[None]] = {}  # by content

    async def clean(self, content_id: int, raw: bytes, tell: Tell) -> None:
        """Make and keep what goes out in the place of this content; when it returns, all copies find the same.

        Raises StorageTrouble and WorkerNotStarted.
        """
        if content_id not in self._under_way:
            working = asyncio.create_task(self._clean(content_id, raw, tell))
            self._under_way[content_id] = working
            working.add_done_callback(lambda _: self._under_way.pop(content_id, None))
        await asyncio.shield(self._under_way[content_id])

    async def _clean(self, content_id: int, raw: bytes, tell: Tell) -> None:
        async with self._free:
            made = await cleaned(raw)
        packed = await asyncio.to_thread(pack, made.raw) if made.raw is not None else None

        def write(session: Session) -> None:
            now = self._clock()
            left_out = packed_left_out(made.left_out)
            if keep_cleaned(session, content_id=content_id, packed=packed, left_out=left_out, now=now):
                tell(session, made, now)

        await asyncio.wrap_future(self._database.submit(write))
        if made.left_out:
            log.info("files stay behind", content=content_id, files=len(made.left_out))


def tell_of_post(host: Host, source: Source, session: Session, made: Cleaned, now: datetime) -> None:
    """The operator by the log, of everything; the author by a letter, when something was too big."""
    post = source.post
    for each in made.left_out:
        files, why = named([each], words_of(OUR_LANGUAGE)), _REASONS[each.why]
        text = f'{files} did not go out with "{post.subject[:100]}": it {why}. See: post show {post.id} --raw'
        record(session, "shortened", text, now=now, list_id=post.list_id, post_id=post.id, member_id=post.member_id)
    too_big = only_too_big(made.left_out)
    if too_big and source.author is not None:
        letter = _letter(session, source.author, source.mailing_list, parse(source.raw), too_big)
        letter = replace(letter, reply_to=f"{source.mailing_list.name}@{host.domain}")
        notices.send(session, host, letter, cause=_cause(source), now=now, member=source.author)


def tell_of_private_mail(host: Host, source: PrivateSource, session: Session, made: Cleaned, now: datetime) -> None:
    """Its writer alone, when something was too big."""
    too_big = only_too_big(made.left_out)
    if not too_big:
        return
    message, reader = parse(source.raw), source.reader
    letter = _letter(session, source.writer, source.mailing_list, message, too_big, other=reader.name or reader.alias)
    letter = replace(letter, reply_to=f"{reader.alias}@{host.domain}")
    notices.send(session, host, letter, cause=_cause_of(message), now=now, member=source.writer)


def _letter(
    session: Session,
    author: Member,
    mailing_list: MailingList,
    message: Message,
    too_big: list[LeftOut],
    other: str = "",
) -> Notice:
    """other: who has got the rest, when it was one person alone."""
    words = words_of(author.language)
    return Notice(
        NoticeKind.TOO_BIG,
        Mailbox(author.name, members.primary_address(session, id_of(author))),
        author.language,
        mailing_list,
        reply_to="",
        in_reply_to=message.message_id,
        values={
            "subject": message.subject,
            "files": named(too_big, words),
            "number": len(too_big),
            "most": shown_size(FILES_BUDGET, words),
            "is_film": all(each.name.lower().endswith(_FILMS) for each in too_big),
            "other": other,
        },
    )


def _cause(source: Source) -> str:
    """Her mail; but a moderator's yes, when it was held and she has had a letter about that."""
    if source.post.accepted_at > source.post.received_at:
        return f"published:{source.post.id}"
    return _cause_of(parse(source.raw))


def _cause_of(message: Message) -> str:
    return f"mail:{hashlib.sha256(message.message_id.encode() or message.raw).hexdigest()}"
