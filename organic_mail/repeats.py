"""After a restore: what members may have had before comes in one letter to each of them, and not as single mails.

spec/federation.md §2.9, epochs. Who gets letters anyway finds it in her next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlmodel import Session

from handlers.facts import Host, id_of
from handlers.letter_content import contents
from handlers.letter_page import LetterKind
from organic_mail.lettering import Edition, LetterWriter
from storage import repeats
from storage.database import Database
from storage.letters import ReaderRow, reader_of
from storage.lists import list_by_id
from storage.news import MOST_NEWS, news_of
from storage.repeats import Gathered

CALM = timedelta(minutes=30)
"""No such post has come for so long: the other servers are done."""
LATEST = timedelta(hours=6)
"""So long the first of them waits at most."""
_BATCH = 500

log = structlog.get_logger()


def write_repeats(database: Database, host: Host, now: datetime, *, only: str = "", at_once: bool = False) -> int:
    """For lists on which things have calmed, or for all; for one list only, or at once. Returns how many letters."""
    count = 0
    for each in database.read(repeats.gathered):
        mailing_list = database.read(partial(list_by_id, list_id=each.list_id))
        if mailing_list is None or (only and mailing_list.name != only) or not (at_once or _is_due(each, now)):
            continue
        database.write(partial(repeats.forget_unwanted, list_id=each.list_id))
        writer, after = RepeatWriter(database, host, mailing_list, now), 0
        while waiting := database.read(partial(repeats.waiting, list_id=each.list_id, after=after, limit=_BATCH)):
            count += writer.write_repeats(waiting)
            after = max(waiting)
    if count:
        log.info("letters written after the restore", count=count)
    return count


def _is_due(each: Gathered, now: datetime) -> bool:
    return now - each.last_at >= CALM or now - each.first_at >= LATEST


class RepeatWriter(LetterWriter):
    """Writes those letters of one list. They change nothing in how far their readers' letters have come."""

    def write_repeats(self, waiting: Mapping[int, Sequence[int]]) -> int:
        """waiting: ids of posts by membership; what is too much for one letter waits for the next. Returns how many."""
        waiting = {membership_id: ids[:MOST_NEWS] for membership_id, ids in waiting.items()}
        wanted: list[tuple[ReaderRow, tuple[object, ...], int]] = []
        new: dict[tuple[object, ...], Edition] = {}
        for membership_id, ids in waiting.items():
            reader = self._database.read(partial(reader_of, membership_id=membership_id))
            if reader is None:
                continue
            posts = self._read(self._database.read(partial(news_of, post_ids=ids)))
            found = contents(posts, self._interest(reader, weekly=False))
            if found.is_empty:
                self._database.write(partial(repeats.forget, membership_id=membership_id, post_ids=ids))
                continue
            key = (LetterKind.AWAY, *self._key(reader, found))
            if key not in self._editions and key not in new:
                edition = self._edition_if_possible(reader, found, LetterKind.AWAY)
                if edition is None:
                    continue
                new[key] = edition
            wanted.append((reader, key, reader.read_to))
        if not wanted:
            return 0
        kept, count = self._database.write(lambda session: self._keep_repeats(session, wanted, new, waiting))
        self._editions |= kept
        return count

    def _keep_repeats(
        self,
        session: Session,
        wanted: Sequence[tuple[ReaderRow, tuple[object, ...], int]],
        new: dict[tuple[object, ...], Edition],
        waiting: Mapping[int, Sequence[int]],
    ) -> tuple[dict[tuple[object, ...], int], int]:
        posts = {reader.membership_id: waiting[reader.membership_id] for reader, _, _ in wanted}
        theirs = repeats.still_waiting(session, posts, id_of(self._list))
        wanted = [each for each in wanted if each[0].membership_id in theirs]
        kept, count = self._keep(session, wanted, new, None, counted=False)
        known = self._editions | kept
        brought = [(reader.membership_id, posts[reader.membership_id], known[key]) for reader, key, _ in wanted]
        repeats.brought(session, brought)
        return kept, count
