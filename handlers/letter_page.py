"""A letter as its reader sees it: every sentence ready, in her language, for the HTML and for the text read aloud.

Conversations stand here in the order of handlers.letter_content; nothing of the database, and no markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

from handlers.facts import Host
from handlers.letter_album import Album, Shown
from handlers.letter_content import Contents, Conversation, Picture, Voice, clipped, shortened
from handlers.letter_words import Words
from handlers.template import one_line
from storage.models import MailingList, Posting

LONGEST_ENTRY = 12_000  # characters of one conversation; what is more stays behind "more"
LONGEST_ANSWER = 2000
LONGEST_TITLE = 80
LONGEST_MEMORY = 600
MOST_NAMES = 3
NAME_MARK = "\ue000"
"""Stands for the reader's name in what all letters of an edition share; no text of anybody's can hold it."""


class HowTo(NamedTuple):
    """What she can do, and the words that she writes for it: they stand at the end of the sentence."""

    text: str  # with its colon
    written: str


def how_to(sentence: str) -> HowTo:
    """Of a sentence of ours that ends so: "press Reply and write: more"."""
    text, colon, written = sentence.rpartition(":")
    return HowTo(text + colon, written.strip())


@dataclass(frozen=True, slots=True)
class Said:
    """One post. `paragraphs` keep their line breaks."""

    author: str
    when: str
    paragraphs: tuple[str, ...]
    pictures: tuple[Shown, ...] = ()
    notes: tuple[str, ...] = ()  # sentences of ours about what is not shown
    how: tuple[HowTo, ...] = ()  # to get it


@dataclass(frozen=True, slots=True)
class Entry:
    """One numbered conversation."""

    number: int
    title: str
    detail: str  # behind its title in the list of contents
    asks: str  # "" unless it addresses the reader
    context: str  # one line of what came before
    first: Said
    answers: tuple[Said, ...]
    notes: tuple[str, ...]
    how: tuple[HowTo, ...]
    hearts: str
    answer_address: str
    answer_link: str
    heart_link: str

    @property
    def said(self) -> tuple[Said, ...]:
        return (self.first, *self.answers)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A post of this day in another year."""

    heading: str  # "5 years ago today"
    said: Said
    how: tuple[HowTo, ...]  # to have it hidden


@dataclass(frozen=True, slots=True)
class Page:
    words: Words
    list_title: str
    list_address: str
    owner_address: str
    title: str  # "Sunday's letter"
    subject: str
    greeting: str  # with NAME_MARK
    summary: str
    explanations: tuple[str, ...]
    entries: tuple[Entry, ...]
    rest_heading: str
    rest: tuple[str, ...]
    rest_how: tuple[HowTo, ...]
    thanks: tuple[str, ...]
    memory: Remembered | None
    may_answer: bool
    slower: bool  # can she have fewer of them?

    @property
    def pictures(self) -> tuple[Shown, ...]:
        told = [said for entry in self.entries for said in entry.said]
        if self.memory is not None:
            told.append(self.memory.said)
        return tuple(shown for said in told for shown in said.pictures)


class LetterKind(Enum):
    NEWS = auto()
    REST = auto()  # what had no room in the letter before
    MISSED = auto()  # what was written while she was away
    AWAY = auto()  # what came while this server was away, and may have come before


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What a letter is made of beside its conversations."""

    host: Host
    mailing_list: MailingList
    words: Words
    now: datetime  # in the reader's zone: its clock is what she reads
    weekly: bool = False
    first: bool = False  # it is her first one
    kind: LetterKind = LetterKind.NEWS
    buttons: Mapping[int, tuple[str, str]] = field(default_factory=dict)  # post id → tokens: answer, heart
    hearts: Mapping[int, Sequence[str]] = field(default_factory=dict)  # post id → who sent one
    before: Mapping[int, Voice] = field(default_factory=dict)  # thread id → its last post before these
    pictures: Mapping[int, Sequence[Picture]] = field(default_factory=dict)  # post id → its photos


def page(contents: Contents, facts: PageFacts) -> Page:
    words, mailing_list = facts.words, facts.mailing_list
    album = Album(facts.pictures)
    entries = tuple(_entry(number, each, facts, album) for number, each in enumerate(contents.shown, 1))
    memory = _remembered(contents.memory, facts, album) if contents.memory is not None else None
    title = _title(facts)
    return Page(
        words=words,
        list_title=one_line(mailing_list.title),
        list_address=facts.host.written_to(mailing_list.name),
        owner_address=facts.host.shown(f"{mailing_list.name}-owner", words.language),
        title=title,
        subject=_subject(contents, facts, title, memory),
        greeting=words.greeting(facts.now.hour, NAME_MARK),
        summary=_summary(contents, facts),
        explanations=_explanations(facts),
        entries=entries,
        rest_heading=_rest_heading(contents, facts),
        rest=tuple(_line(each.title, each.people, words) for each in contents.rest),
        rest_how=(how_to(words.say("To read them, press Reply and write: more")),) if contents.rest else (),
        thanks=tuple(_line(each.title, each.names, words) for each in contents.thanks),
        memory=memory,
        may_answer=mailing_list.posting is not Posting.ANNOUNCE,
        slower=not facts.weekly and facts.kind is not LetterKind.AWAY,
    )


def shorter(contents: Contents, by: int) -> Contents:
    """The last ones of what is shown become lines."""
    keep = max(1, len(contents.shown) - by)
    return replace(contents, shown=contents.shown[:keep], rest=(*contents.shown[keep:], *contents.rest))


def about_letter(words: Words, title: str) -> str:
    """The conversation that takes what belongs to no other one."""
    return words.say("About %(title)s", title=title)


def _title(facts: PageFacts) -> str:
    if facts.kind is LetterKind.MISSED:
        return facts.words.say("What you missed")
    if facts.kind is LetterKind.REST:
        return facts.words.say("More from the letter")
    if facts.kind is LetterKind.AWAY:
        return facts.words.say("While we were away")
    title = facts.words.say("%(weekday)s's letter", weekday=facts.words.weekday(facts.now.date()))
    return title[:1].upper() + title[1:]


def _subject(contents: Contents, facts: PageFacts, title: str, memory: Remembered | None) -> str:
    """Another one each day, because programs file mails of one subject together and hide what repeats."""
    words = facts.words
    titles = [shortened(each.title, 40) for each in contents.shown[:2]]
    others = len(contents.shown) + len(contents.rest) - len(titles)
    if not titles and memory is not None:
        titles = [memory.heading]
    if others:
        titles.append(words.count("%(count)s more", "%(count)s more", others))
    return words.say(
        "%(letter)s, %(date)s: %(titles)s",
        letter=title,
        date=words.day_and_month(facts.now.date()),
        titles=words.together(titles),
    )


def _summary(contents: Contents, facts: PageFacts) -> str:
    words, people = facts.words, contents.people
    if not people:
        return words.say("Nobody has written since your last letter.")
    if facts.first or facts.kind is not LetterKind.NEWS:
        return words.count("%(count)s person has written.", "%(count)s people have written.", people)
    return words.count(
        "%(count)s person wrote since your last letter.", "%(count)s people wrote since your last letter.", people
    )


def _explanations(facts: PageFacts) -> tuple[str, ...]:
    """Her first letter says what it is, and so does one that repeats."""
    words = facts.words
    if facts.kind is LetterKind.AWAY:
        away = words.say("These messages came while our server was away. You may have some of them already.")
        return (away,)
    if not facts.first:
        return ()
    sentences = [words.say("This is your first letter. It brings you what the others have written.")]
    if facts.weekly:
        sentences.append(words.say("It comes once a week, when there is news."))
    else:
        sentences.append(words.say("It comes once a day, when there is news."))
    if facts.mailing_list.posting is not Posting.ANNOUNCE:
        sentences.append(words.say("To answer, just press Reply. Everyone will read what you write."))
    return tuple(sentences)


def _rest_heading(contents: Contents, facts: PageFacts) -> str:
    if not contents.rest:
        return ""
    if facts.weekly:
        return facts.words.say("Also this week:")
    return facts.words.count("%(count)s more conversation:", "%(count)s more conversations:", len(contents.rest))


def _line(title: str, names: Sequence[str], words: Words) -> str:
    return f"{words.own(shortened(title, LONGEST_TITLE))} – {words.together(_some_names(names, words))}"


def _entry(number: int, each: Conversation, facts: PageFacts, album: Album) -> Entry:
    words, first, last = facts.words, each.voices[0], each.voices[-1]
    before = facts.before.get(each.thread_id)
    said: list[Said] = []
    room = LONGEST_ENTRY
    for voice in each.voices:
        if said and (room <= 0 or len(said) > 20):
            break
        said.append(_said(number, voice, facts, album, longest=LONGEST_ANSWER if said else LONGEST_ENTRY // 2))
        room -= sum(map(len, said[-1].paragraphs))
    left = len(each.voices) - len(said)
    notes = [words.count("There is %(count)s more answer.", "There are %(count)s more answers.", left)] if left else []
    all_of_it = how_to(words.say("To get it all, press Reply and write: more %(number)s", number=number))
    answer, heart = facts.buttons.get(last.post_id, ("", ""))[0], facts.buttons.get(first.post_id, ("", ""))[1]
    return Entry(
        number=number,
        title=shortened(each.title, LONGEST_TITLE) or words.say("(no subject)"),
        detail=_detail(each, words),
        asks=words.say("For you, from %(name)s", name=words.own(each.asks)) if each.asks else "",
        context=_context(before, words, facts) if before else "",
        first=said[0],
        answers=tuple(said[1:]),
        notes=tuple(notes),
        how=(all_of_it,) if left else (),
        hearts=_hearts(each, facts),
        answer_address=facts.host.written_to(f"{facts.mailing_list.name}-{answer}") if answer else "",
        answer_link=_button(facts, answer, f"Re: {one_line(each.title)}") if answer else "",
        heart_link=_button(facts, heart, "❤", "❤") if heart else "",
    )


def _said(number: int, voice: Voice, facts: PageFacts, album: Album, *, longest: int) -> Said:
    words = facts.words
    text, cut = clipped(voice.text, longest)
    pictures = album.of(voice, voice.author, words)
    paragraphs = _paragraphs(text, pictures)
    notes = []
    if not voice.readable:
        notes.append(words.say("We could not show this one here."))
    hidden = len(voice.photos) - len(pictures)
    if hidden and pictures:
        notes.append(words.count("And %(count)s more photo.", "And %(count)s more photos.", hidden))
    elif hidden:
        notes.append(words.count("There is %(count)s photo.", "There are %(count)s photos.", hidden))
    how = []
    if hidden:
        how.append(how_to(words.say("To get all photos, press Reply and write: photos %(number)s", number=number)))
    if voice.files:
        names = words.together([one_line(name) for name in voice.files])
        notes.append(words.say("With it came: %(names)s.", names=names))
    if cut or voice.files or not voice.readable:
        how.append(how_to(words.say("To get it all, press Reply and write: more %(number)s", number=number)))
    return Said(voice.author, _when(voice, facts), paragraphs, pictures, tuple(notes), tuple(how))


def _paragraphs(text: str, pictures: Sequence[Shown]) -> tuple[str, ...]:
    """Without the lines that stand below the pictures."""
    captions = {shown.picture.caption for shown in pictures}
    paragraphs = []
    for each in text.split("\n\n"):
        lines = [line for line in _visible(each).splitlines() if line not in captions]
        paragraphs.append("\n".join(lines).strip("\n"))
    return tuple(filter(None, paragraphs))


def _remembered(voice: Voice, facts: PageFacts, album: Album) -> Remembered:
    words = facts.words
    local = _local(voice.written_at, facts)
    text, _ = clipped(voice.text, LONGEST_MEMORY)
    pictures = album.of(voice, voice.author, words, most=1)
    said = Said(voice.author, words.full_day(local.date()), _paragraphs(text, pictures), pictures)
    years = facts.now.year - local.year
    return Remembered(
        words.count("%(count)s year ago today", "%(count)s years ago today", years),
        said,
        (how_to(words.say("To hide this memory from everyone, press Reply and write: hide")),),
    )


def _context(before: Voice, words: Words, facts: PageFacts) -> str:
    said = shortened(before.text) or one_line(before.subject)
    name, when = words.own(before.author), _when(before, facts)
    return words.say("Before, from %(name)s, %(when)s: %(words)s", name=name, when=when, words=words.own(said))


def _detail(each: Conversation, words: Words) -> str:
    pieces = [words.together(_some_names(each.people, words))]
    if each.photos:
        pieces.append(words.count("%(count)s photo", "%(count)s photos", each.photos))
    return ", ".join(pieces)


def _hearts(each: Conversation, facts: PageFacts) -> str:
    names = list(dict.fromkeys(name for voice in each.voices for name in facts.hearts.get(voice.post_id, ())))
    if not names:
        return ""
    shown = facts.words.together(_some_names(names, facts.words))
    return facts.words.count("A heart from %(names)s", "Hearts from %(names)s", len(names), names=shown)


def _some_names(names: Sequence[str], words: Words) -> list[str]:
    most = MOST_NAMES if len(names) > MOST_NAMES + 1 else len(names)
    shown, left = [one_line(name) for name in names[:most]], len(names) - most
    return [*shown, words.count("%(count)s more", "%(count)s more", left)] if left else shown


def _when(voice: Voice, facts: PageFacts) -> str:
    return facts.words.when(_local(voice.written_at, facts), facts.now.date())


def _local(moment: datetime, facts: PageFacts) -> datetime:
    """A Date in the future is a clock that is wrong."""
    zone = facts.now.tzinfo if isinstance(facts.now.tzinfo, ZoneInfo) else None
    return min(moment, facts.now).astimezone(zone)


def _button(facts: PageFacts, token: str, subject: str, body: str = "") -> str:
    """A mailto: link (RFC 6068 §2), with blanks as %20."""
    local = f"{facts.mailing_list.name}-{token}"
    link = facts.host.mailbox.link(local) if facts.host.mailbox else f"{local}@{facts.host.domain}"
    if "?" in link:  # there the Subject says which button it was
        return f"mailto:{link}"
    fields = f"subject={quote(subject, safe='')}" + (f"&body={quote(body, safe='')}" if body else "")
    return f"mailto:{link}?{fields}"


def _visible(text: str) -> str:
    """Without control characters and private ones; line breaks and joiners stay."""
    return "\n".join(
        "".join(each for each in line if each.isprintable() or each in "\u200c\u200d\u200e\u200f\ufe0f\xa0").strip()
        for line in text.splitlines()
    ).strip("\n")
