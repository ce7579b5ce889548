"""With the answered text known: its lines are found again, marked or not, and what stands between them is hers."""

from __future__ import annotations

from handlers.written_line import words_of
from handlers.written_sheet import NOT_HERS, Label, Sheet

SHINGLE = 4
MOST_GAP_LINES = 3
LONGEST_ADDITION = 12


class Original:
    """The text that was answered, in the forms in which its lines are found again."""

    def __init__(self, text: str) -> None:
        self._lines: set[str] = set()
        every: list[str] = []
        for line in text.splitlines():
            words = words_of(line)
            self._lines.add(_form(line, words))
            every += words
        self._phrases = {
            tuple(every[at : at + size]) for size in range(1, SHINGLE + 1) for at in range(len(every) - size + 1)
        }

    def holds(self, words: list[str]) -> bool:
        """Is a line with these words surely one of the original's, perhaps wrapped anew? Short ones never are."""
        joined = " ".join(words)
        if joined in self._lines:
            return len(words) >= SHINGLE or len(joined) >= 24
        if len(words) < SHINGLE or self._was_added_to(words):
            return False
        shingles = _shingles(words)
        return sum(1 for shingle in shingles if shingle in self._phrases) >= 0.6 * len(shingles)

    def has_line(self, plain: str, words: list[str]) -> bool:
        return _form(plain, words) in self._lines

    def is_whole_in(self, forms: set[str]) -> bool:
        """Do most lines of the original stand there? One line alone says nothing: people repeat each other."""
        own = self._lines - {""}
        return len(own) >= 2 and len(own & forms) >= 0.6 * len(own)

    def has_phrase(self, words: list[str]) -> bool:
        """Do these words follow each other in the original?"""
        return tuple(words) in self._phrases if len(words) < SHINGLE else self._phrases.issuperset(_shingles(words))

    def goes_on(self, before: list[str], words: list[str]) -> bool:
        """Do these words stand in the original right behind those of the line before?"""
        return len(before) >= SHINGLE and self.has_phrase(before[1 - SHINGLE :] + words)

    def _was_added_to(self, words: list[str]) -> bool:
        """Is this a line of the original with an answer typed behind it?"""
        fewest = max(SHINGLE, len(words) - LONGEST_ADDITION)
        return any(" ".join(words[:size]) in self._lines for size in range(len(words) - 1, fewest - 1, -1))


def label_known(sheet: Sheet, original: Original) -> None:
    """Find the original's own lines again, and with them what the author wrote between them.

    Where the program set the original apart (below a head, or by quote marks), unmarked lines are the author's,
    even when she says the same again.
    """
    words = [words_of(line.plain) for line in sheet.lines]
    found = _found(sheet, words, original)
    below = [at for at in range(sheet.end) if sheet.labels[at] is Label.BELOW]
    written = [at for at in range(sheet.end) if sheet.is_written(at)]
    if any(found[at] for at in below):
        # When little of what hangs below is this original, it is another message: then it stays cut.
        if sum(found[at] for at in below) * 4 >= sum(1 for at in below if words[at]):
            _sort_out(sheet, below, words, found, original)
    elif any(found[at] and sheet.lines[at].depth for at in range(sheet.end)):
        for at in written:
            if found[at] and at and sheet.lines[at - 1].depth:
                sheet.labels[at] = Label.QUOTED  # a quoted line, wrapped without a mark of its own
    elif original.is_whole_in({_form(sheet.lines[at].plain, words[at]) for at in written}):
        _sort_out(sheet, written, words, found, original)
    else:
        for at in written:
            if found[at] and not _alone(sheet, at, words[at], found):
                sheet.labels[at] = Label.QUOTED
        for order in (range(sheet.end), range(sheet.end - 1, -1, -1)):
            _spread(sheet, order, words, original)
    _close_gaps(sheet, words, original)


def _found(sheet: Sheet, words: list[list[str]], original: Original) -> list[bool]:
    """Which lines are the original's: by themselves, or as the short rest of one that was wrapped anew."""
    found: list[bool] = []
    for at in range(sheet.end):
        is_rest = at > 0 and found[-1] and 0 < len(words[at]) < SHINGLE
        found.append(original.holds(words[at]) or (is_rest and original.goes_on(words[at - 1], words[at])))
    return found


def _sort_out(sheet: Sheet, places: list[int], words: list[list[str]], found: list[bool], original: Original) -> None:
    """The original is here, unmarked: whatever is a line of it is quoted, the rest was written into it."""
    for at in places:
        plain = sheet.lines[at].plain
        quoted = found[at] or (plain and original.has_line(plain, words[at]))
        sheet.labels[at] = Label.QUOTED if quoted else Label.WRITTEN


def _spread(sheet: Sheet, order: range, words: list[list[str]], original: Original) -> None:
    """Short lines of the original beside its long ones ("Dear all,", "Love, Anna") are quoted as well."""
    beside = False
    for at in order:
        plain = sheet.lines[at].plain
        if not plain or sheet.lines[at].depth:
            continue
        if beside and sheet.is_written(at) and original.has_line(plain, words[at]):
            sheet.labels[at] = Label.QUOTED
        beside = sheet.labels[at] is Label.QUOTED


def _alone(sheet: Sheet, at: int, words: list[str], found: list[bool]) -> bool:
    """A short line that also stands in the original, far from any quote: people say the same things to each other."""
    if len(words) >= 8 or len(sheet.lines[at].plain) >= 40:
        return False
    near = [place for place in sheet.around(at) if place < sheet.end]
    return not any(found[place] or sheet.labels[place] in NOT_HERS for place in near)


def _close_gaps(sheet: Sheet, words: list[list[str]], original: Original) -> None:
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


def _shingles(words: list[str]) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)]


def _form(line: str, words: list[str]) -> str:
    """What two lines must share to be the same; a line without words (an emoji, a drawn rule) is itself."""
    return " ".join(words) or line.strip()
