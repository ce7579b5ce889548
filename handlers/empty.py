"""An answer with nothing in it: a pocket that pressed Send (spec/people.md §1.1)."""

from __future__ import annotations

from handlers import mime
from handlers.message import Message
from handlers.written import written_text_of
from handlers.written_mark import dashed_words, header_key, is_device_line, is_rule

_LONGEST_TEXT = 256 * 1024  # bytes of a part
_DIGITS_OF_DATE = 3


def may_be_empty(message: Message) -> bool:
    """Seen quickly: does an answer begin with what a mail program puts there, not with words?"""
    if not message.in_reply_to:
        return False
    part = next((part for part in mime.parts(message) if part.content_type in ("text/plain", "text/html")), None)
    if part is None or part.body_end - part.body_start > _LONGEST_TEXT:
        return False
    if part.content_type == "text/html":
        return True
    for line in mime.text(message, part).splitlines():
        if line.strip():
            return is_of_program(line.strip())
    return True


def is_empty(message: Message, *, original: str) -> bool:
    """`original`: all that the answered copy showed. Empty is only what has no word beside it, and no file."""
    return not mime.attachments(message) and not written_text_of(message.raw, original=original).strip()


def is_of_program(line: str) -> bool:
    """A quote, "Sent from my …", or what may be the line above a quote."""
    if line.startswith(">") or is_rule(line) or is_device_line(line) or header_key(line) is not None:
        return True
    digits = sum(sign.isdigit() for sign in line)
    return line.endswith((":", "<")) or digits >= _DIGITS_OF_DATE or dashed_words(line) is not None
