"""Commands and answers as people write them, in any language that we know (spec/people.md §3.3).

Only a message that is nothing but one of the phrases of handlers/locale is a command: "Stop it Tom" stays a post.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from handlers import mime
from handlers.empty import is_of_program
from handlers.message import Message
from handlers.phrase_table import Part, folded, is_one_slip, phrases
from handlers.reaction_words import FAREWELLS
from handlers.thread import base_subject, is_reply_subject
from handlers.written import written_text_of
from storage.models import DeliveryMode

LARGEST_LOGO = 15_000
"""Bytes of a file that may be part of a signature (spec/people.md §1.1)."""

_THUMBS = {"\N{THUMBS UP SIGN}": True, "\N{THUMBS DOWN SIGN}": False}
_HELP_SIGNS = frozenset("?？؟")
_NUMBER = re.compile(r"(.+?)(?: (?:no|nr|nummer|number))? (\d{1,2})")
_FIRST_SENTENCE = re.compile(
    r"[,.;:!?\n\u2013\u2014\u3001\u3002]|--? "
)  # dashes, and the stops of Chinese and Japanese
_COLONS = (":", "\N{FULLWIDTH COLON}")
_MOST_ANSWER_WORDS = 4
_ALSO_OTHER_WORDS = frozenset(
    {"si", "da", "ne", "nu", "ei", "jo", "tak", "hai"}
)  # "Si tu veux", "Da bin ich": no answers
_LONGEST_LINE = 60
_FEW_WORDS = 4  # "unsubscibe me, thank you": among so many the first may have a slip in it
_LONGEST_READ = 64 * 1024  # bytes of a part
_FIRST_LINES = 6  # in which the greeting and the lines above a quote end
_MOST_FAREWELL_WORDS = 4
_MOST_UNKNOWN_WORDS = 2  # of them, in a name that does not stand in From
_FEWEST_LETTERS = 4  # of what is looked for in words that we do not understand


class Command(StrEnum):
    """What a member, or somebody who wants to be one, can ask of us. The names stand in the tables of phrases."""

    STOP = "stop"
    JOIN = "join"
    HELP = "help"
    EACH = "each"
    DAILY = "daily"
    WEEKLY = "weekly"
    PAUSE = "pause"
    BACK = "back"
    MUTE = "mute"
    UNMUTE = "unmute"
    MORE = "more"
    PHOTOS = "photos"
    WHO = "who"
    MY_DATA = "my_data"
    FORGET_ME = "forget_me"
    RULES = "rules"
    HIDE = "hide"
    SHARE_ALWAYS = "share_always"
    SHARE_NEVER = "share_never"
    SHARE_ASK = "share_ask"


class PairCommand(StrEnum):
    """What one member says about private mail from another."""

    BLOCK = "block"
    UNBLOCK = "unblock"


class OwnPostCommand(StrEnum):
    """What an author says about a post of hers."""

    DELETE = "delete"
    INSTEAD = "instead"


@dataclass(frozen=True, slots=True)
class OwnPostWish:
    """text: what shall stand there instead; None: nothing, she takes it back."""

    text: str | None


class Place(StrEnum):
    """Where it was written, which tells what can be meant."""

    STRANGER = "stranger"  # to everyone, by somebody who is no member
    POST = "post"  # to everyone
    ANSWER = "answer"  # to a post, so to everyone
    LETTER = "letter"  # in answer to a letter
    US = "us"  # the address for help, or in answer to a notice: nobody else reads it


@dataclass(frozen=True, slots=True)
class Said:
    """number: of a conversation in a letter, 0 where none was named."""

    command: Command
    number: int = 0


_PARTS = {
    Place.STRANGER: {Part.ANYWHERE, Part.TO_US},
    Place.POST: {Part.ANYWHERE},
    Place.ANSWER: {Part.ANYWHERE, Part.IN_ANSWERS},
    Place.LETTER: {Part.ANYWHERE, Part.IN_ANSWERS, Part.TO_US},
    Place.US: {Part.ANYWHERE, Part.IN_ANSWERS, Part.TO_US},
}
_SURELY_MEANT = frozenset({"stop", "join", "help"})
_NUMBERED = frozenset({Command.MUTE, Command.UNMUTE, Command.MORE, Command.PHOTOS})
_MODES = {mode.value: mode for mode in (DeliveryMode.EACH, DeliveryMode.DAILY, DeliveryMode.WEEKLY)}


def said_in(message: Message, place: Place) -> Said | None:
    """The command that a message is as a whole; most are none, and that is seen quickly."""
    names = _names_of(message)
    if place is not Place.US:
        if not _may_be_one(message, lambda line: _said_on_line(line, place, names) is not None):
            return None
        if any(file.size > LARGEST_LOGO for file in mime.attachments(message)):
            return None  # then it is the files that everyone is to get
    return said(written_text_of(message.raw), place, names=names, subject=message.subject)


def said(text: str, place: Place, *, names: Collection[str] = (), subject: str = "") -> Said | None:
    """The same of what somebody wrote. names: hers, folded; subject: read where she wrote no more than her name.

    In the Subject of an answer to a post it is somebody else's words that stand behind "Re:".
    """
    lines = _lines(text, place)
    line = _command_line(lines, place, names)
    found = _said_on_line(line, place, names) if line else None
    if found is not None or (place is not Place.US and is_reply_subject(subject, is_answer=False)):
        return found
    unknown = _MOST_UNKNOWN_WORDS if place is Place.US else 0
    if not all(_is_farewell(each, names, unknown) for each in lines):
        return None
    return _said_on_line(base_subject(subject, is_answer=False), place, names)


def nearly_said(message: Message) -> Said | None:
    """What she may have meant who wrote to us, where one thing is near: a slip, or its word among others."""
    names = _names_of(message)
    lines = _lines(written_text_of(message.raw) or base_subject(message.subject, is_answer=False), Place.US)
    line = _command_line(lines, Place.US, names) or ""
    if len(line.strip()) > _LONGEST_LINE:
        return None
    known = {
        phrase: name
        for phrase, (part, name) in phrases().meanings.items()
        if part in _PARTS[Place.US] and len(phrase) >= _FEWEST_LETTERS
    }
    keys = list(_keys(line, names)) or [folded(line)]
    near = {name for phrase, name in known.items() if any(is_one_slip(key, phrase) for key in keys)}
    near = near or {known[word] for word in keys[0].split() if word in known}
    return Said(Command(near.pop())) if len(near) == 1 else None


def read_command(text: str) -> Command | None:
    """One short text that is a command wherever it stands."""
    found = said(text, Place.POST)
    return found.command if found else None


def pair_command_in(message: Message) -> PairCommand | None:
    """What a message to one member alone says about her."""
    names = _names_of(message)

    def read(line: str) -> str:
        return _name_of(line, Part.TO_ONE_MEMBER, names)

    if not _may_be_one(message, lambda line: bool(read(line))):
        return None
    lines = _lines(written_text_of(message.raw), Place.POST)
    line = _command_line(lines, Place.POST, names) if lines else message.subject
    found = read(line) if line else ""
    return PairCommand(found) if found else None


def own_post_wish_in(message: Message) -> OwnPostWish | None:
    """What an answer says about what it answers: that as a whole, or "instead:" above all other words.

    No slip is forgiven: nothing that is taken back comes again.
    """
    names = _names_of(message)

    def read(line: str) -> str:
        return _name_of(line, Part.TO_OWN_POST, names)

    if not _may_be_one(message, lambda line: bool(read(line))):
        return None
    text = written_text_of(message.raw).strip()
    first, _, rest = text.partition("\n")
    if first.rstrip().endswith(_COLONS) and _meaning(folded(first)) == OwnPostCommand.INSTEAD:
        return OwnPostWish(rest.strip())
    if any(file.size > LARGEST_LOGO for file in mime.attachments(message)):
        return None
    lines = _lines(text, Place.POST)
    line = _command_line(lines, Place.POST, names)
    return OwnPostWish(None) if line and read(line) == OwnPostCommand.DELETE else None


def read_answer(text: str) -> bool | None:
    """Yes, no, or neither: what the first words say."""
    name = _first_said(text, ("yes", "no", "maybe"))
    return {"yes": True, "no": False}.get(name)


def answer_in(message: Message) -> bool | None:
    """What was written, else the Subject, read as an answer (spec/people.md §1.1)."""
    return read_answer(written_text_of(message.raw).strip() or message.subject)


def wants_to_keep(message: Message) -> bool | None:
    """The answer to whether paused mail shall come again: also "keep" and "back" are a yes, and "stop" is a no."""
    text = written_text_of(message.raw).strip() or message.subject
    if _first_said(text, ("keep", "back", "yes", "no", "maybe")) in ("keep", "back"):
        return True
    return False if read_command(text) is Command.STOP else read_answer(text)


def how_often_in(message: Message) -> str | None:
    """The answer to what may be wanted once, always or never; yes is once, and no is "no"."""
    text = written_text_of(message.raw).strip() or message.subject
    said = _first_said(text, ("once", "always", "never", "yes", "no"))
    return {"yes": "once"}.get(said, said) or None


def words_behind_answer(message: Message) -> str:
    """What stands behind the first word of what was written: the reason for a no."""
    word = re.search(r"[^\W_]+", text := written_text_of(message.raw).strip())
    return text[word.end() :].lstrip(" \t.,;:!-\N{EN DASH}\n").rstrip() if word else ""


def only_thanks(text: str) -> bool:
    """Thanks, or another farewell, with a name below it at most?"""
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and _is_farewell(lines[0], (), unknown=0) and all(_is_farewell(line, ()) for line in lines)


def read_delivery(message: Message) -> DeliveryMode | None:
    """How the author wants her mail: the first such word of the Subject, or of the first line that she wrote."""
    first_line = next(iter(written_text_of(message.raw).strip().splitlines()), "")
    words = folded(f"{message.subject} {first_line}"[: 4 * _LONGEST_LINE]).split()
    return next((_MODES[name] for word in words if (name := _meaning(word)) in _MODES), None)


def _names_of(message: Message) -> frozenset[str]:
    return frozenset(folded((message.value("from") or "").partition("<")[0]).split())


def _may_be_one(message: Message, reads: Callable[[str], bool]) -> bool:
    """Is her first line a command, behind a greeting and a quote, or the Subject, or is there only HTML to read?"""
    part = next((part for part in mime.parts(message) if part.content_type in ("text/plain", "text/html")), None)
    if part is None or part.body_end - part.body_start > _LONGEST_READ:
        return False
    if part.content_type == "text/html" or reads(message.subject):
        return True
    lines = [line for line in mime.text(message, part).splitlines() if line.strip()]
    own = (line for line in lines if not line.lstrip().startswith(">"))
    for line in islice(own, _FIRST_LINES):
        if reads(line):
            return True
        if not is_of_program(line.strip()) and not _is_greeting(line, Place.POST):
            return False
    return not lines


def _lines(text: str, place: Place) -> list[str]:
    lines: list[str] = []
    for line in text.splitlines():
        if line.rstrip() == "--" or (place is Place.US and folded(line) in phrases().ends):
            break
        if line.strip():
            lines.append(line)
    return lines


def _command_line(lines: Sequence[str], place: Place, names: Collection[str]) -> str | None:
    """The one line between a greeting and a farewell; where only we read it, the first of several commands."""
    begin = next((number for number, line in enumerate(lines) if not _is_greeting(line, place)), len(lines))
    for line in lines[begin + 1 :]:
        is_command = _said_on_line(line, place, names) is not None
        if not (place is Place.US if is_command else _is_farewell(line, names)):
            return None
    return lines[begin] if begin < len(lines) else None


def _is_greeting(line: str, place: Place) -> bool:
    """ "Hello," alone; to us also "Hello Olu,": to others that is who is asked."""
    key = folded(line)
    rest = phrases().without_polite(key)
    if key == rest or _meaning(key):
        return False
    return not rest or (place is Place.US and line.rstrip().endswith(",") and len(rest.split()) <= _MOST_UNKNOWN_WORDS)


def _is_farewell(line: str, names: Collection[str], unknown: int = _MOST_UNKNOWN_WORDS) -> bool:
    """Thanks, her name, "Love, Grandma": of at most four words, some of which may be a name that we do not know."""
    rest = phrases().without_polite(folded(line)).split()
    strange = [word for word in rest if word not in FAREWELLS and word not in names]
    is_name = all(word[:1].upper() == word[:1] for word in re.findall(r"[^\W_]+", line))
    return not strange or (is_name and len(strange) <= unknown and len(rest) <= _MOST_FAREWELL_WORDS)


def _said_on_line(line: str, place: Place, names: Collection[str]) -> Said | None:
    if len(line.strip()) > _LONGEST_LINE:
        return None
    if "".join(line.split()) in _HELP_SIGNS:
        return Said(Command.HELP)
    for key in _keys(line, names):
        command, number = _command_of(key, place), 0
        if command is None and place in (Place.LETTER, Place.US) and (numbered := _NUMBER.fullmatch(key)):
            command, number = _command_of(numbered[1], place), int(numbered[2])
            command = command if command in _NUMBERED else None
        if command is None and _meaning(key.rpartition(" ")[2]) in _MODES:  # "join weekly"
            command = _command_of(key.rpartition(" ")[0], place)
            command = command if command is Command.JOIN else None
        if command is not None and (number or command is not Command.PHOTOS or place is not Place.LETTER):
            return Said(command, number)
    return None


def _command_of(key: str, place: Place) -> Command | None:
    part, name = phrases().meanings.get(key) or phrases().meant_by_slip(key) or (None, "")
    if part not in _PARTS[place] or (part is Part.TO_US and not _is_read(name, place)):
        return None
    return Command(name)


def _is_read(name: str, place: Place) -> bool:
    """What is said to us alone, in a letter's answer to everyone ("Enough!"), and who is no member can only join."""
    return name == "join" if place is Place.STRANGER else place is not Place.LETTER or name not in _SURELY_MEANT


def _name_of(line: str, part: Part, names: Collection[str]) -> str:
    """What a line means in this part of the tables, "" for nothing."""
    if len(line.strip()) > _LONGEST_LINE:
        return ""
    found = (phrases().meanings.get(key, (None, "")) for key in _keys(line, names))
    return next((name for where, name in found if where is part), "")


def _keys(line: str, names: Collection[str]) -> Iterator[str]:
    """What a line says: as it stands, without greetings and thanks, and without her name behind it."""
    known, key = phrases(), folded(line)
    words = key.split()
    if len(words) > _FEW_WORDS and words[0] not in known.begins:
        return  # most lines that people write
    yield key
    bare = known.without_polite(key)
    if bare != key:
        yield bare
    words = bare.split()
    if len(words) > 1 and words[-1] in names:
        while len(words) > 1 and words[-1] in names:
            words.pop()
        yield known.without_polite(" ".join(words))


def _meaning(key: str) -> str:
    return phrases().meanings.get(key, (None, ""))[1]


def _first_said(text: str, wanted: Collection[str]) -> str:
    """What the longest of the `wanted` phrases means with which a text begins, after a greeting; "" for none."""
    plain = text.strip()
    if plain[:1] in _THUMBS:
        return "yes" if _THUMBS[plain[0]] else "no"
    sentences = [folded(each) for each in _FIRST_SENTENCE.split(plain[: 4 * _LONGEST_LINE])]
    begin = next((each for each in sentences if phrases().without_polite(each) or _meaning(each)), "")
    is_whole = phrases().without_polite(begin)
    for key in dict.fromkeys((begin, is_whole)):
        words = key.split()
        for count in range(min(_MOST_ANSWER_WORDS, len(words)), 0, -1):
            name = _meaning(" ".join(words[:count]))
            if name in wanted and (words[0] not in _ALSO_OTHER_WORDS or count == len(words)):
                return name
    return ""
