"""What an author wants done with a post of hers after it was sent (spec/people.md §3.5): actions of an Outcome."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from handlers.letter_cut import own_files, with_body
from handlers.message import Message
from handlers.mime import attachments, decoded, parts
from handlers.plain_words import LARGEST_LOGO

_OF_THE_OLD_WORDS = ("content-", "mime-version", "dkim-signature")


class Unchanged(StrEnum):
    """Why nothing was done."""

    OTHERS = "others"  # it is somebody else's
    UNKNOWN = "unknown"  # which one is meant?
    EMPTY = "empty"  # there are no new words
    WAITS = "waits"  # nobody has it yet
    OFTEN = "often"  # it was changed so often today


@dataclass(frozen=True, slots=True)
class TakeBack:
    """The post leaves the archive, the letters, the queue, and other servers. Nothing else brings it back."""

    post_id: int
    member_id: int


@dataclass(frozen=True, slots=True)
class TakeBackHeld:
    """What still waits for a decision is put aside."""

    held_id: int
    member_id: int


@dataclass(frozen=True, slots=True)
class ChangePost:
    """Other words stand in the post from now on; nobody gets mail of that but she."""

    post_id: int
    member_id: int
    text: str


@dataclass(frozen=True, slots=True)
class SayUnchanged:
    """She is told why nothing was done."""

    why: Unchanged
    list_id: int
    member_id: int


def with_new_words(before: Message, text: str, answer: Message | None = None) -> bytes:
    """The message with another text, and with the files that came with the new one; where none came, with its own.

    Its header stays, but for what told how the old words were written.
    """
    head = [before.field_bytes(field) for field in before.fields if not field.name.startswith(_OF_THE_OLD_WORDS)]
    files = _brought_with(answer, before) if answer else ()
    mark = hashlib.sha256(before.raw + text.encode()).hexdigest()[:40].encode("ascii")
    return with_body(head, text, files or own_files(before, ()), mark)


def _brought_with(answer: Message, before: Message) -> tuple[bytes, ...]:
    """Neither a logo, nor what her program sends back of what she answers."""
    if all(each.type.startswith("image/") and each.size <= LARGEST_LOGO for each in attachments(answer)):
        return ()
    pictures = (part for part in parts(before) if part.content_type.startswith("image/"))
    return own_files(answer, frozenset(hashlib.sha256(decoded(before, part)).digest() for part in pictures))
