"""The photos of letters: as wide as a letter shows them, drawn anew by the limited process for strangers' pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog

from handlers.letter_album import MOST_PICTURES, MOST_PICTURES_OF_ONE
from handlers.letter_content import Contents, Picture
from handlers.message import parse
from handlers.mime import decoded, parts
from handlers.picture import PictureKind, kind_of
from organic_mail.letter_news import photos_of
from organic_mail.picture_process import PictureProcess
from organic_mail.picture_worker import CHANGED, SAME, SMALLER
from storage.contents import read_content
from storage.database import Database

LONGEST_SIDE, QUALITY = 1100, 74
_LARGEST = 600_000  # bytes; a drawing with few colours may be large
_SHOWN_EVERYWHERE = (PictureKind.JPEG, PictureKind.PNG, PictureKind.GIF)

log = structlog.get_logger()


class LetterPictures:
    """Keeps the photos of the letters that are being written, so that each is drawn once. Use it from one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._drawn: dict[int, tuple[Picture, ...]] = {}  # by content

    def of(self, contents: Contents) -> dict[int, tuple[Picture, ...]]:
        """post id → its photos, the first ones, for the posts that are shown."""
        wanted = [voice for voice in contents.posts if voice.photos][:MOST_PICTURES]
        wanted += [contents.memory] if contents.memory is not None else []
        content_ids = dict.fromkeys(voice.content_id for voice in wanted)
        missing = [content_id for content_id in content_ids if content_id not in self._drawn]
        if missing:
            kept = {content_id: self._drawn[content_id] for content_id in content_ids if content_id in self._drawn}
            self._drawn = kept | asyncio.run(self._draw(missing))
        return {voice.post_id: self._drawn.get(voice.content_id, ()) for voice in wanted}

    async def _draw(self, content_ids: Iterable[int]) -> dict[int, tuple[Picture, ...]]:
        drawn = {}
        async with PictureProcess() as worker:
            for content_id in content_ids:
                try:
                    drawn[content_id] = await self._draw_one(content_id, worker)
                except Exception as problem:  # the letter goes out without them
                    log.warning("photos cannot be shown in letters", content=content_id, reason=repr(problem))
                    drawn[content_id] = ()
        return drawn

    async def _draw_one(self, content_id: int, worker: PictureProcess) -> tuple[Picture, ...]:
        message = parse(self._database.read(lambda session: read_content(session, content_id)))
        all_parts = parts(message)
        found: list[Picture] = []
        for each in photos_of(message)[:MOST_PICTURES_OF_ONE]:
            original = decoded(message, all_parts[each.index])
            status, content = await worker.ask(
                SMALLER, original, content_type=each.content_type, longest=LONGEST_SIDE, quality=QUALITY
            )
            data = content if status == CHANGED else original if status == SAME else b""
            kind = kind_of(data) if data else None
            if kind in _SHOWN_EVERYWHERE and len(data) <= _LARGEST:
                found.append(Picture(data, kind.value))
        return tuple(found)
