"""Where the pictures of a mail stand in its text: in what was cut, or beside a line that says what they show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from handlers.html_text import Place, html_lines_and_pictures
from handlers.message import Message
from handlers.mime import Part, text
from handlers.thread import is_forward_subject
from handlers.written import plain_lines, text_groups
from handlers.written_known import Original
from handlers.written_line import Line, words_of
from handlers.written_sheet import Label
from handlers.written_trim import labelled

LONGEST_CAPTION = 90  # characters
LONGEST_CLOSING = 4  # words: a line as short that names its author is her greeting

Piece = str | int | None
"""A line that the author wrote, "" between paragraphs; a picture, by its place among the parts; None: what was cut."""


@dataclass(frozen=True, slots=True)
class ShownPictures:
    """Parts by their index. placed: those that have a place in the text. captions: what stands beside them."""

    cut: frozenset[int] = frozenset()
    placed: frozenset[int] = frozenset()
    captions: Mapping[int, str] = field(default_factory=dict)


def shown_pictures(
    message: Message, all_parts: tuple[Part, ...], *, author: str, original: str | None
) -> ShownPictures:
    """Of the pictures that stand in the text. original: the text that was answered, where known."""
    if is_forward_subject(message.subject, is_answer=bool(message.in_reply_to)):
        return ShownPictures()
    known = Original(original) if original and original.strip() else None
    by_id = {part.content_id: index for index, part in enumerate(all_parts) if part.content_id}
    groups = {id(group[0]): group for group in text_groups(all_parts)}
    pieces: list[Piece] = []
    cut: set[int] = set()
    placed: set[int] = set()
    for index, part in enumerate(all_parts):
        if (group := groups.get(id(part))) is not None:
            lines, places = _read(message, group)
            indexed = [(by_id[place.content_id], place) for place in places if place.content_id in by_id]
            labels = labelled(lines, known)
            cut.update(at for at, place in indexed if _is_cut(place, lines, labels))
            placed.update(at for at, _ in indexed)
            pieces += _woven(lines, labels, [(at, place.line) for at, place in indexed if at not in cut])
        elif (
            part.content_type.startswith("image/") and part.disposition == "inline" and not _is_related(all_parts, part)
        ):
            pieces += ["", index, ""]
            placed.add(index)
    return ShownPictures(frozenset(cut), frozenset(placed), _captions(pieces, author))


def _read(message: Message, group: Sequence[Part]) -> tuple[list[Line], list[Place]]:
    """Its HTML where that shows pictures, else its plain text."""
    plain: list[Line] = []
    for part in group:
        if part.content_type == "text/html":
            lines, places = html_lines_and_pictures(text(message, part))
            if places or len(group) == 1:
                return lines, places
        else:
            plain = plain_lines(message, part)
    return plain, []


def _is_related(all_parts: tuple[Part, ...], part: Part) -> bool:
    """Its place is in the HTML beside it, or nowhere."""
    return part.parent is not None and all_parts[part.parent].content_type == "multipart/related"


def _is_cut(place: Place, lines: Sequence[Line], labels: Sequence[Label]) -> bool:
    """As its mail program says; else below a signature or a head, with nothing of hers behind."""
    if place.quoted:
        return True
    before = next((labels[at] for at in range(place.line - 1, -1, -1) if lines[at].plain), Label.WRITTEN)
    behind = next((labels[at] for at in range(place.line, len(lines)) if lines[at].plain), None)
    return before in (Label.SIGNATURE, Label.HEAD, Label.BELOW) and behind is not Label.WRITTEN


def _woven(lines: Sequence[Line], labels: Sequence[Label], pictures: Iterable[tuple[int, int]]) -> list[Piece]:
    """Her lines with the pictures between them."""
    at_line: dict[int, list[int]] = {}
    for index, line in pictures:
        at_line.setdefault(line, []).append(index)
    pieces: list[Piece] = []
    for number in range(len(lines) + 1):
        pieces += at_line.get(number, [])
        if number < len(lines):
            plain = lines[number].plain
            pieces.append(None if plain and labels[number] is not Label.WRITTEN else plain)
    return pieces


def _captions(pieces: Sequence[Piece], author: str) -> dict[int, str]:
    """Lines that stand alone right behind their pictures, or right before them: whatever fits more of them."""
    names = set(words_of(author))
    before: dict[int, str] = {}
    behind: dict[int, str] = {}
    for one, other in pairwise(_blocks(pieces)):
        if isinstance(one, list) and isinstance(other, int) and _may_be_caption(one, names):
            before[other] = one[0]
        elif isinstance(one, int) and isinstance(other, list) and _may_be_caption(other, names):
            behind[one] = other[0]
    return before if len(before) > len(behind) else behind


def _blocks(pieces: Iterable[Piece]) -> list[list[str] | int]:
    """The pictures, and the lines between them as far as no empty one parts them."""
    blocks: list[list[str] | int] = []
    block: list[str] = []
    for piece in pieces:
        if isinstance(piece, str) and piece:
            if not block:
                blocks.append(block)
            block.append(piece)
            continue
        block = []
        if piece != "":
            blocks.append(piece if isinstance(piece, int) else [])
    return blocks


def _may_be_caption(block: Sequence[str], names: set[str]) -> bool:
    if len(block) != 1 or len(block[0]) > LONGEST_CAPTION or block[0].endswith(","):
        return False
    words = words_of(block[0])
    return bool(words) and not (len(words) <= LONGEST_CLOSING and names & set(words))
