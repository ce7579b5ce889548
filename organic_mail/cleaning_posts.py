"""What goes out in the place of posts with photos: made once, when the first copy is, and kept before any is sent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlmodel import Session

from handlers.address import Mailbox
from handlers.enclosure import FILES_BUDGET
from handlers.facts import Host, id_of
from handlers.left_out import LeftOut, named, only_too_big, packed_left_out, shown_size
from handlers.message import parse
from handlers.notice import Notice, NoticeKind
from organic_mail import notices
from organic_mail.cleaning import Cleaned, cleaned
from storage import members
from storage.cleaned import keep_cleaned
from storage.contents import pack
from storage.copies import Source
from storage.database import Database
from storage.events import record

AT_ONCE = 2
"""Posts whose photos are worked on at a time: each may take a gigabyte."""

_FILMS = (".mov", ".mp4", ".m4v", ".avi", ".3gp", ".mkv", ".webm", ".mpg", ".mpeg")

log = structlog.get_logger()


class CleaningPosts:
    """Lives in one event loop."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._free = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[int, asyncio.Task[None]] = {}  # by content

    async def clean(self, source: Source, host: Host) -> None:
        """Make and keep what goes out in the place of this post; when it returns, all copies find the same.

        Raises StorageTrouble and WorkerNotStarted.
        """
        content_id = source.post.content_id
        if content_id not in self._under_way:
            working = asyncio.create_task(self._clean(source, host))
            self._under_way[content_id] = working
            working.add_done_callback(lambda _: self._under_way.pop(content_id, None))
        await asyncio.shield(self._under_way[content_id])

    async def _clean(self, source: Source, host: Host) -> None:
        async with self._free:
            made = await cleaned(source.raw)
        packed = await asyncio.to_thread(pack, made.raw) if made.raw is not None else None

        def write(session: Session) -> None:
            now = self._clock()
            left_out = packed_left_out(made.left_out)
            content_id = source.post.content_id
            if keep_cleaned(session, content_id=content_id, packed=packed, left_out=left_out, now=now):
                _tell(session, host, source, made, now)

        await asyncio.wrap_future(self._database.submit(write))
        if made.left_out:
            log.info("files stay behind", content=source.post.content_id, files=len(made.left_out))


def _tell(session: Session, host: Host, source: Source, made: Cleaned, now: datetime) -> None:
    """The operator by the log, of everything; the author by a letter, when something was too big."""
    post = source.post
    for each in made.left_out:
        why = "is too big" if each.too_big else "could not be opened"
        text = f'{named([each])} did not go out with "{post.subject[:100]}": it {why}. See: post show {post.id} --raw'
        record(session, "shortened", text, now=now, list_id=post.list_id, post_id=post.id, member_id=post.member_id)
    too_big = only_too_big(made.left_out)
    if too_big and source.author is not None:
        _write_to_author(session, host, source, too_big, now)


def _write_to_author(session: Session, host: Host, source: Source, too_big: list[LeftOut], now: datetime) -> None:
    author, post = source.author, source.post
    if author is None:
        return
    letter = Notice(
        NoticeKind.TOO_BIG,
        Mailbox(author.name, members.primary_address(session, id_of(author))),
        author.language,
        source.mailing_list,
        reply_to=f"{source.mailing_list.name}@{host.domain}",
        in_reply_to=post.original_message_id,
        values={
            "subject": post.subject or "(no subject)",
            "files": named(too_big),
            "count": len(too_big),
            "most": shown_size(FILES_BUDGET),
            "is_film": all(each.name.lower().endswith(_FILMS) for each in too_big),
        },
    )
    notices.send(session, host, letter, cause=_cause(source), now=now, member=author)


def _cause(source: Source) -> str:
    """Her mail; but a moderator's yes, when it was held and she has had a letter about that."""
    if source.post.accepted_at > source.post.received_at:
        return f"published:{source.post.id}"
    digest = hashlib.sha256(parse(source.raw).message_id.encode() or source.raw).hexdigest()
    return f"mail:{digest}"
