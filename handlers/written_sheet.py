"""The lines of one text with a label for each: whose words they are."""

from __future__ import annotations

from enum import Enum

from handlers.written_line import Line, Mark
from handlers.written_mark import header_key


class Label(Enum):
    WRITTEN = "written"
    QUOTED = "quoted"
    HEAD = "head"  # copied header lines, "----- Original Message -----"
    ATTRIBUTION = "attribution"
    BELOW = "below"  # not marked, but under a head: quoted unless we know better
    SIGNATURE = "signature"
    DEVICE = "device"
    RULE = "rule"


NOT_HERS = (Label.QUOTED, Label.HEAD, Label.ATTRIBUTION, Label.BELOW)
_FROM_MARK = {
    Mark.ATTRIBUTION: Label.ATTRIBUTION,
    Mark.SIGNATURE: Label.SIGNATURE,
    Mark.BELOW: Label.BELOW,
}


class Sheet:
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

    def is_open(self, at: int) -> bool:
        """Not quoted by a mark of its own: hers, or below something that says what follows."""
        return self.labels[at] in (Label.WRITTEN, Label.BELOW)

    def put(self, start: int, behind: int, label: Label) -> None:
        self.labels[start:behind] = [label] * (behind - start)
