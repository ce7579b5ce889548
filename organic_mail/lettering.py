"""Letters are written: for each list what is new, once for all who read the same, and a row of the queue for each.

What letters share is an edition: the same conversations, in one language, for one time zone and part of the day. Only
its reader's name, addresses and signature are added when her letter is sent (organic_mail.copies).
"""

from __future__ import annotations

import secrets as randomness
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import structlog
from sqlmodel import Session

from handlers.facts import Host, id_of
from handlers.letter_content import Contents, Interest, Thanks, Voice, contents, folded_name, unique_first_names
from handlers.letter_form import letter_html
from handlers.letter_mail import LONGEST_HTML, edition_mail
from handlers.letter_memory import SUNDAY, days_of_other_years
from handlers.letter_page import LetterKind, Page, PageFacts, page, shorter
from handlers.letter_time import zone_of
from handlers.letter_words import part_of_day, words_of
from handlers.one_mailbox import letter_id
from handlers.token import letter_mark, new_message_id
from organic_mail.letter_news import voices
from organic_mail.letter_photos import look_at_pictures
from organic_mail.letter_pictures import LetterPictures
from organic_mail.notices import new_token
from storage import letters, members, news, remote
from storage.database import Database
from storage.letter_buttons import buttons_of, entries_of, who_reacted
from storage.letters import NewEntry, NewLetter, ReaderRow
from storage.models import MailingList
from storage.mutes import muted_on_list
from storage.news import NewsRow
from storage.trouble import StorageTrouble

_MEMORIES_READ = 12
"""Posts of one day of other years that are looked at for a photo."""
_HEARTS_KEPT = timedelta(days=31)
"""Older ones than that are news to nobody."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Edition:
    """A page with the conversations that it shows, ready to be kept."""

    page: Page
    contents: Contents
    raw: bytes
    language: str
    written_on: date
    rest_of: int | None = None  # the edition whose rest it brings


class LetterWriter:
    """Writes letters of one list at one moment, and keeps what they share meanwhile. Use it from one thread."""

    def __init__(self, database: Database, host: Host, mailing_list: MailingList, now: datetime) -> None:
        self._database = database
        self._host = host
        self._list = mailing_list
        self._now = now
        self._voices: dict[int, Voice] = {}
        self._news: dict[tuple[int, datetime | None], list[Voice]] = {}
        self._editions: dict[tuple[object, ...], int] = {}
        self._pictures = LetterPictures(database)
        self._first_names: dict[int, str] | None = None
        self._called: frozenset[str] = frozenset()
        self._muted: dict[int, frozenset[int]] | None = None
        self._homes: dict[int, str] | None = None
        self._hearts: defaultdict[int, list[news.HeartRow]] | None = None  # by author
        self._memories: dict[str, Voice | None] = {}  # by time zone

    def write(self, readers: Sequence[ReaderRow], *, day: date | None, before: datetime | None = None) -> int:
        """A letter for each of them who has news, into the queue. Returns how many.

        day: theirs, when it is the day's letter. before: what was accepted later waits.
        """
        wanted: list[tuple[ReaderRow, tuple[object, ...], int]] = []
        passed: list[tuple[ReaderRow, int]] = []
        new: dict[tuple[object, ...], Edition] = {}
        for reader in readers:
            found = self.news_for(reader, before)
            if found.is_empty:
                passed.append((reader, self._newest(reader, before)))
                continue
            key = self._key(reader, found)
            if key not in self._editions and key not in new:
                edition = self._edition_if_possible(reader, found)
                if edition is None:
                    continue
                new[key] = edition
            wanted.append((reader, key, self._newest(reader, before)))
        passed = [(reader, newest) for reader, newest in passed if newest > reader.read_to]
        if passed:
            self._database.write(lambda session: letters.pass_over(session, passed))
        if not wanted:
            return 0
        kept, count = self._database.write(lambda session: self._keep(session, wanted, new, day))
        self._editions |= kept
        return count

    def write_rest(self, reader: ReaderRow, edition_id: int) -> bool:
        """What had no room in a letter. False when there is nothing of it any more."""

        def find(session: Session) -> list[NewsRow]:
            rest = [each for each in entries_of(session, edition_id) if not each.shown]
            return [
                row
                for each in rest
                for row in news.news_between(session, each.thread_id, first=each.first_post_id, last=each.last_post_id)
            ]

        return self._write_one(reader, self._read(self._database.read(find)), LetterKind.REST, rest_of=edition_id)

    def write_missed(self, reader: ReaderRow, before: datetime) -> bool:
        """What was written while she was away, up to then, in short. False when that was nothing."""
        return self._write_one(reader, self._news_behind(reader.read_to, before), LetterKind.MISSED)

    def _write_one(
        self, reader: ReaderRow, posts: Sequence[Voice], kind: LetterKind, rest_of: int | None = None
    ) -> bool:
        found = contents(posts, self._interest(reader, weekly=kind is LetterKind.MISSED))
        if found.is_empty:
            return False
        if kind is LetterKind.MISSED:
            found = self._with_thanks(reader, found)
        edition = replace(self.edition(reader, found, kind), rest_of=rest_of)
        read_to = reader.read_to if kind is LetterKind.REST else max(voice.post_id for voice in posts)
        row = (reader, (), read_to)
        return bool(self._database.write(lambda session: self._keep(session, [row], {(): edition}, None))[1])

    def news_for(self, reader: ReaderRow, before: datetime | None = None) -> Contents:
        """What stands in her letter; empty when there is nothing for her.

        On a Sunday a memory is enough, but for her first one.
        """
        posts = self._news_behind(reader.read_to, before)
        interest = self._interest(reader, weekly=reader.weekly)
        found = contents(posts, interest)
        today = self._now.astimezone(zone_of(reader.timezone)).date()
        if found.is_empty and (today.weekday() != SUNDAY or not reader.letters):
            return found
        memory = self.memory(reader.timezone)
        if memory is not None and interest.wants(memory):
            found = replace(found, memory=memory)
        return self._with_thanks(reader, found)

    def memory(self, timezone: str) -> Voice | None:
        """A post with a photo that was written on this day of another year."""
        if timezone not in self._memories:
            zone = zone_of(timezone)
            days = days_of_other_years(self._now.astimezone(zone).date(), zone)

            rows = self._database.read(
                lambda session: news.memories(session, id_of(self._list), days, limit=_MEMORIES_READ)
            )
            found = (self._read([row])[0] for row in rows)
            self._memories[timezone] = next((voice for voice in found if voice.photos and voice.readable), None)
        return self._memories[timezone]

    def _with_thanks(self, reader: ReaderRow, found: Contents) -> Contents:
        """The hearts since her last letter for what she wrote, unless it stands in this one."""
        if self._hearts is None:
            since = self._now - _HEARTS_KEPT
            rows = self._database.read(lambda session: news.hearts_since(session, id_of(self._list), since))
            self._hearts = defaultdict(list)
            for row in rows:
                self._hearts[row.author_id].append(row)
        hearts = self._hearts.get(reader.member_id, [])
        if not hearts or found.is_empty:
            return found
        last = self._database.read(lambda session: news.last_letter_at(session, reader.membership_id))
        if last is None:
            return found
        shown = {voice.post_id for voice in found.posts}
        names: dict[str, dict[str, None]] = {}
        for heart in hearts:
            if heart.given_at > last and heart.post_id not in shown:
                names.setdefault(heart.subject, {})[heart.name] = None
        return replace(found, thanks=tuple(Thanks(title, tuple(given)) for title, given in names.items()))

    def _interest(self, reader: ReaderRow, *, weekly: bool) -> Interest:
        if self._muted is None:
            self._muted = self._database.read(lambda session: muted_on_list(session, id_of(self._list)))
        muted = self._muted.get(reader.member_id, frozenset())
        name = self._name_called(reader)
        had = self._had_at_home(reader)
        return Interest(reader.member_id, name, own_posts=reader.own_posts, weekly=weekly, muted=muted, had=had)

    def _had_at_home(self, reader: ReaderRow) -> frozenset[int]:
        """What another server has brought to her, which she named as her home for spaces."""
        if self._homes is None:
            self._homes = self._database.read(lambda session: remote.homes_on_list(session, id_of(self._list)))
        home = self._homes.get(reader.member_id, "")
        if not home:
            return frozenset()
        return self._database.read(lambda session: remote.carried_by(session, home, after=reader.read_to))

    def edition(self, reader: ReaderRow, found: Contents, kind: LetterKind = LetterKind.NEWS) -> Edition:
        """What her letter shares with those of others, short enough."""
        local = self._now.astimezone(zone_of(reader.timezone))
        words = words_of(reader.language)
        ends = {post_id for each in found.shown for post_id in (each.voices[0].post_id, each.voices[-1].post_id)}
        all_ids = [voice.post_id for voice in found.posts]
        buttons = self._database.write(
            lambda session: buttons_of(
                session, list_id=id_of(self._list), post_ids=sorted(ends), mint=new_token, now=self._now
            )
        )
        facts = PageFacts(
            self._host,
            self._list,
            words,
            local,
            weekly=reader.weekly,
            first=reader.letters == 0 and kind is LetterKind.NEWS,
            kind=kind,
            buttons=buttons,
            hearts=self._database.read(lambda session: who_reacted(session, all_ids)),
            before=self._database.read(lambda session: self._before(session, found)),
            pictures=self._pictures.of(found),
        )
        made = page(found, facts)
        while (size := len(letter_html(made).encode())) > LONGEST_HTML and len(found.shown) > 1:
            excess = (size - LONGEST_HTML) * len(found.shown) // size
            found = shorter(found, max(1, excess))
            made = page(found, facts)
        raw = edition_mail(made, self._list, self._host, now=local)
        return Edition(made, found, raw, words.language, local.date())

    def _edition_if_possible(
        self, reader: ReaderRow, found: Contents, kind: LetterKind = LetterKind.NEWS
    ) -> Edition | None:
        try:
            return self.edition(reader, found, kind)
        except StorageTrouble:
            raise
        except Exception:  # the others get their letters
            log.exception("a letter cannot be written", list=self._list.name, member=reader.member_id)
            return None

    def _news_behind(self, read_to: int, before: datetime | None) -> list[Voice]:
        key = (read_to, before)
        if key not in self._news:
            rows = self._database.read(
                lambda session: news.news(session, id_of(self._list), after=read_to, before=before)
            )
            self._news[key] = self._read(rows)
            self._called = self._called.union(*(voice.called for voice in self._news[key]))
        return self._news[key]

    def _read(self, rows: Sequence[NewsRow]) -> list[Voice]:
        """The posts of these rows. What their pictures look like has to be known first."""
        look_at_pictures(self._database, [row for row in rows if row.id not in self._voices])
        return self._database.read(lambda session: voices(session, self._host, rows, self._voices))

    def _newest(self, reader: ReaderRow, before: datetime | None) -> int:
        return max((voice.post_id for voice in self._news_behind(reader.read_to, before)), default=reader.read_to)

    def _name_called(self, reader: ReaderRow) -> str:
        """Her first name, if some post may mean her by it."""
        if not self._called:
            return ""
        if self._first_names is None:

            def read(session: Session) -> dict[int, str]:
                people = members.people_of(session, id_of(self._list))
                return unique_first_names({id_of(each.member): each.member.name for each in people})

            self._first_names = self._database.read(read)
        name = self._first_names.get(reader.member_id, "")
        return name if folded_name(name) in self._called else ""

    def _before(self, session: Session, found: Contents) -> dict[int, Voice]:
        """For conversations that began before this letter: the last post that she knows."""
        known = {}
        for each in found.shown:
            row = news.post_before(session, each.thread_id, each.voices[0].post_id)
            if row is not None:
                known[each.thread_id] = voices(session, self._host, [row], self._voices)[0]
        return known

    def _key(self, reader: ReaderRow, found: Contents) -> tuple[object, ...]:
        local = self._now.astimezone(zone_of(reader.timezone))
        shape = tuple(
            tuple((each.thread_id, each.asks, tuple(voice.post_id for voice in each.voices)) for each in conversations)
            for conversations in (found.shown, found.rest)
        )
        language = reader.language.lower()
        hers = found.memory.post_id if found.memory is not None else None, found.thanks
        return language, reader.timezone, part_of_day(local.hour), reader.weekly, reader.letters == 0, shape, hers

    def _keep(
        self,
        session: Session,
        wanted: Sequence[tuple[ReaderRow, tuple[object, ...], int]],
        new: dict[tuple[object, ...], Edition],
        day: date | None,
        *,
        counted: bool = True,
    ) -> tuple[dict[tuple[object, ...], int], int]:
        kept = {key: keep_edition(session, self._list, edition, self._now) for key, edition in new.items()}
        known = self._editions | kept
        rows = [
            NewLetter(
                known[key], reader, day, letter_message_id(self._host, self._list.name, reader.member_id), read_to
            )
            for reader, key, read_to in wanted
        ]
        return kept, letters.add_letters(session, rows, list_id=id_of(self._list), now=self._now, counted=counted)


def keep_edition(session: Session, mailing_list: MailingList, edition: Edition, now: datetime) -> int:
    numbered = enumerate((*edition.contents.shown, *edition.contents.rest), 1)
    entries = [
        NewEntry(
            number,
            each.thread_id,
            each.voices[0].post_id,
            each.voices[-1].post_id,
            each.title,
            shown=number <= len(edition.contents.shown),
        )
        for number, each in numbered
    ]
    return letters.add_edition(
        session,
        list_id=id_of(mailing_list),
        raw=edition.raw,
        language=edition.language,
        title=edition.page.title,
        written_on=edition.written_on,
        entries=entries,
        memory_post_id=edition.contents.memory.post_id if edition.contents.memory is not None else None,
        rest_of=edition.rest_of,
        now=now,
    )


def letter_message_id(host: Host, list_name: str, member_id: int) -> str:
    """One that tells, when it is answered, whose letter that was; behind one mailbox also, of which list."""
    random = letter_mark(host.secrets, member_id=member_id, random=randomness.token_bytes(8))
    if host.mailbox:
        return letter_id(random, list_name, host.domain)
    return new_message_id(random, host.domain)
