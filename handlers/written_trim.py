"""Which lines of a message its author wrote: everything that a program quoted, announced or signed is labelled.

Every doubtful rule keeps text: losing a person's words is worse than showing a quote twice (spec/people.md §0).
"""

from __future__ import annotations

from dataclasses import dataclass

from handlers.written_known import Original, label_known
from handlers.written_line import SIGNATURE_LINE, Line
from handlers.written_mark import (
    dashed_words,
    has_bracketed_address,
    header_key,
    is_attribution,
    is_colonless_attribution,
    is_dated,
    is_device_line,
    is_keyed,
    is_rule,
    needs_lines_before,
    says_forwarded,
    says_original,
)
from handlers.written_sheet import NOT_HERS, Label, Sheet

MOST_ATTRIBUTION_LINES = 5
LONGEST_ATTRIBUTION = 320
MOST_SIGNATURE_LINES = 12  # under "--" without its blank, which people also draw between two thoughts
MOST_CONTINUATIONS = 3
LONGEST_BLOCK = 30
ONLY_ONCE = ("from", "to", "subject")  # of a header block
FEWEST_FOREIGN, MOST_FOREIGN = 4, 8


def labelled(lines: list[Line], original: Original | None) -> list[Label]:
    """One label for each line."""
    sheet = Sheet(lines)
    _label_heads(sheet)
    if original is not None:
        label_known(sheet, original)
    _label_signature(sheet)
    _label_device_lines(sheet)
    _label_rules(sheet)
    return sheet.labels


def _label_heads(sheet: Sheet) -> None:
    """Label header blocks and attributions, and what hangs below them.

    A forwarded message is the point of its mail: the author's part ends there, and what follows stays whole.
    """
    at = 0
    while (at := sheet.next_text(at)) < len(sheet.lines):
        if not sheet.is_open(at):
            at += 1
            continue
        is_marked_below = sheet.labels[at] is Label.BELOW
        if not is_marked_below and says_forwarded(sheet.lines[at].plain):
            sheet.end = at
            sheet.put(at, len(sheet.lines), Label.WRITTEN)
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
        if is_marked_below:  # the program says itself where that ends
            at = behind
            continue
        if not _quote_follows(sheet, behind) and not _bars_follow(sheet, behind):
            for below in range(behind, len(sheet.lines)):
                if sheet.is_written(below):
                    sheet.labels[below] = Label.BELOW
            return
        at = _bar_quote_end(sheet, behind)


def _head_end(sheet: Sheet, at: int) -> int:
    """Behind the header block or "----- Original Message -----" that begins at *at*; 0 when none does."""
    words = dashed_words(sheet.lines[at].plain)
    if words is not None:
        block = _header_block(sheet, sheet.next_text(at + 1))
        if says_original(words):
            return max(block.end, _colonless_end(sheet, at + 1))
        if block.kinds >= {"from", "sent"} or block.kinds >= {"from", "subject"}:
            return max(block.end, at + 1)
        return at + 1 if is_attribution(words, before_quote=_quote_follows(sheet, at + 1)) else 0
    if sheet.keys[at] is None:
        return _foreign_head_end(sheet, at)
    block = _header_block(sheet, at)
    kinds = block.kinds - {"other"}
    enough = len(kinds) >= 4 or (len(kinds) == 3 and block.is_precise)  # people, too, write From: and To: on a card
    return block.end if enough and "from" in kinds else _foreign_head_end(sheet, at)


def _foreign_head_end(sheet: Sheet, at: int) -> int:
    """Behind header lines in a language that we have no table of: two with an address in brackets, one dated."""
    behind, addresses, dated = at, 0, 0
    if not has_bracketed_address(sheet.lines[at].plain):
        return 0
    while behind < min(at + MOST_FOREIGN, len(sheet.lines)) and sheet.is_open(behind):
        plain = sheet.lines[behind].plain
        if not is_keyed(plain):
            break
        addresses += has_bracketed_address(plain)
        dated += is_dated(plain)
        behind += 1
    return behind if behind - at >= FEWEST_FOREIGN and addresses >= 2 and dated else 0


def _colonless_end(sheet: Sheet, start: int) -> int:
    """Behind header lines written without colons, as one program has them below its "Original Message"."""
    at = start
    while at < len(sheet.lines) and sheet.is_open(at) and header_key(sheet.lines[at].plain.replace(" ", ": ", 1)):
        at += 1
    return at


@dataclass(slots=True)
class _Block:
    end: int
    kinds: set[str]
    is_precise: bool = False  # it holds an address, or a date in figures


def _header_block(sheet: Sheet, start: int) -> _Block:
    """Copied header lines from *start* on: single blank lines and wrapped values between them belong to it."""
    block = _Block(start, set())
    strangers = 0
    for at in range(start, min(start + LONGEST_BLOCK, len(sheet.lines))):
        kind = sheet.keys[at]
        if not sheet.is_open(at) or strangers > MOST_CONTINUATIONS:
            break
        if kind is not None:
            if kind in block.kinds and kind in ONLY_ONCE:
                break
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


def _attribution_start(sheet: Sheet, end: int) -> int | None:
    """Where the attribution begins whose last line is *end*; None when that line ends none."""
    before_quote = _quote_follows(sheet, end + 1)
    has_colon = sheet.lines[end].plain.rstrip("*_ ").endswith((":", "："))
    if not has_colon and not before_quote and not _bars_follow(sheet, end + 1):
        return None
    goes_on = False
    for start in range(end, max(end - MOST_ATTRIBUTION_LINES, -1), -1):
        if not sheet.is_open(start):
            return None
        if not sheet.lines[start].plain:
            if start < end and sheet.lines[start + 1].plain == "<":  # the address, on lines of its own
                continue
            return None
        text = " ".join(line.plain for line in sheet.lines[start : end + 1])
        if len(text) > LONGEST_ATTRIBUTION:
            return None
        if not has_colon:
            if is_colonless_attribution(text):
                return start
            continue
        if needs_lines_before(text, _lines_above(sheet, start, end)):
            goes_on = True
            continue
        may_begin = goes_on or _may_begin(sheet.lines[start].plain, alone=start == end and before_quote)
        if may_begin and is_attribution(text, before_quote=before_quote):
            return start
    return None


def _lines_above(sheet: Sheet, start: int, end: int) -> list[str]:
    """The lines above *start* to which an attribution that ends at *end* may reach, the nearest first."""
    above: list[str] = []
    for at in range(start - 1, max(end - MOST_ATTRIBUTION_LINES, -1), -1):
        plain = sheet.lines[at].plain
        if not sheet.is_open(at) or not (plain or sheet.lines[at + 1].plain == "<"):
            break
        above.append(plain)
    return above


def _may_begin(first: str, *, alone: bool) -> bool:
    """An attribution begins with a date or an address; a short one right above its quote need not."""
    return alone or "@" in first or first.endswith("<") or any(character.isdigit() for character in first)


def _quote_follows(sheet: Sheet, at: int) -> bool:
    at = sheet.next_text(at)
    return at < len(sheet.lines) and sheet.labels[at] is Label.QUOTED


def _bars_follow(sheet: Sheet, at: int) -> bool:
    at = sheet.next_text(at)
    return at < len(sheet.lines) and sheet.is_written(at) and sheet.lines[at].plain.startswith("|")


def _bar_quote_end(sheet: Sheet, at: int) -> int:
    """Some programs quote with bars; they count only right under an attribution, for people draw tables with them."""
    at = sheet.next_text(at)
    while at < len(sheet.lines) and sheet.is_written(at) and sheet.lines[at].plain.startswith("|"):
        sheet.labels[at] = Label.QUOTED
        at += 1
    return at


def _label_signature(sheet: Sheet) -> None:
    """RFC 3676 §4.3: "-- " opens the signature; it ends where something quoted begins."""
    at = 0
    while at < sheet.end:
        if not sheet.is_written(at) or sheet.lines[at].plain not in ("--", "—", "–"):
            at += 1
            continue
        exact = sheet.lines[at].text == SIGNATURE_LINE
        if exact or _is_short_block(sheet, at + 1):
            behind = at
            while behind < sheet.end and sheet.labels[behind] not in NOT_HERS:
                behind += 1
            sheet.put(at, behind, Label.SIGNATURE)
            at = behind
        else:
            at += 1


def _is_short_block(sheet: Sheet, at: int) -> bool:
    """Does what she wrote from *at* on end within a few lines?"""
    for _ in range(MOST_SIGNATURE_LINES + 1):
        at = sheet.next_text(at)
        if at >= sheet.end or sheet.labels[at] in NOT_HERS:
            return True
        at += 1
    return False


def _label_device_lines(sheet: Sheet) -> None:
    """ "Sent from my iPhone" counts only as the last thing that was written before a quote or the end."""
    last = True
    for at in range(sheet.end - 1, -1, -1):
        plain = sheet.lines[at].plain
        if not sheet.is_written(at):
            last = True
        elif plain and last and not is_rule(plain):
            last = is_device_line(plain)
            if last:
                sheet.labels[at] = Label.DEVICE


def _label_rules(sheet: Sheet) -> None:
    """Lines drawn between the text and a quote go with the quote."""
    for at in range(sheet.end):
        is_open = sheet.is_written(at) and is_rule(sheet.lines[at].plain)
        if is_open and not all(sheet.is_written(place) for place in sheet.around(at)):
            sheet.labels[at] = Label.RULE
