"""The photos of letters: as wide as a letter shows them, drawn anew by the limited process for strangers' pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog

from handlers.letter_album import MOST_PICTURES, MOST_PICTURES_OF_ONE
from handlers.letter_content import Contents, Picture, Voice
from handlers.mime import decoded, parts
from handlers.picture import PictureKind, kind_of
from organic_mail.letter_photos import shown_message
from organic_mail.picture_process import PictureProcess
from organic_mail.picture_worker import CHANGED, SAME, SMALLER
from storage.database import Database

LONGEST_SIDE, QUALITY = 1100, 74
_LARGEST = 600_000  # bytes; a drawing with few colours may be large
_SHOWN_EVERYWHERE = (PictureKind.JPEG, PictureKind.PNG, PictureKind.GIF)

log = structlog.get_logger()


class LetterPictures:
    """Keeps the photos of the letters that are being written, so that each is drawn once. Use it from one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._drawn: dict[int, tuple[Picture, ...]] = {}  # by post

    def of(self, contents: Contents) -> dict[int, tuple[Picture, ...]]:
        """post id → its photos, the first ones, for the posts that are shown."""
        wanted = [voice for voice in contents.posts if voice.photos][:MOST_PICTURES]
        wanted += [contents.memory] if contents.memory is not None else []
        missing = [voice for voice in wanted if voice.post_id not in self._drawn]
        if missing:
            kept = {voice.post_id: self._drawn[voice.post_id] for voice in wanted if voice.post_id in self._drawn}
            self._drawn = kept | asyncio.run(self._draw(missing))
        return {voice.post_id: self._drawn.get(voice.post_id, ()) for voice in wanted}

    async def _draw(self, voices: Iterable[Voice]) -> dict[int, tuple[Picture, ...]]:
        drawn = {}
        async with PictureProcess() as worker:
            for voice in voices:
                try:
                    drawn[voice.post_id] = await self._draw_one(voice, worker)
                except Exception as problem:  # the letter goes out without them
                    log.warning("photos cannot be shown in letters", post=voice.post_id, reason=repr(problem))
                    drawn[voice.post_id] = ()
        return drawn

    async def _draw_one(self, voice: Voice, worker: PictureProcess) -> tuple[Picture, ...]:
        message = self._database.read(lambda session: shown_message(session, voice.content_id))
        all_parts = parts(message)
        found: list[Picture] = []
        for photo in voice.photos[:MOST_PICTURES_OF_ONE]:
            part = all_parts[photo.part]
            original = decoded(message, part)
            status, content = await worker.ask(
                SMALLER, original, content_type=part.content_type, longest=LONGEST_SIDE, quality=QUALITY
            )
            data = content if status == CHANGED else original if status == SAME else b""
            kind = kind_of(data) if data else None
            if kind in _SHOWN_EVERYWHERE and len(data) <= _LARGEST:
                found.append(Picture(data, kind.value, photo.caption))
        return tuple(found)
