"""The words of an address field (RFC 5322 §3.2), in one pass: atoms, quoted strings, comments, specials."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

DEEPEST_COMMENT = 10

Kind = Literal["atom", "quoted", "comment", "literal", "special", "blank", "broken"]

_PLAIN = re.compile(r"[^\s()<>\[\]:;@\\,.\"]+")
_BLANK = re.compile(r"\s+")


class Token(NamedTuple):
    """`text` has quotes, brackets of comments and escapes taken off; "literal" keeps its square brackets."""

    kind: Kind
    text: str
    depth: int = 0  # of a comment: how deep comments nest inside it


def tokens(value: str) -> list[Token]:
    """Cut *value*. What has no end (a quote, a comment) is one "broken" token up to the end of the value."""
    found: list[Token] = []
    at = 0
    while at < len(value):
        character = value[at]
        if match := _PLAIN.match(value, at):
            found.append(Token("atom", match[0]))
            at = match.end()
        elif match := _BLANK.match(value, at):
            found.append(Token("blank", " "))
            at = match.end()
        elif character == '"':
            text, at = _until(value, at, '"')
            found.append(Token("quoted" if at else "broken", text))
        elif character == "(":
            text, depth, at = _comment(value, at)
            found.append(Token("comment" if at else "broken", text, depth))
        elif character == "[":
            text, at = _until(value, at, "]")
            found.append(Token("literal", f"[{text}]") if at else Token("broken", text))
        else:
            found.append(Token("special", character))
            at += 1
        if not at:
            break
    return found


def _until(value: str, start: int, closing: str) -> tuple[str, int]:
    """The text up to *closing*, escapes undone, and the place behind it; place 0 when it never comes."""
    out: list[str] = []
    escaped = False
    for place in range(start + 1, len(value)):
        character = value[place]
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
            continue
        elif character == closing:
            return "".join(out), place + 1
        out.append(character)
    return "".join(out), 0


def _comment(value: str, start: int) -> tuple[str, int, int]:
    """A comment with all comments inside it: text, nesting depth, the place behind it (0 when it has no end)."""
    out: list[str] = []
    depth = deepest = 0
    escaped = False
    for place in range(start, len(value)):
        character = value[place]
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
            continue
        elif character == "(":
            depth += 1
            deepest = max(deepest, depth)
            if depth == 1:
                continue
        elif character == ")":
            depth -= 1
            if depth == 0:
                return "".join(out), deepest, place + 1
        out.append(character)
    return "".join(out), deepest, 0
