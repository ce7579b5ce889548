"""What stands in a letter, in which order: what asks her, conversations with photos, others (spec/people.md §2.2)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

MOST_SHOWN = 16
MOST_SHOWN_WEEKLY = 7
LONGEST_TEXT = 6000  # characters of one post
_LONGEST_CONTEXT = 90
_MOST_CALLED = 20
_SENTENCE_START = re.compile(r"(?:^|[.!?…\n]\s{0,3}|^\W{1,3})([^\W\d_][\w'’-]{1,30})[,:!](?=\s|$)", re.MULTILINE)
_AT = re.compile(r"(?<![\w.@/])@([^\W\d_][\w'’-]{1,30})")


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo of a post, by its place among the parts of the message."""

    part: int
    caption: str = ""  # what its author wrote beside it


@dataclass(frozen=True, slots=True)
class Picture:
    """One photo of a post, ready to be shown."""

    data: bytes
    content_type: str = "image/jpeg"
    caption: str = ""  # what its author wrote beside it


@dataclass(frozen=True, slots=True)
class Voice:
    """One post as letters show it; read once for all of them."""

    post_id: int
    thread_id: int
    content_id: int
    member_id: int | None
    author: str
    subject: str  # of its conversation
    text: str  # what its author wrote, quotes and signature cut
    written_at: datetime
    photos: tuple[Photo, ...] = ()
    files: tuple[str, ...] = ()
    called: frozenset[str] = frozenset()  # whom it addresses, see `called_in`
    readable: bool = True  # False: it cannot be shown; its subject still can


@dataclass(frozen=True, slots=True)
class Conversation:
    """The new posts of one thread, in the order in which they came."""

    thread_id: int
    title: str
    voices: tuple[Voice, ...]
    asks: str = ""  # who addressed the reader in it

    @property
    def photos(self) -> int:
        return sum(len(voice.photos) for voice in self.voices)

    @property
    def people(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(voice.author for voice in self.voices))


@dataclass(frozen=True, slots=True)
class Thanks:
    """Who sent the reader hearts for what she wrote in one conversation."""

    title: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """The conversations of one letter. `rest`: those that get one line each."""

    shown: tuple[Conversation, ...]
    rest: tuple[Conversation, ...]
    memory: Voice | None = None  # of this day in another year
    thanks: tuple[Thanks, ...] = ()  # since her last letter

    @property
    def is_empty(self) -> bool:
        """Hearts alone wait for the next letter."""
        return not self.shown and self.memory is None

    @property
    def posts(self) -> tuple[Voice, ...]:
        """All that it shows, in order."""
        return tuple(voice for each in self.shown for voice in each.voices)

    @property
    def people(self) -> int:
        return len({name for each in (*self.shown, *self.rest) for name in each.people})


@dataclass(frozen=True, slots=True)
class Interest:
    """What makes one member's letter another than her neighbour's."""

    member_id: int
    name: str  # "" where others have the same first name, so that nobody can be sure who is meant
    own_posts: bool = True
    weekly: bool = False
    muted: frozenset[int] = frozenset()  # ids of the threads of which she wants to hear no more
    had: frozenset[int] = frozenset()  # ids of posts that came to her from the server that is her home

    def wants(self, voice: Voice) -> bool:
        """A post of a muted thread only where it calls her by name."""
        if voice.post_id in self.had:
            return False
        if voice.member_id is not None and voice.member_id == self.member_id:
            return self.own_posts and voice.thread_id not in self.muted
        return voice.thread_id not in self.muted or self.is_called(voice)

    def is_called(self, voice: Voice) -> bool:
        return bool(self.name) and self.name in voice.called and voice.member_id != self.member_id


def contents(voices: Sequence[Voice], interest: Interest) -> Contents:
    """What of these posts, oldest first, goes into one member's letter."""
    conversations = _ordered(_conversations(voices, interest))
    if not interest.weekly:
        return Contents(tuple(conversations[:MOST_SHOWN]), tuple(conversations[MOST_SHOWN:]))
    busiest = sorted(conversations, key=lambda each: -len(each.people))[:MOST_SHOWN_WEEKLY]
    shown = [each for each in conversations if each.asks or each in busiest][:MOST_SHOWN]
    return Contents(tuple(shown), tuple(each for each in conversations if each not in shown))


def called_in(text: str) -> frozenset[str]:
    """First names that a text addresses, folded: "Rose, will you come?" beginning a sentence, "@Rose" anywhere."""
    found = [*_AT.findall(text), *_SENTENCE_START.findall(text)]
    return frozenset(folded_name(name) for name in found[:_MOST_CALLED])


def first_name(name: str) -> str:
    """By which a person is greeted: the first word of her name, unless it is a title or an initial."""
    words = name.split()
    return words[0] if words and len(words[0]) > 1 and not words[0].endswith(".") else name


def folded_name(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def unique_first_names(names: Mapping[int, str]) -> dict[int, str]:
    """member id -> folded first name, for those whom a first name alone tells from all others of the list."""
    firsts = {member_id: folded_name(first_name(name)) for member_id, name in names.items()}
    seen: dict[str, int] = {}
    for first in firsts.values():
        seen[first] = seen.get(first, 0) + 1
    return {member_id: first for member_id, first in firsts.items() if first and seen[first] == 1}


def shortened(text: str, longest: int = _LONGEST_CONTEXT) -> str:
    """The beginning of a text on one line, cut between two words."""
    line = " ".join(text.split())
    if len(line) <= longest:
        return line
    cut = line[: longest + 1].rpartition(" ")[0] or line[:longest]
    return cut.rstrip(" ,;:.") + "…"


def clipped(text: str, longest: int = LONGEST_TEXT) -> tuple[str, bool]:
    """A text that is not too long for a letter, cut behind a paragraph or word; and whether something is missing."""
    if len(text) <= longest:
        return text, False
    start = text[:longest]
    for mark in ("\n\n", "\n", " "):
        head, found, _ = start.rpartition(mark)
        if found and len(head) > longest // 2:
            return head.rstrip() + " …", True
    return start + "…", True


def _conversations(voices: Iterable[Voice], interest: Interest) -> list[Conversation]:
    by_thread: dict[int, list[Voice]] = {}
    for voice in voices:
        if interest.wants(voice):
            by_thread.setdefault(voice.thread_id, []).append(voice)
    return [
        Conversation(thread_id, found[0].subject, tuple(found), _asks(found, interest))
        for thread_id, found in by_thread.items()
    ]


def _asks(voices: Collection[Voice], interest: Interest) -> str:
    return next((voice.author for voice in voices if interest.is_called(voice)), "")


def _ordered(conversations: Iterable[Conversation]) -> list[Conversation]:
    """Birthdays, events and votes will stand before and among what asks her."""
    return sorted(conversations, key=lambda each: (not each.asks, not each.photos, each.voices[0].post_id))
