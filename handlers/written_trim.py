"""Which lines of a message its author wrote: everything that a program quoted, announced or signed is labelled.

Every doubtful rule keeps text: losing a person's words is worse than showing a quote twice (spec/people.md §0).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from handlers.written_line import SIGNATURE_LINE, Line, Mark, words_of
from handlers.written_mark import (
    dashed_words,
    header_key,
    is_attribution,
    is_colonless_attribution,
    is_device_line,
    is_rule,
    needs_line_before,
    says_forwarded,
    says_original,
)

MOST_ATTRIBUTION_LINES = 4
LONGEST_ATTRIBUTION = 320
MOST_SIGNATURE_LINES = 12  # under "--" without its blank, which people also draw between two thoughts
SHINGLE = 4
MOST_CONTINUATIONS = 3
LONGEST_BLOCK = 30
MOST_GAP_LINES = 3


class Label(Enum):
    WRITTEN = "written"
    QUOTED = "quoted"
    HEAD = "head"  # copied header lines, "----- Original Message -----"
    ATTRIBUTION = "attribution"
    BELOW = "below"  # not marked, but under a head: quoted unless we know better
    SIGNATURE = "signature"
    DEVICE = "device"
    RULE = "rule"


_NOT_HERS = (Label.QUOTED, Label.HEAD, Label.ATTRIBUTION, Label.BELOW)
_FROM_MARK = {
    Mark.ATTRIBUTION: Label.ATTRIBUTION,
    Mark.SIGNATURE: Label.SIGNATURE,
    Mark.BELOW: Label.BELOW,
}


class Original:
    """The text that was answered, in the forms in which its lines are found again."""

    def __init__(self, text: str) -> None:
        self._lines: set[str] = set()
        self._all: list[str] = []
        for line in text.splitlines():
            words = words_of(line)
            self._lines.add(" ".join(words))
            self._all += words
        self._shingles = {tuple(self._all[at : at + SHINGLE]) for at in range(len(self._all) - SHINGLE + 1)}
        self._text = f" {' '.join(self._all)} "

    def holds(self, words: list[str]) -> bool:
        """Is a line with these words surely one of the original's? Short ones never are."""
        if len(words) >= SHINGLE:
            shingles = [tuple(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)]
            known = sum(1 for shingle in shingles if shingle in self._shingles)
            return known >= 0.6 * len(shingles)
        joined = " ".join(words)
        return len(joined) >= 24 and joined in self._lines

    def has_line(self, words: list[str]) -> bool:
        return " ".join(words) in self._lines

    def is_whole_in(self, lines: list[list[str]]) -> bool:
        """Do most lines of the original stand among *lines*? One line alone says nothing: people repeat each other."""
        own = self._lines - {""}
        there = own & {" ".join(words) for words in lines}
        return len(own) >= 2 and len(there) >= 0.6 * len(own)

    def has_phrase(self, words: list[str]) -> bool:
        return f" {' '.join(words)} " in self._text


class _Sheet:
    """The lines of one text, what is known of each, and where the next and the last line with text are."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        self.labels = [Label.QUOTED if line.depth else _FROM_MARK.get(line.mark, Label.WRITTEN) for line in lines]
        self.keys = [header_key(line.plain) for line in lines]
        self.end = len(lines)  # of the author's part: a forwarded message begins here
        self._next = [len(lines)] * (len(lines) + 1)
        for at in range(len(lines) - 1, -1, -1):
            self._next[at] = at if lines[at].plain else self._next[at + 1]
        self._last = [-1] * (len(lines) + 1)
        for at in range(len(lines)):
            self._last[at + 1] = at if lines[at].plain else self._last[at]

    def next_text(self, at: int) -> int:
        """The first line with text from *at* on."""
        return self._next[min(at, len(self.lines))]

    def around(self, at: int) -> list[int]:
        """The lines with text before and after *at*, as far as there are any."""
        return [place for place in (self._last[at], self.next_text(at + 1)) if 0 <= place < len(self.lines)]

    def is_written(self, at: int) -> bool:
        return self.labels[at] is Label.WRITTEN

    def put(self, start: int, behind: int, label: Label) -> None:
        self.labels[start:behind] = [label] * (behind - start)


def labelled(lines: list[Line], original: Original | None) -> list[Label]:
    """One label for each line."""
    sheet = _Sheet(lines)
    _label_heads(sheet)
    if original is not None:
        _label_known(sheet, original)
    _label_signature(sheet)
    _label_device_lines(sheet)
    _label_rules(sheet)
    return sheet.labels


def _label_heads(sheet: _Sheet) -> None:
    """Label header blocks and attributions, and what hangs below them.

    A forwarded message is the point of its mail: the author's part ends there, and what follows stays whole.
    """
    at = 0
    while (at := sheet.next_text(at)) < len(sheet.lines):
        if not sheet.is_written(at):
            at += 1
            continue
        if says_forwarded(sheet.lines[at].plain):
            sheet.end = at
            return
        start, behind = at, _head_end(sheet, at)
        if behind:
            sheet.put(start, behind, Label.HEAD)
        elif (found := _attribution_start(sheet, at)) is not None:
            start, behind = found, at + 1
            sheet.put(start, behind, Label.ATTRIBUTION)
        else:
            at += 1
            continue
        if not _quote_follows(sheet, behind) and not _bars_follow(sheet, behind):
            for below in range(behind, len(sheet.lines)):
                if sheet.is_written(below):
                    sheet.labels[below] = Label.BELOW
            return
        at = _bar_quote_end(sheet, behind)


def _head_end(sheet: _Sheet, at: int) -> int:
    """Behind the header block or "----- Original Message -----" that begins at *at*; 0 when none does."""
    words = dashed_words(sheet.lines[at].plain)
    if words is not None:
        block = _header_block(sheet, sheet.next_text(at + 1))
        if says_original(words) or block.kinds >= {"from", "sent"} or block.kinds >= {"from", "subject"}:
            return max(block.end, at + 1)
        return at + 1 if is_attribution(words, before_quote=False) else 0
    if sheet.keys[at] is None:
        return 0
    block = _header_block(sheet, at)
    kinds = block.kinds - {"other"}
    enough = len(kinds) >= 4 or (len(kinds) == 3 and block.is_precise)  # people, too, write From: and To: on a card
    return block.end if enough and "from" in kinds else 0


@dataclass(slots=True)
class _Block:
    end: int
    kinds: set[str]
    is_precise: bool = False  # it holds an address, or a date in figures


def _header_block(sheet: _Sheet, start: int) -> _Block:
    """Copied header lines from *start* on: single blank lines and wrapped values between them belong to it."""
    block = _Block(start, set())
    strangers = 0
    for at in range(start, min(start + LONGEST_BLOCK, len(sheet.lines))):
        kind = sheet.keys[at]
        if not sheet.is_written(at) or strangers > MOST_CONTINUATIONS:
            break
        if kind is not None:
            block.kinds.add(kind)
            plain = sheet.lines[at].plain
            block.is_precise |= "@" in plain or (kind == "sent" and any(sign.isdigit() for sign in plain))
            block.end = at + 1
            strangers = 0
        elif not block.kinds or not (sheet.lines[at].plain or sheet.lines[at - 1].plain):
            break
        else:
            strangers += 1
    return block


def _attribution_start(sheet: _Sheet, end: int) -> int | None:
    """Where the attribution begins whose last line is *end*; None when that line ends none."""
    before_quote = _quote_follows(sheet, end + 1)
    has_colon = sheet.lines[end].plain.rstrip("*_ ").endswith((":", "："))
    if not has_colon and not before_quote and not _bars_follow(sheet, end + 1):
        return None
    for start in range(end, max(end - MOST_ATTRIBUTION_LINES, -1), -1):
        if not sheet.lines[start].plain or not sheet.is_written(start):
            return None
        text = " ".join(line.plain for line in sheet.lines[start : end + 1])
        if len(text) > LONGEST_ATTRIBUTION:
            return None
        if not has_colon:
            if is_colonless_attribution(text):
                return start
            continue
        may_go_on = start > 0 and end - start + 1 < MOST_ATTRIBUTION_LINES and sheet.is_written(start - 1)
        if may_go_on and needs_line_before(text, sheet.lines[start - 1].plain):
            continue
        may_begin = _may_begin(sheet.lines[start].plain, alone=start == end and before_quote)
        if may_begin and is_attribution(text, before_quote=before_quote):
            return start
    return None


def _may_begin(first: str, *, alone: bool) -> bool:
    """An attribution begins with a date or an address; a short one right above its quote need not."""
    return alone or "@" in first or first.endswith("<") or any(character.isdigit() for character in first)


def _quote_follows(sheet: _Sheet, at: int) -> bool:
    at = sheet.next_text(at)
    return at < len(sheet.lines) and sheet.labels[at] is Label.QUOTED


def _bars_follow(sheet: _Sheet, at: int) -> bool:
    at = sheet.next_text(at)
    return at < len(sheet.lines) and sheet.is_written(at) and sheet.lines[at].plain.startswith("|")


def _bar_quote_end(sheet: _Sheet, at: int) -> int:
    """Some programs quote with bars; they count only right under an attribution, for people draw tables with them."""
    at = sheet.next_text(at)
    while at < len(sheet.lines) and sheet.is_written(at) and sheet.lines[at].plain.startswith("|"):
        sheet.labels[at] = Label.QUOTED
        at += 1
    return at


def _label_known(sheet: _Sheet, original: Original) -> None:
    """Find the original's own lines again, and with them what the author wrote between them."""
    words = [words_of(line.plain) for line in sheet.lines]
    candidates = (Label.WRITTEN, Label.BELOW)
    found = [sheet.labels[at] in candidates and original.holds(words[at]) for at in range(sheet.end)]
    below = [at for at in range(sheet.end) if sheet.labels[at] is Label.BELOW and words[at]]
    whole = original.is_whole_in([words[at] for at in range(sheet.end) if sheet.is_written(at)])
    if whole:  # some programs put the answered message into the text without any mark
        below += [at for at in range(sheet.end) if sheet.is_written(at) and words[at]]
    # When little of what hangs below is this original, it is another message: then it stays cut.
    if whole or sum(1 for at in below if found[at]) * 4 >= len(below):
        for at in below:
            quoted = found[at] or original.has_line(words[at]) or sheet.keys[at] is not None
            sheet.labels[at] = Label.QUOTED if quoted else Label.WRITTEN
    for at in range(sheet.end):
        if sheet.is_written(at) and found[at] and not _alone(sheet, at, words[at], found):
            sheet.labels[at] = Label.QUOTED
    _close_gaps(sheet, words, original)


def _alone(sheet: _Sheet, at: int, words: list[str], found: list[bool]) -> bool:
    """A short line that also stands in the original, far from any quote: people say the same things to each other."""
    if len(words) >= 8 or len(sheet.lines[at].plain) >= 40:
        return False
    near = [place for place in sheet.around(at) if place < sheet.end]
    return not any(found[place] or sheet.labels[place] in _NOT_HERS for place in near)


def _close_gaps(sheet: _Sheet, words: list[list[str]], original: Original) -> None:
    """Up to three lines between quoted ones, made only of the original's words, are quoted as well."""
    gap: list[int] | None = None  # since the last quoted line; None where her own words came in between
    for at in range(sheet.end):
        if sheet.labels[at] is Label.QUOTED and not sheet.lines[at].depth:
            for place in gap or ():
                sheet.labels[place] = Label.QUOTED
            gap = []
        elif sheet.is_written(at) and words[at] and gap is not None:
            gap.append(at)
            if len(gap) > MOST_GAP_LINES or not original.has_phrase(words[at]):
                gap = None


def _label_signature(sheet: _Sheet) -> None:
    """RFC 3676 §4.3: "-- " opens the signature; it ends where something quoted begins."""
    at = 0
    while at < sheet.end:
        if not sheet.is_written(at) or sheet.lines[at].plain not in ("--", "—", "–"):
            at += 1
            continue
        exact = sheet.lines[at].text == SIGNATURE_LINE
        if exact or _is_short_block(sheet, at + 1):
            behind = at
            while behind < sheet.end and sheet.labels[behind] not in _NOT_HERS:
                behind += 1
            sheet.put(at, behind, Label.SIGNATURE)
            at = behind
        else:
            at += 1


def _is_short_block(sheet: _Sheet, at: int) -> bool:
    """Does what she wrote from *at* on end within a few lines?"""
    for _ in range(MOST_SIGNATURE_LINES + 1):
        at = sheet.next_text(at)
        if at >= sheet.end or sheet.labels[at] in _NOT_HERS:
            return True
        at += 1
    return False


def _label_device_lines(sheet: _Sheet) -> None:
    """ "Sent from my iPhone" counts only as the last thing that was written before a quote or the end."""
    last = True
    for at in range(sheet.end - 1, -1, -1):
        plain = sheet.lines[at].plain
        if not sheet.is_written(at):
            last = True
        elif plain and last:
            if is_device_line(plain):
                sheet.labels[at] = Label.DEVICE
            elif not is_rule(plain):
                last = False


def _label_rules(sheet: _Sheet) -> None:
    """Lines drawn between the text and a quote go with the quote."""
    for at in range(sheet.end):
        is_open = sheet.is_written(at) and is_rule(sheet.lines[at].plain)
        if is_open and not all(sheet.is_written(place) for place in sheet.around(at)):
            sheet.labels[at] = Label.RULE
