"""A message as bytes: where each header field stands and where the body begins.

Nothing is re-serialised: a `Field` is a span of the bytes as received. The splitter is one linear pass, and what
breaks the caps of spec/mail.md §2.2 is refused before any other reader sees it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, wraps
from typing import TypeVar

from handlers.encoded_word import decode_words
from handlers.field_value import field_text, message_ids, moment, unfolded

T = TypeVar("T")

LARGEST_HEADER = 64 * 1024
LARGEST_FIELD = 16 * 1024
LARGEST_WRITTEN_FIELD = 8 * 1024  # From, To, Cc, Subject, unfolded
MOST_LINES = 500
MOST_SIGNATURES = 10

_WRITTEN = frozenset({"from", "to", "cc", "subject"})
_SINGLE = ("from", "date", "message-id", "subject")  # RFC 5322 §3.6
_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")  # RFC 5322 §2.2; blanks before the colon by §4.5
_KNOWN = re.compile(
    rb"(?:from|to|cc|subject|date|message-id|mime-version|reply-to|received|return-path|in-reply-to|references|sender"
    rb"|content-[a-z-]{1,40}|x-[a-z0-9-]{1,60}|dkim-signature)[ \t]*:",
    re.IGNORECASE,
)


class MalformedMessage(ValueError):
    """The message cannot be taken; `reason` says why in words for its author."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: `raw[start:end]`, folds and the final line break included; `colon` is the colon's place."""

    name: str  # lower case
    start: int
    colon: int
    end: int


@dataclass(frozen=True)
class Message:
    """Header spans and the bytes they point into; offsets count from the start of `raw`.

    What is read out of them stays: a decision asks for the same few fields a dozen times.
    """

    raw: bytes
    fields: tuple[Field, ...]
    body_start: int

    @cached_property
    def _first(self) -> Mapping[str, Field]:
        """By name: most of the fields that are asked for are not there."""
        return {field.name: field for field in reversed(self.fields)}

    def field_bytes(self, field: Field) -> bytes:
        return self.raw[field.start : field.end]

    def all(self, name: str) -> tuple[Field, ...]:
        """Every field called *name* (lower case), top first."""
        return tuple(field for field in self.fields if field.name == name) if name in self._first else ()

    def raw_value(self, name: str) -> bytes | None:
        """The unfolded bytes of the first field called *name*, None when there is none."""
        field = self._first.get(name)
        return None if field is None else field_body(self.raw, field)

    def value(self, name: str) -> str | None:
        """The text of the first field called *name*: unfolded, encoded words decoded (RFC 2047)."""
        data = self.raw_value(name)
        return None if data is None else decode_words(field_text(data))

    def _ids(self, name: str) -> tuple[str, ...]:
        data = self.raw_value(name)
        return () if data is None else message_ids(field_text(data))

    @cached_property
    def message_id(self) -> str:
        """ "<…>", or "" when the message has none."""
        return next(iter(self._ids("message-id")), "")

    @cached_property
    def in_reply_to(self) -> tuple[str, ...]:
        return self._ids("in-reply-to")

    @cached_property
    def references(self) -> tuple[str, ...]:
        """RFC 5322 §3.6.4: the root of the thread first, the parent last; at most 200."""
        return self._ids("references")

    @cached_property
    def subject(self) -> str:
        return self.value("subject") or ""

    @cached_property
    def date(self) -> datetime | None:
        """When its author says she wrote it, in UTC."""
        data = self.raw_value("date")
        return None if data is None else moment(field_text(data))

    @property
    def body(self) -> bytes:
        return self.raw[self.body_start :]


def remembered(read: Callable[[Message], T]) -> Callable[[Message], T]:
    """A function of a message whose result stays with the message, as what its own properties have read does."""
    name = f"_{read.__module__}.{read.__name__}"

    @wraps(read)
    def known(message: Message) -> T:
        results = vars(message)
        if name not in results:
            results[name] = read(message)
        found: T = results[name]
        return found

    return known


def parse(raw: bytes) -> Message:
    """Split *raw* (lines end in CRLF, or in LF in old archives) into fields and body.

    Raises `MalformedMessage` for what breaks the caps of spec/mail.md §2.2, for NUL, and for a second From,
    Date, Message-ID or Subject.
    """
    if b"\0" in raw:
        raise MalformedMessage("The message holds a NUL byte, which no mail may hold.")  # RFC 5322 §2.3
    fields, body_start = read_fields(raw, 0, len(raw))
    names = [field.name for field in fields]
    for name in _SINGLE:
        if names.count(name) > 1:
            raise MalformedMessage(f"The message has more than one {name.title()} line. There must be one.")
    if names.count("dkim-signature") > MOST_SIGNATURES:
        raise MalformedMessage(f"The message has more than {MOST_SIGNATURES} signatures (DKIM-Signature).")
    for field in fields:
        if field.name in _WRITTEN and len(field_body(raw, field)) > LARGEST_WRITTEN_FIELD:
            raise MalformedMessage(f"The {field.name.title()} line of the message is too long (more than 8 KiB).")
    return Message(raw, fields, body_start)


def field_body(raw: bytes, field: Field) -> bytes:
    """What stands after the colon, unfolded."""
    return unfolded(raw[field.colon + 1 : field.end])


def read_fields(raw: bytes, start: int, end: int) -> tuple[tuple[Field, ...], int]:
    """The header block that begins at *start*, and where the body behind it begins (at most *end*).

    The block ends with its empty line. A line that is no field is stepped over when real header lines follow it
    (an mbox "From " line, a line broken in two); otherwise the empty line was forgotten and the body begins there.
    Raises `MalformedMessage` when the block is too large.
    """
    fields: list[Field] = []
    known_until: int | None = None  # where the last well-known field of the block begins; looked up when first needed
    can_fold = False
    lines = 0
    at = start
    while at < end:
        newline = raw.find(b"\n", at, end)
        line_end = end if newline == -1 else newline + 1
        line = raw[at:line_end]
        if line in (b"\r\n", b"\n"):
            return tuple(fields), line_end
        fold = can_fold and line[:1] in (b" ", b"\t")
        found = None if fold else _FIELD.match(line)
        if not fold and not found:
            if known_until is None:
                known_until = _last_known_field(raw, at, end)
            if at >= known_until:
                break
        if fold:
            last = fields[-1]
            fields[-1] = Field(last.name, last.start, last.colon, line_end)
        elif found:
            fields.append(Field(found[1].decode("ascii").lower(), at, at + found.end() - 1, line_end))
        can_fold = fold or found is not None
        lines += 1
        _check_sizes(block=line_end - start, lines=lines, field=line_end - fields[-1].start if fields else len(line))
        at = line_end
    return tuple(fields), at


def _check_sizes(*, block: int, lines: int, field: int) -> None:
    if block > LARGEST_HEADER:
        raise MalformedMessage("The header of the message is too large (more than 64 KiB).")
    if field > LARGEST_FIELD:
        raise MalformedMessage("A header line of the message is too long (more than 16 KiB).")
    if lines > MOST_LINES:
        raise MalformedMessage(f"The header of the message has too many lines (more than {MOST_LINES}).")


def _last_known_field(raw: bytes, start: int, end: int) -> int:
    """Where the last line before the next empty line begins that is surely a header field; *start* when none."""
    last = start
    at = start
    limit = min(end, start + LARGEST_HEADER)
    while at < limit:
        newline = raw.find(b"\n", at, limit)
        line_end = limit if newline == -1 else newline + 1
        if raw[at:line_end].strip(b"\r\n") == b"":
            break
        if _KNOWN.match(raw, at, line_end):
            last = at
        at = line_end
    return last
