"""What the author of a message wrote: quotes, attribution lines and signatures cut (spec/people.md §1.2).

Nothing here fails, whatever it is given, and the message itself is always kept: this is only what is shown.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from handlers.html_text import html_lines
from handlers.message import MalformedMessage, Message, parse
from handlers.mime import Part, attachments, parts, text
from handlers.thread import is_forward_subject
from handlers.written_known import Original
from handlers.written_line import Line, flowed_text, text_lines, words_of
from handlers.written_sheet import NOT_HERS, Label
from handlers.written_trim import labelled

FEWEST_WORDS = 3  # a text part with fewer is only a stand-in for its HTML


def written_text(text: str, *, original: str | None = None) -> str:
    """What the author wrote in *text*; *original* is the text that was answered, where known.

    "" when every word is the original's. When nothing would be left although other words are there, they stay.
    """
    return _joined(_trimmed(text_lines(text), original, keep_something=True))


def written_text_of(raw: bytes, *, original: str | None = None) -> str:
    """The same for a whole message: text, HTML or both, in any charset, in one part or several.

    A forwarded message is shown whole: it is the point of its mail. "" for a quote with nothing but a photo.
    """
    return written_of(raw, original=original).text


@dataclass(frozen=True, slots=True)
class Written:
    text: str
    hidden: bool  # there is more in the message: a quote, a signature


def written_of(raw: bytes, *, original: str | None = None) -> Written:
    """The same, and whether something was cut."""
    lines, is_forward, has_files = _read(raw)
    written = lines if is_forward else _trimmed(lines, original, keep_something=not has_files)
    hidden = len(written) < len(lines) and sum(map(_says, lines)) > sum(map(_says, written))
    return Written(_joined(written), hidden)


def quotes_something(raw: bytes, *, original: str) -> bool:
    """Is anything of the text that it answers in the message, or a mail program's mark that something was quoted?"""
    lines, _, _ = _read(raw)
    known = Original(original) if original.strip() else None
    return any(label in NOT_HERS for label in labelled(lines, known))


def whole_text_of(raw: bytes) -> str:
    """All that a mail program shows of a message, quotes and signature too: the `original` of its answers."""
    return "\n".join(line.shown for line in _read(raw)[0])


def labelled_lines_of(raw: bytes, *, original: str | None = None) -> list[tuple[Line, Label]]:
    """Every line of a message with whose words it is: for an answer that stands between what it quotes."""
    lines = _read(raw)[0]
    known = Original(original) if original and original.strip() else None
    return list(zip(lines, labelled(lines, known), strict=True))


def text_groups(all_parts: tuple[Part, ...]) -> list[list[Part]]:
    """The texts to show: those under one multipart/alternative together, every other one by itself."""
    groups: list[list[Part]] = []
    by_alternative: dict[int, list[Part]] = {}
    first = True
    for part in all_parts:
        leaf_text = part.content_type in ("text/plain", "text/html") or (part.depth == 0 and len(all_parts) == 1)
        if not leaf_text or part.content_type == "message/rfc822":
            continue
        is_file = part.disposition == "attachment" or (part.filename and not first)
        if is_file and part.depth > 0:
            continue
        first = False
        alternative = _alternative_around(all_parts, part)
        if alternative is None:
            groups.append([part])
        elif alternative in by_alternative:
            by_alternative[alternative].append(part)
        else:
            by_alternative[alternative] = [part]
            groups.append(by_alternative[alternative])
    return groups


def plain_lines(message: Message, part: Part) -> list[Line]:
    """The lines of a part with plain text, as its program flowed them."""
    if not part.content_type.startswith(("text/", "multipart/")):
        return []
    content = text(message, part)
    if part.parameters.get("format", "").lower() == "flowed":
        content = flowed_text(content, delsp=part.parameters.get("delsp", "").lower() == "yes")
    return text_lines(content)


def _read(raw: bytes) -> tuple[list[Line], bool, bool]:
    """All lines that are shown; whether it is forwarded; whether files came with it."""
    try:
        message = parse(raw)
        lines = _shown_lines(message, parts(message))
        is_forward = is_forward_subject(message.subject, is_answer=bool(message.in_reply_to))
        return lines, is_forward, bool(attachments(message))
    except MalformedMessage:
        return text_lines(_body_of_malformed(raw)), False, False


def _trimmed(lines: list[Line], original: str | None, *, keep_something: bool) -> list[Line]:
    known = Original(original) if original and original.strip() else None
    labels = labelled(lines, known)
    written = [line for line, label in zip(lines, labels, strict=True) if label is Label.WRITTEN]
    if _says_something(written) or not keep_something:
        return written
    left = [
        line
        for line, label in zip(lines, labels, strict=True)
        if label not in (Label.HEAD, Label.ATTRIBUTION, Label.DEVICE, Label.RULE)
    ]
    if known is not None and all(known.has_phrase(words_of(line.plain)) for line in left if words_of(line.plain)):
        return []
    return left


def _says_something(lines: Sequence[Line]) -> bool:
    return any(map(_says, lines))


def _says(line: Line) -> bool:
    """A letter, a digit or a picture sign: "❤" is an answer."""
    return any(unicodedata.category(character)[0] in "LNS" for character in line.plain)


def _joined(lines: Sequence[Line]) -> str:
    out: list[str] = []
    for line in lines:
        if line.plain or (out and out[-1]):
            out.append(line.shown.rstrip() if line.plain else "")
    joined = "\n".join(out).strip("\n")
    return joined.lstrip(" ") if "\n " not in joined else joined  # Yahoo puts a blank before the first line


def _shown_lines(message: Message, all_parts: tuple[Part, ...]) -> list[Line]:
    """The lines of every text that a mail program would show, one form of each alternative."""
    lines: list[Line] = []
    for group in text_groups(all_parts):
        plain = next((part for part in group if part.content_type != "text/html"), None)
        rich = next((part for part in group if part.content_type == "text/html"), None)
        chosen = plain_lines(message, plain) if plain is not None else []
        if rich is not None and sum(len(words_of(line.plain)) for line in chosen[:50]) < FEWEST_WORDS:
            rich_lines = html_lines(text(message, rich))
            if sum(len(line.plain) for line in rich_lines) > sum(len(line.plain) for line in chosen):
                chosen = rich_lines
        if lines and chosen:
            lines.append(Line(""))
        lines += chosen
    return lines


def _alternative_around(all_parts: tuple[Part, ...], part: Part) -> int | None:
    """The outermost multipart/alternative that holds the part."""
    found = None
    at = part.parent
    while at is not None:
        if all_parts[at].content_type == "multipart/alternative":
            found = at
        at = all_parts[at].parent
    return found


def _body_of_malformed(raw: bytes) -> str:
    """Best effort for bytes that are no acceptable message: what stands behind the first empty line."""
    text = raw.replace(b"\r\n", b"\n").decode("utf-8", "replace")
    head, _, body = text.partition("\n\n")
    return body or head
