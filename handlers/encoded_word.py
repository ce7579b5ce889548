"""Text beyond ASCII in header fields (RFC 2047), read in one pass and never refused."""

from __future__ import annotations

import binascii

from handlers.charset import codec_named, text_of

_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_NOT_BASE64 = bytes(byte for byte in range(256) if byte not in _BASE64 and byte != ord("="))
# A line break or a control must not reach our own fields or a terminal, least of all out of an encoded word.
_CONTROLS = dict.fromkeys((*range(0x20), 0x7F, 0x85, 0x2028, 0x2029), " ")


def decode_words(text: str) -> str:
    """*text* (an unfolded field value) with its encoded words decoded.

    Blanks between two encoded words vanish (RFC 2047 §6.2). Bytes of neighbouring words of one charset are joined
    before they are decoded, because many programs cut a character in two. What cannot be read stays as it is.
    Controls become blanks.
    """
    decoded = _decoded(text) if "=?" in text else text
    return decoded if decoded.isprintable() else decoded.translate(_CONTROLS)


def _decoded(text: str) -> str:
    out: list[str] = []
    pending: list[bytes] = []  # bytes of a run of words in one charset
    pending_charset = ""
    at = 0  # everything before is written or pending
    start = text.find("=?")
    while start != -1:
        word = _word_at(text, start)
        if word is None:
            start = text.find("=?", start + 2)
            continue
        charset, data, end = word
        gap = text[at:start]
        joins = bool(pending) and not gap.strip(" \t\r\n")
        if pending and not (joins and charset == pending_charset):
            out.append(text_of(b"".join(pending), pending_charset))
            pending = []
        if not joins:
            out.append(gap)
        pending.append(data)
        pending_charset = charset
        at = end
        start = text.find("=?", end)
    if pending:
        out.append(text_of(b"".join(pending), pending_charset))
    out.append(text[at:])
    return "".join(out)


def base64_bytes(data: bytes) -> bytes:
    """The bytes of base64 *data*: foreign characters, missing and misplaced padding are forgiven (RFC 2045 §6.8)."""
    clean = data.translate(None, _NOT_BASE64)
    out: list[bytes] = []
    for run in clean.split(b"="):  # padding in the middle: several encoded pieces, one after the other
        usable = len(run) - (len(run) % 4 == 1)
        if usable:
            out.append(binascii.a2b_base64(run[:usable] + b"=" * (-usable % 4)))
    return b"".join(out)


def _word_at(text: str, start: int) -> tuple[str, bytes, int] | None:
    """The encoded word that begins at *start*: charset, bytes, end; None when there is none."""
    charset_end = text.find("?", start + 2, start + 80)
    if charset_end <= start + 2 or text[charset_end + 2 : charset_end + 3] != "?":
        return None
    how = text[charset_end + 1 : charset_end + 2].lower()
    if how not in ("b", "q"):
        return None
    begin = charset_end + 3
    following = text.find("=?", begin)
    # Padding makes "=?=": there the next "=?" overlaps with the end of this word.
    end = text.find("?=", begin, following + 3 if following != -1 else len(text))
    if end == -1:
        return None
    charset = text[start + 2 : charset_end].partition("*")[0].lower()  # RFC 2231 §5: charset*language
    if any(blank in charset for blank in " \t\r\n"):
        return None
    encoded = text[begin:end]
    source = encoded.encode("ascii") if encoded.isascii() else _raw(encoded, charset)
    data = base64_bytes(source) if how == "b" else binascii.a2b_qp(source, header=True)
    return charset, data, end + 2


def _raw(encoded: str, charset: str) -> bytes:
    """Eight-bit characters that stand, against the rules, inside a word: back to the bytes that they came from."""
    try:
        return encoded.encode(codec_named(charset) or "utf-8")
    except (UnicodeError, ValueError):
        return encoded.encode("utf-8", "replace")
