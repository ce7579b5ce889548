"""A value with parameters, as in Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231), read tolerantly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from handlers.charset import text_of
from handlers.encoded_word import decode_words
from handlers.field_value import without_comments

MOST_PARAMETERS = 100

_PIECE = re.compile(r"(.+?)(?:\*(\d{1,3}))?(\*)?")  # name, number of the section, "percent-encoded"


def parameterised(value: str) -> tuple[str, Mapping[str, str]]:
    """`text/plain; charset="utf-8"` → ("text/plain", {"charset": "utf-8"}); names in lower case, values decoded.

    Of two parameters with one name the first counts. A forgotten semicolon before the first parameter and a
    missing closing quote are forgiven.
    """
    head, *rest = _split(value)
    head = without_comments(head).strip()
    named, _, forgotten = head.partition(" ")
    if "=" in forgotten and "/" in named and not forgotten.lstrip().startswith("/"):
        head, rest = named, [*forgotten.split(), *rest]
    sections: dict[str, dict[int, tuple[bool, str]]] = {}
    for piece in rest[:MOST_PARAMETERS]:
        name, equals, text = piece.partition("=")
        found = _PIECE.fullmatch(name.strip().lower())
        if not equals or found is None:
            continue
        number = int(found[2] or 0)
        # A plain name beside RFC 2231's form is the fallback for old programs: the better form wins.
        extended = bool(found[2] or found[3])
        known = sections.setdefault(found[1] + ("*" if extended else ""), {})
        known.setdefault(number, (bool(found[3]), _unquoted(text, found[1])))
    plain = {name: decode_words(by_number[0][1]) for name, by_number in sections.items() if not name.endswith("*")}
    better = {name[:-1]: _joined(by_number) for name, by_number in sections.items() if name.endswith("*")}
    return head, {**plain, **better}


def _split(value: str) -> list[str]:
    """Cut at semicolons outside quotes."""
    if '"' not in value:
        return value.split(";")
    pieces: list[str] = []
    start = 0
    quoted = escaped = False
    for place, character in enumerate(value):
        if escaped:
            escaped = False
        elif character == "\\" and quoted:
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == ";" and not quoted:
            pieces.append(value[start:place])
            start = place + 1
    pieces.append(value[start:])
    return pieces


def _unquoted(text: str, name: str) -> str:
    text = text.strip(" \t")
    if not text.startswith('"'):
        # Programs that forget the quotes write photo (1).jpg; nowhere else do round brackets belong to the value.
        return text if name in ("name", "filename") else without_comments(text).strip()
    out: list[str] = []
    escaped = False
    for character in text[1:]:
        if not escaped and character == "\\":
            escaped = True
            continue
        if not escaped and character == '"':
            break
        out.append(character)
        escaped = False
    return "".join(out)


def _joined(by_number: dict[int, tuple[bool, str]]) -> str:
    """RFC 2231 §3 and §4: numbered sections in order; the first one may name charset and language."""
    charset = ""
    pieces: list[bytes] = []
    for place, number in enumerate(sorted(by_number)):
        encoded, text = by_number[number]
        if encoded and place == 0 and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        pieces.append(unquote_to_bytes(text) if encoded else text.encode("utf-8", "replace"))
    return text_of(b"".join(pieces), charset or "utf-8")
