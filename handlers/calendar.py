"""Calendar parts (RFC 5545) that mail programs send by themselves: the answer to an invitation is for its organiser."""

from __future__ import annotations

import re
from collections.abc import Iterator

from handlers import mime
from handlers.message import Message

_ANSWERS = frozenset({"reply", "counter", "refresh"})  # RFC 5546 §1.4: what an attendee sends
_TYPES = frozenset({"text/calendar", "application/ics"})
_METHOD = re.compile(r"^METHOD[;:](?:[^:\r\n]*:)?\s*([A-Z-]+)", re.IGNORECASE | re.MULTILINE)
_ANSWER = re.compile(r"^ATTENDEE[^:]*;PARTSTAT=\"?([A-Z-]+)", re.IGNORECASE | re.MULTILINE)
_FOLD = re.compile(r"\r?\n[ \t]")  # RFC 5545 §3.1
_MEANINGS = {"accepted": "yes", "declined": "no", "tentative": "maybe"}
_MOST_TEXT = 64 * 1024


def calendar_answer(message: Message) -> str | None:
    """ "yes", "no", "maybe" or "something else" when it answers an invitation; None for everything else.

    An invitation itself, and that it was called off, are news for everyone. Raises MalformedMessage over the caps of
    spec/mail.md §2.2.
    """
    for method, text in _calendars(message):
        if method in _ANSWERS:
            found = _ANSWER.search(text)
            return _MEANINGS.get(found[1].lower() if found else "", "something else")
    return None


def _calendars(message: Message) -> Iterator[tuple[str, str]]:
    """Method in lower case, "" for none, and text of each."""
    for part in mime.parts(message):
        if part.content_type in _TYPES:
            text = _FOLD.sub("", mime.text(message, part)[:_MOST_TEXT])
            inside = _METHOD.search(text)
            yield (part.parameters.get("method", "") or (inside[1] if inside else "")).lower(), text
