"""HTML that a tree builder would choke on, flattened before it is parsed.

Lexbor takes quadratic time on very deep nesting and on tags with very many attributes, and copies every formatting
element that stays open into each block that follows.
"""

from __future__ import annotations

import html as entities
import re

LARGEST_HTML = 1_000_000  # characters; embedded pictures are taken out first
DEEPEST = 1_000
MOST_ATTRIBUTES = 3_000
MOST_COPIES = 500_000  # open formatting elements × elements

_DATA_URI = re.compile(r"data:[a-z]+/[^\"'\s>]+", re.IGNORECASE)
_TAG_START = re.compile(r"<(/?)([a-zA-Z][^\s/>]{0,20})")
_TAG_REST = re.compile(r"(?:[^\"'>]++|\"[^\"]*+\"|'[^']*+')*+>")
_ANY_TAG = re.compile(r"<[^<>]*>")
# Elements without an end, or whose end is often left out without nesting any deeper.
_UNNESTED = frozenset(
    {
        "area", "base", "body", "br", "col", "colgroup", "dd", "dt", "embed", "head", "hr", "html", "img", "input",
        "li", "link", "meta", "option", "p", "param", "source", "tbody", "td", "tfoot", "th", "thead", "tr", "wbr",
    }
)  # fmt: skip
_FORMATTING = frozenset(
    {"a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"}
)


def safe_html(html: str) -> str:
    """*html* as it is, or its bare text when a tree of it would be too deep or too large."""
    html = _DATA_URI.sub("", html.encode("utf-8", "replace").decode("utf-8"))[:LARGEST_HTML]
    if not _is_bomb(html):
        return html
    bare = entities.unescape(_ANY_TAG.sub("\n", html))
    return entities.escape(bare).replace("\n", "<br>")


def _is_bomb(html: str) -> bool:
    open_tags: dict[str, int] = {}
    depth = formatting = most_formatting = elements = 0
    start = _TAG_START.search(html)
    while start is not None:
        rest = _TAG_REST.match(html, start.end())
        if rest is None:  # the tag never ends: nothing behind it is a tag
            break
        if rest.end() - start.end() > MOST_ATTRIBUTES and _attributes(rest[0]) > MOST_ATTRIBUTES:
            return True
        tag = start[2].lower()
        step = -1 if start[1] else 1
        elements += step == 1
        if tag not in _UNNESTED and (step == 1 or open_tags.get(tag)):
            open_tags[tag] = open_tags.get(tag, 0) + step
            depth += step
            if tag in _FORMATTING:
                formatting += step
                most_formatting = max(most_formatting, formatting)
            if depth > DEEPEST:
                return True
        start = _TAG_START.search(html, rest.end())
    return most_formatting * elements > MOST_COPIES


def _attributes(tag: str) -> int:
    return len(tag.split()) + tag.count("=") + tag.count("/")
