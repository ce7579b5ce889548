"""An SMTP reply as a value: what we answer, and what a next hop answered us."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CODE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245])\.([0-9]{1,3})\.([0-9]{1,3})(?:\s+|$)")


class MalformedReply(ValueError):
    """The other side said something that is no SMTP reply."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One SMTP reply: three digits (RFC 5321 §4.2), an enhanced code "5.1.1" or "" (RFC 3463 §2), and its text.

    The lines of a text are separated by "\n"; they do not repeat the codes.
    """

    code: int
    enhanced: str
    text: str


def is_last_line(line: bytes) -> bool:
    """True for the line that ends a reply: no hyphen behind the code (RFC 5321 §4.2.1)."""
    return line[3:4] != b"-"


def parse_reply(lines: list[bytes]) -> Reply:
    """The reply that these lines (without their line ends) form.

    Raises MalformedReply for anything that is not RFC 5321 §4.2. Bytes that are not UTF-8 are replaced
    (RFC 6531 §3.7.4).
    """
    if not lines:
        raise MalformedReply("no reply")
    code = b""
    texts: list[str] = []
    enhanced = ""
    for number, line in enumerate(lines):
        match = _CODE.fullmatch(line)
        if match is None or (code and match[1] != code):
            raise MalformedReply("the answer is no SMTP reply")
        if is_last_line(line) != (number == len(lines) - 1):
            raise MalformedReply("the answer ends in the wrong place")
        code = match[1]
        text = (match[3] or b"").decode("utf-8", "replace")
        # Each line repeats the enhanced code, which begins with the digit of the reply code (RFC 2034 §4).
        status = _ENHANCED.match(text)
        if status is not None:
            enhanced = enhanced or status[0].strip()
            text = text[status.end() :]
        texts.append(text.strip())
    return Reply(int(code), enhanced, "\n".join(texts))
