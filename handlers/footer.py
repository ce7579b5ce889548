"""The line at the end of a copy, written in the charset of the part that it stands in."""

from __future__ import annotations

import html
import re

from handlers.charset import codec_named
from handlers.latin import in_latin
from handlers.letter_words import words_of

_LOOK = "margin:1.5em 0 0;font-size:14px;line-height:1.4;color:#666"
_ASCII_ALIKE = "From: <a@b.example>\r\n"
_WIDE = ("utf_16", "utf_32")
_MARKS = {
    b"\xff\xfe\0\0": "utf_32_le",
    b"\0\0\xfe\xff": "utf_32_be",
    b"\xff\xfe": "utf_16_le",
    b"\xfe\xff": "utf_16_be",
}
# The reader of mail takes a wider charset than the one named; the writer keeps to what is named.
_AS_NAMED = {
    "cp1252": ("1252", "latin_1"),
    "gb18030": ("18030", "gb2312"),
    "cp949": ("949", "euc_kr"),
    "cp932": ("932", "shift_jis"),
    "big5hkscs": ("hkscs", "big5"),
}
_LOOKS_WIDE = re.compile(r"16|32|ucs|ebcdic|ibm|cp\d", re.IGNORECASE)


def part_codec(charset: str, decoded: bytes) -> str | None:
    """Python's codec to write into a part with this `charset` and text; None when it is better left alone.

    Without a charset, or with one that nobody knows, that is ASCII; in UTF-16 and UTF-32 the text tells the order
    of the octets (RFC 2781 §3.2).
    """
    codec = codec_named(charset) if charset else "ascii"
    if codec is None:
        return None if _LOOKS_WIDE.search(charset) else "ascii"
    if codec.startswith(_WIDE):
        return _wide_codec(codec, decoded)
    marker, narrow = _AS_NAMED.get(codec, ("", ""))
    if narrow and marker not in charset.lower():
        codec = narrow
    return codec if _ASCII_ALIKE.encode(codec, "replace") == _ASCII_ALIKE.encode("ascii") else None


def closing_text(line: str, *, is_html: bool, language: str) -> str:
    """The paragraph that holds the line; it begins and ends with a line break."""
    if not is_html:
        return f"\r\n{line}\r\n"
    direction = ' dir="rtl"' if words_of(language).direction == "rtl" else ""
    return f'\r\n<p lang="{language}"{direction} style="{_LOOK}">\r\n{html.escape(line, quote=False)}\r\n</p>\r\n'


def written(text: str, codec: str, *, is_html: bool) -> bytes:
    """`text` in the codec; what it lacks becomes a character reference in HTML, a like letter elsewhere."""
    if is_html:
        return text.encode(codec, "xmlcharrefreplace")
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        known = (each if _has(codec, each) else in_latin(each) for each in text)
        return "".join(known).encode(codec, "replace")


def is_writable(text: str, codec: str) -> bool:
    """Does the codec have each letter, or a like one?"""
    return all(_has(codec, each) or _has(codec, in_latin(each)) for each in text)


def _has(codec: str, character: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def _wide_codec(codec: str, decoded: bytes) -> str | None:
    """The codec with its order: as named, by the byte order mark, else by where the zeros of ASCII letters are."""
    if codec.endswith(("_le", "_be")):
        return codec
    for mark, ordered in _MARKS.items():
        if decoded.startswith(mark) and ordered.startswith(codec):
            return ordered
    width = 4 if codec == "utf_32" else 2
    zeros = [place for place, octet in enumerate(decoded[:width]) if octet == 0]
    if zeros == list(range(1, width)):
        return f"{codec}_le"
    return f"{codec}_be" if zeros == list(range(width - 1)) else None
