"""Lines of a message's text, with what is known of each: how deep it is quoted, what the mail program said of it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_QUOTE_MARKS = re.compile(r"[ \t]?(?:>[ \t]?)+")
_NOT_QUOTED = re.compile(r"From |\d|[:;=][-'^]?[()|/\\]$")
_NOT_WORDS = re.compile(r"https?://\S+|www\.\S+|\[cid:[^\]\s]*\]|<?mailto:\S+")
_WORDS = re.compile("[\u3040-\u30ff\u3400-\u9fff]|[^\\W_]+")  # Chinese and Japanese: each sign is a word

SIGNATURE_LINE = "-- "  # RFC 3676 §4.3


class Mark(Enum):
    """What the mark-up of a mail program says about a line. Plain text has none."""

    NONE = "none"
    ATTRIBUTION = "attribution"  # "On … Anna wrote:"
    SIGNATURE = "signature"
    BELOW = "below"  # inside or under what the program put there as the answered message, not marked line by line


@dataclass(slots=True)
class Line:
    """`text` is without quote marks; `plain` is the same without invisible characters, for recognising only."""

    text: str
    depth: int = 0
    mark: Mark = Mark.NONE
    plain: str = ""

    def __post_init__(self) -> None:
        visible = self.text if self.text.isascii() else _INVISIBLE.sub("", self.text).replace("\xa0", " ")
        self.plain = visible.strip()

    @property
    def shown(self) -> str:
        """As it stood, quote marks included."""
        return "> " * self.depth + self.text if self.depth else self.text


def text_lines(text: str) -> list[Line]:
    """The lines of plain text, quote marks counted."""
    lines: list[Line] = []
    for raw in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        lines.append(line_of(raw, lines))
    return _without_false_marks(lines)


def line_of(raw: str, before: list[Line], *, depth: int = 0, mark: Mark = Mark.NONE) -> Line:
    """The line *raw* after those *before*: its quote marks are counted on top of *depth*."""
    marks = _QUOTE_MARKS.match(raw) if raw[:2].lstrip()[:1] == ">" else None
    if marks is None or _closes_address(before):
        return Line(raw if raw == SIGNATURE_LINE else raw.rstrip(), depth, mark)
    return Line(raw[marks.end() :].rstrip(), depth + marks[0].count(">"), mark)


def flowed_text(text: str, *, delsp: bool) -> str:
    """format=flowed undone (RFC 3676 §4): lines that end in a blank go on in the next one of the same quote depth."""
    out: list[str] = []
    pieces: list[str] = []  # of the line that is going on
    depth_before = 0
    for raw in text.split("\n"):
        content = raw.lstrip(">")
        depth = len(raw) - len(content)
        content = content.removeprefix(" ")  # RFC 3676 §4.4: space-stuffing
        is_signature = content == SIGNATURE_LINE
        if pieces and (depth != depth_before or is_signature):
            out.append("".join(pieces))
            pieces = []
        if not pieces and depth:
            pieces.append(">" * depth + " ")
        if content.endswith(" ") and not is_signature:
            pieces.append(content[:-1] if delsp else content)
        else:
            out.append("".join((*pieces, content)))
            pieces = []
        depth_before = depth
    return "\n".join((*out, "".join(pieces)) if pieces else out)


def words_of(text: str) -> list[str]:
    """The words of *text*, folded for comparison only."""
    visible = text if text.isascii() else _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return _WORDS.findall(_NOT_WORDS.sub(" ", visible).casefold())


def _closes_address(lines: list[Line]) -> bool:
    """Did the line before open a "<" that was wrapped before its ">"? Then this ">" is no quote mark."""
    before = lines[-1].plain if lines else ""
    if before.startswith("mailto:") and len(lines) > 1 and lines[-2].plain == "<":
        return True  # a link as some programs turn it into text, on three lines
    return before.rfind("<") > before.rfind(">")


def _without_false_marks(lines: list[Line]) -> list[Line]:
    """A single ">" in the whole text is no quote mark before a number ("> 50 people"), a frown (">:(") or "From ".

    Mailboxes in mbox form escape "From " at the start of a line so.
    """
    quoted = [place for place, line in enumerate(lines) if line.depth]
    if len(quoted) == 1:
        line = lines[quoted[0]]
        if line.depth == 1 and _NOT_QUOTED.match(line.text):
            lines[quoted[0]] = Line(line.text if line.text.startswith("From ") else f"> {line.text}")
    return lines
