"""A text as the lines that a reader sees, with the depth of quoting; HTML and plain text alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_QUOTE_SIGNS = re.compile(r"[ \t]{0,3}(?:>[ \t]?)+")
_ENTITY = re.compile(
    r"&(?:(lt|#60|#x3c)|(gt|#62|#x3e)|(nbsp|#160|#xa0)|(quot|#34|#x22)|(amp|#38|#x26));", re.IGNORECASE
)
_ENTITY_TEXTS = ("<", ">", "\xa0", '"', "&")
_BLANKS = re.compile(r"[ \t\r\n]+")
_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9:-]{0,40})")
_LINE_ENDING_TAG = re.compile(
    "address|article|aside|blockquote|body|center|d[dlt]|div|footer|form|h[1-6r]|head|header|html|li|main|nav|[ou]l|p|pre"
    "|section|table|tbody|tfoot|thead|title|tr"
)
_CELLS = frozenset({"td", "th"})


@dataclass(slots=True)
class Line:
    """One line without its quote signs; `depth` counts them and the blockquotes around it."""

    depth: int
    text: str = ""

    @property
    def is_blank(self) -> bool:
        return not self.text.strip(" \t\xa0\xc2")


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a place of the text stands among the lines: `lines[line].text[start:end]`."""

    line: int
    start: int
    end: int
    in_tag: bool = False  # an address in an attribute: it is not shown, and has no length


def text_lines(text: str, places: Sequence[tuple[int, int]]) -> tuple[list[Line], list[Mark]]:
    """The lines of plain `text`, and for each place (start, end; in order) where it is."""
    lines: list[Line] = []
    marks: list[Mark] = []
    begin = 0
    ahead = 0
    for whole in text.split("\n"):
        signs = _QUOTE_SIGNS.match(whole)
        skipped = signs.end() if signs else 0
        lines.append(Line(signs[0].count(">") if signs else 0, whole[skipped:].rstrip("\r")))
        while ahead < len(places) and places[ahead][0] <= begin + len(whole):
            start, end = (place - begin - skipped for place in places[ahead])
            marks.append(Mark(len(lines) - 1, start, end))
            ahead += 1
        begin += len(whole) + 1
    return lines, marks


def html_lines(html: str, places: Sequence[tuple[int, int]]) -> tuple[list[Line], list[Mark]]:
    """The same for HTML, read tolerantly."""
    page = _Page(html, places)
    at = 0
    while at < len(html):
        tag = html.find("<", at)
        if tag == -1:
            tag = len(html)
        page.add_text(at, tag)
        if tag == len(html):
            break
        at = page.add_tag(tag)
    return page.finished()


@dataclass(slots=True)
class _Page:
    html: str
    places: Sequence[tuple[int, int]]
    lines: list[Line] = field(default_factory=lambda: [Line(0)])
    marks: list[Mark] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)  # of the line that is being read
    length: int = 0  # of these pieces
    has_text: bool = False  # among them
    blockquotes: int = 0
    preformatted: int = 0
    no_more: set[str] = field(default_factory=set)  # endings that do not come any more

    def add_text(self, start: int, end: int) -> None:
        """What stands between two tags, cut at the places in it."""
        while len(self.marks) < len(self.places) and self.places[len(self.marks)][0] < end:
            first, last = self.places[len(self.marks)]
            self._show(start, first)
            begin = self.length
            self._show(first, min(last, end))
            self.marks.append(Mark(len(self.lines) - 1, begin, self.length))
            start = min(last, end)
        self._show(start, end)

    def add_tag(self, start: int) -> int:
        """Read the tag or comment at `start`; where the text goes on."""
        html = self.html
        if html.startswith("<!--", start):
            return self._skip(start, "-->")
        found = _NAME.match(html, start + 1)
        if found is None and html[start + 1 : start + 2] not in ("!", "?", "/"):
            self._add("<")
            return start + 1
        end = self._skip(start, ">")
        if found is not None:
            self._obey(found[1].lower(), opens=html[start + 1] != "/")
        return end

    def finished(self) -> tuple[list[Line], list[Mark]]:
        self._end_line()
        return self.lines, self.marks

    def _skip(self, start: int, ending: str) -> int:
        """Where `ending` is past; places on the way are in a tag, and shown nowhere."""
        found = -1 if ending in self.no_more else self.html.find(ending, start)
        if found == -1:
            self.no_more.add(ending)
        end = len(self.html) if found == -1 else found + len(ending)
        while len(self.marks) < len(self.places) and self.places[len(self.marks)][0] < end:
            self.marks.append(Mark(len(self.lines) - 1, self.length, self.length, in_tag=True))
        return end

    def _obey(self, name: str, *, opens: bool) -> None:
        if name in _CELLS:
            self._add(" ")
        elif name == "br" or (self.has_text and _LINE_ENDING_TAG.fullmatch(name)):
            self._end_line()
        if name == "blockquote":
            self.blockquotes = max(0, self.blockquotes + (1 if opens else -1))
        elif name == "pre":
            self.preformatted = max(0, self.preformatted + (1 if opens else -1))

    def _show(self, start: int, end: int) -> None:
        if start >= end:
            return
        shown = _ENTITY.sub(lambda found: _ENTITY_TEXTS[(found.lastindex or 1) - 1], self.html[start:end])
        if not self.preformatted:
            self._add(_BLANKS.sub(" ", shown))
            return
        first, *others = shown.split("\n")
        self._add(first.rstrip("\r"))
        for line in others:
            self._end_line()
            self._add(line.rstrip("\r"))

    def _add(self, text: str) -> None:
        self.pieces.append(text)
        self.length += len(text)
        self.has_text = self.has_text or bool(text.strip())

    def _end_line(self) -> None:
        """Take the line that is read, and begin the next one."""
        text = "".join(self.pieces)
        signs = _QUOTE_SIGNS.match(text)
        skipped = signs.end() if signs else len(text) - len(text.lstrip(" "))
        number = len(self.lines) - 1
        self.lines[number] = Line(self.blockquotes + (signs[0].count(">") if signs else 0), text[skipped:])
        for place in range(len(self.marks) - 1, -1, -1):
            mark = self.marks[place]
            if mark.line != number:
                break
            start, end = max(0, mark.start - skipped), max(0, mark.end - skipped)
            self.marks[place] = Mark(number, start, end, mark.in_tag)
        self.pieces.clear()
        self.length = 0
        self.has_text = False
        self.lines.append(Line(self.blockquotes))
