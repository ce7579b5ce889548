"""A heart instead of words: what people and their mail programs send when they react to a post (spec/people.md §1.1).

Whatever could be a person's words stays a post: only a message that is a reaction as a whole is taken for one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from handlers import mime
from handlers.emoji import first_emoji, one_emoji, only_emoji
from handlers.message import Message
from handlers.mime import Part
from handlers.reaction_words import (
    FAREWELLS,
    GIVEN,
    MAYBE_VERBS,
    NOT_ANY_MORE,
    PICTURE,
    PICTURES,
    REACTED,
    SURE_VERBS,
    TAKEN_BACK,
    TAPBACK,
)
from handlers.written import written_text_of
from handlers.written_line import words_of

HEART = "\N{HEAVY BLACK HEART}\ufe0f"
_GMAIL = "text/vnd.google.email-reaction+json"
_LONGEST_TEXT = 64 * 1024  # bytes of a part; with a quote below it
_LONGEST_LINE = 80
_MOST_LINES = 6
_MAYBE = {verb: emoji for emoji, verbs in MAYBE_VERBS.items() for verb in verbs}
_OPENING = re.compile('[“”"„«「]')
_LINK = re.compile(r"[<(\[]*https?://\S+")


@dataclass(frozen=True, slots=True)
class Reaction:
    """`emoji`: "" takes it back; `by_program`: no person wrote these words; `quoted`: words of the post, if any."""

    emoji: str
    by_program: bool = False
    quoted: str = ""


def reaction_in(message: Message) -> Reaction | None:
    """What an answer says as a whole, when that is no more than a reaction. None for almost every message.

    Raises MalformedMessage over the caps of spec/mail.md §2.2.
    """
    if not message.in_reply_to:
        return None
    all_parts = mime.parts(message)
    marked = _marked(message, all_parts)
    if marked:
        return Reaction(marked, by_program=True)
    if not _begins_like_one(message, all_parts) or mime.attachments(message):
        return None
    return _read(written_text_of(message.raw), message)


def is_about(reaction: Reaction, subject: str, text: str) -> bool:
    """Are the words that it quotes those of the post? Else it may be about a book (Loved "Dune")."""
    quoted = words_of(reaction.quoted.rstrip("…. "))
    if not quoted:
        return True
    post = f" {' '.join(words_of(f'{subject} {text}'))} "
    return f" {' '.join(quoted)} " in post or f" {' '.join(quoted[:-1])} " in post  # its last word may be cut


def _marked(message: Message, all_parts: Sequence[Part]) -> str:
    """The emoji of a part that programs made for reactions, "" where there is no valid one."""
    gmail = [part for part in all_parts if part.content_type == _GMAIL and part.disposition != "attachment"]
    if len(gmail) == 1 and len(message.in_reply_to) == 1:
        return _of_gmail(mime.decoded(message, gmail[0])[:_LONGEST_TEXT])
    for part in all_parts:
        if part.disposition == "reaction" and part.content_type == "text/plain":  # RFC 9078 §2
            return only_emoji(mime.text(message, part)[:_LONGEST_LINE])
    return ""


def _of_gmail(content: bytes) -> str:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict) or type(found.get("version")) is not int or found["version"] != 1:
        return ""
    emoji = found.get("emoji")
    return one_emoji(emoji) if isinstance(emoji, str) else ""


def _begins_like_one(message: Message, all_parts: Sequence[Part]) -> bool:
    """Seen quickly: is the first line that a reader sees a reaction, or HTML the only text?"""
    part = next((part for part in all_parts if part.content_type in ("text/plain", "text/html")), None)
    if part is None or part.body_end - part.body_start > _LONGEST_TEXT:
        return False
    if part.content_type == "text/html":
        return True
    lines = [line.strip() for line in mime.text(message, part)[: 8 * _LONGEST_LINE].splitlines() if line.strip()]
    return any(_may_be_one(line) for line in lines[:2])


def _may_be_one(line: str) -> bool:
    if only_emoji(line) or _withdraws(line) or REACTED.search(line) or PICTURE.fullmatch(line):
        return True
    opening = _OPENING.search(line)
    return opening is not None and _is_verb(" ".join(line[: opening.start()].casefold().split()).rstrip(": "))


def _is_verb(words: str) -> bool:
    return words in SURE_VERBS or words in _MAYBE or bool(GIVEN.fullmatch(words) or TAKEN_BACK.fullmatch(words))


def _read(text: str, message: Message) -> Reaction | None:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not _LINK.match(line.strip())]
    if not lines or len(lines) > _MOST_LINES:
        return None
    if _withdraws(lines[0]) and all(_is_farewell(line, message) for line in lines[1:]):
        return Reaction("")
    phrases = [line for line in lines if not only_emoji(line)]
    emoji = next((only_emoji(line) for line in lines if only_emoji(line)), "")
    if len(phrases) == 1 and REACTED.search(phrases[0]) and len(phrases[0]) <= 2 * _LONGEST_LINE:
        return Reaction(emoji or first_emoji(phrases[0]) or HEART, by_program=True)
    if emoji and only_emoji(lines[0]) and all(_is_farewell(line, message) for line in phrases):
        return Reaction(emoji)
    return _tapback(" ".join(lines))


def _tapback(text: str) -> Reaction | None:
    """What a telephone writes: Liked "…" (spec/people.md §1.1)."""
    picture = PICTURE.fullmatch(text)
    if picture is not None and text.lower().endswith(PICTURES):
        return Reaction(SURE_VERBS.get(picture["verb"].lower(), HEART), by_program=True)
    found = TAPBACK.fullmatch(text)
    if found is None:
        return None
    verb = " ".join(found["verb"].casefold().split())
    given = GIVEN.fullmatch(verb)
    if given is not None:
        return Reaction(one_emoji(given[1]) or HEART, by_program=True)
    if TAKEN_BACK.fullmatch(verb):
        return Reaction("", by_program=True)
    if verb in SURE_VERBS:
        return Reaction(SURE_VERBS[verb], by_program=True)
    emoji = _MAYBE.get(verb)
    return Reaction(emoji, by_program=True, quoted=found["quoted"]) if emoji else None


def _withdraws(line: str) -> bool:
    """ "no ❤" """
    word, _, rest = line.casefold().partition(" ")
    return word in NOT_ANY_MORE and bool(only_emoji(rest))


def _is_farewell(line: str, message: Message) -> bool:
    """Her name, or "Love, Grandma": of at most four words."""
    words = words_of(line)
    names = set(words_of(message.value("from") or ""))
    return 0 < len(words) <= 4 and all(word in FAREWELLS or word in names for word in words)
