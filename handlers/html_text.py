"""HTML into the lines that a reader sees, with what mail programs mark as quoted kept apart. Iterative.

The tree is built by selectolax's lexbor, from what `html_guard` lets through.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser, LexborNode

from handlers.html_guard import safe_html
from handlers.html_mark import Effect, effect_of, is_hidden
from handlers.written_line import Line, Mark, line_of
from handlers.written_mark import says_forwarded

_SILENT = frozenset(
    {
        "script",
        "style",
        "head",
        "title",
        "template",
        "noscript",
        "svg",
        "object",
        "iframe",
        "select",
        "textarea",
        "button",
    }
)
_LONGEST_CONTENT_ID = 500
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "wbr"}
)
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "pre", "table", "blockquote"})
_BLOCKS = _PARAGRAPHS | {
    "div", "li", "tr", "dt", "dd", "section", "article", "header", "footer", "main", "aside", "nav", "address",
    "center", "figure", "figcaption", "form", "fieldset", "caption", "body", "details", "summary",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where HTML shows a picture that comes with it."""

    content_id: str  # without angle brackets (RFC 2392)
    line: int  # so many lines stand before it
    quoted: bool  # the mail program says that it is not of this message: a quote, a signature


def html_lines(html: str) -> list[Line]:
    """The visible lines of *html*: links keep their target, list items their number, quotes their depth."""
    return html_lines_and_pictures(html)[0]


def html_lines_and_pictures(html: str) -> tuple[list[Line], list[Place]]:
    """The same, and the pictures between them, in order."""
    body = LexborHTMLParser(safe_html(html)).body
    if body is None:
        return [], []
    walk = _Walk(body)
    return walk.lines(), walk.pictures


class _Walk:
    """One pass over the tree with an explicit stack; lines are written as they end."""

    def __init__(self, body: LexborNode) -> None:
        self._body = body
        self._lines: list[Line] = []
        self._pieces: list[str] = []
        self._depth = 0
        self._mark = Mark.NONE
        self._is_rest = False  # past the point where the program put the answered message
        self._kept_blanks = 0  # inside <pre>
        self._numbers: list[int | None] = []  # of the open lists: the next number, None for bullets
        self._holders = _ancestors_of_quotes(body)
        self.pictures: list[Place] = []

    def lines(self) -> list[Line]:
        stack: list[tuple[LexborNode, _Leave | None]] = [(self._body, None)]
        while stack:
            node, leave = stack.pop()
            if leave is not None:
                self._leave(leave)
            elif node.is_text_node:
                self._text(node.text_content or "")
            elif node.is_element_node and (entered := self._enter(node)) is not None:
                stack.append((node, entered))
                stack.extend((child, None) for child in reversed(list(_children(node))))
        self._end_line()
        return self._lines

    def _enter(self, node: LexborNode) -> _Leave | None:
        """Begin an element; None when nothing of it is shown."""
        tag = node.tag or ""
        if tag in _SILENT:
            return None
        attributes = node.attributes
        if is_hidden(attributes):
            return None
        if tag in _VOID:
            self._void(tag, attributes)
            return None
        style = attributes.get("style") or ""
        leave = _Leave(
            tag,
            depth=self._depth,
            mark=self._mark,
            kept_blanks=self._kept_blanks,
            link=_link_of(tag, attributes),
            pieces=len(self._pieces),
            lines=len(self._lines),
        )
        is_gap = tag in _PARAGRAPHS and not (attributes.get("class") or "").startswith("Mso")
        if tag in _BLOCKS:
            self._end_line()
            leave.is_block = True
            leave.is_gap = is_gap and tag not in ("ul", "ol", "dl")
            if leave.is_gap:
                self._gap()
        self._apply(effect_of(tag, attributes), node, leave)
        if tag == "pre" or "white-space:pre" in style.replace(" ", ""):
            self._kept_blanks += 1
        if tag in ("ul", "ol"):
            self._numbers.append(1 if tag == "ol" else None)
        elif tag == "li":
            self._pieces.append(self._bullet())
        elif tag in ("td", "th") and self._pieces:
            self._pieces.append(" ")
        return leave

    def _apply(self, effect: Effect | None, node: LexborNode, leave: _Leave) -> None:
        if effect is Effect.QUOTE:
            self._depth += 1
        elif effect is Effect.ATTRIBUTION and not _is_forward(node):
            self._mark = Mark.ATTRIBUTION
        elif effect is Effect.SIGNATURE:
            self._mark = Mark.SIGNATURE
        elif effect is Effect.REST:
            self._is_rest = True
        elif effect is Effect.HEAD:
            self._mark = Mark.ATTRIBUTION
            leave.is_head = True
        elif effect is Effect.CONTAINER and node.mem_id not in self._holders and not _is_forward(node):
            # With a blockquote inside, only that is quoted: what stands beside it was written between the quotes.
            self._mark = Mark.BELOW

    def _leave(self, leave: _Leave) -> None:
        if leave.link and leave.lines == len(self._lines):  # a link around whole blocks is a drawn button
            shown = "".join(self._pieces[leave.pieces :])
            if leave.link.removeprefix("https://").removeprefix("http://").rstrip("/") not in shown:
                self._pieces.append(f" <{leave.link}>")
        if leave.tag in ("ul", "ol"):
            self._numbers.pop()
        if leave.is_block:
            self._end_line()
        self._is_rest |= leave.is_head
        self._mark = leave.mark
        self._depth = leave.depth
        self._kept_blanks = leave.kept_blanks
        if leave.is_gap:
            self._gap()

    def _void(self, tag: str, attributes: dict[str, str | None]) -> None:
        if tag == "br":
            self._end_line(keep_empty=True)
        elif tag == "hr":
            self._end_line()
            self._pieces.append("____")
            self._end_line()
        elif tag == "img":
            self._picture(attributes.get("src") or "")
            shown = attributes.get("alt") or ""
            if len(shown) <= 8 and not shown.isascii():
                self._pieces.append(shown)  # an emoji drawn as a picture

    def _picture(self, source: str) -> None:
        if source[:4].lower() != "cid:" or len(source) > _LONGEST_CONTENT_ID:
            return
        line = len(self._lines) + bool("".join(self._pieces).strip())
        quoted = self._depth > 0 or self._current_mark() is not Mark.NONE
        self.pictures.append(Place(unquote(source[4:]).strip(), line, quoted))

    def _bullet(self) -> str:
        number = self._numbers[-1] if self._numbers else None
        if number is None:
            return "- "
        self._numbers[-1] = number + 1
        return f"{number}. "

    def _text(self, content: str) -> None:
        if not self._kept_blanks:
            self._pieces.append(content)
            return
        first, *rest = content.split("\n")
        self._pieces.append(first)
        for line in rest:
            self._end_line(keep_empty=True)
            self._pieces.append(line)

    def _end_line(self, *, keep_empty: bool = False) -> None:
        joined = "".join(self._pieces)
        self._pieces = []
        shown = joined.rstrip() if self._kept_blanks else " ".join(joined.split())
        if shown or keep_empty:
            self._lines.append(line_of(shown, self._lines, depth=self._depth, mark=self._current_mark()))

    def _gap(self) -> None:
        """An empty line between paragraphs, never two."""
        if self._lines and self._lines[-1].text:
            self._lines.append(Line("", self._depth, self._current_mark()))

    def _current_mark(self) -> Mark:
        return Mark.BELOW if self._is_rest and self._mark is Mark.NONE else self._mark


@dataclass(slots=True)
class _Leave:
    """What to put back when an element ends."""

    tag: str
    depth: int
    mark: Mark
    kept_blanks: int
    link: str
    pieces: int  # of the line that was open when the element began
    lines: int
    is_block: bool = False
    is_gap: bool = False
    is_head: bool = False


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.child
    while child is not None:
        yield child
        child = child.next


def _ancestors_of_quotes(body: LexborNode) -> set[int]:
    """Every element that holds a blockquote somewhere inside."""
    found: set[int] = set()
    for quote in body.css("blockquote"):
        holder = quote.parent
        while holder is not None and holder.mem_id not in found:
            found.add(holder.mem_id)
            holder = holder.parent
    return found


def _is_forward(container: LexborNode) -> bool:
    """Does the container begin with "---------- Forwarded message"?"""
    seen = 0
    for node in container.traverse(include_text=True):
        if node.is_text_node and (words := (node.text_content or "").strip()):
            if says_forwarded(words):
                return True
            seen += 1
        if seen >= 3:
            break
    return False


def _link_of(tag: str, attributes: dict[str, str | None]) -> str:
    target = (attributes.get("href") or "").strip() if tag == "a" else ""
    return target if target.startswith(("http://", "https://")) and len(target) <= 500 else ""
