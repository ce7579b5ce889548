"""Header fields that we write ourselves: every value of ours passes `header_field`."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Sequence

LONGEST_NAME = 80  # characters of a display name
_SHORTEST_NAME = 20  # so many of a name stay, however long the place behind it
_WIDTH = 78  # RFC 5322 §2.1.1
_LONGEST_TOKEN = 996
_LONGEST_WORD = 75  # RFC 2047 §2
_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_ADDRESS = re.compile(r"[<(\[]?(?:mailto:)?[^\s<>()\[\],;:@\"]{1,64}@[^\s<>()\[\],;:@\"]{1,255}[>)\]]?")
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|<[^<>]*>")
_VIA = re.compile(r"\s+via\s.*", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r"[\"\\<>()\[\]@]")
_JOINERS = "\u200c\u200d"  # Persian words and families of emoji need them


def header_field(name: str, tokens: Sequence[str]) -> bytes:
    """`Name: token token …` CRLF, folded between tokens to 78 characters where it can be (RFC 5322 §2.2.3).

    Raises ValueError for a token that could end the field or its line: our fault, never to be repaired silently.
    """
    lines = [f"{name}:"]
    for token in tokens:
        if _CONTROLS.search(token) or len(token.encode("utf-8")) > _LONGEST_TOKEN:
            raise ValueError(f"{token[:100]!r} cannot stand in {name}")
        if len(lines[-1]) + 1 + len(token) > _WIDTH and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += " " + token
    return "\r\n".join(lines).encode("utf-8") + b"\r\n"  # beyond ASCII only in Message-IDs (RFC 6532 §3.3)


def mailbox_tokens(name: str, address: str) -> list[str]:
    """`"Name" <address>` as tokens for `header_field`, `<address>` without a name (RFC 5322 §3.4)."""
    return [*(phrase_tokens(name) if plain_text(name) else ()), f"<{address}>"]


def phrase_tokens(text: str) -> list[str]:
    """A phrase: one quoted string, or encoded words where ASCII is not enough (RFC 5322 §3.2.5, RFC 2047 §5)."""
    clean = plain_text(text)
    if clean.isascii() and "=?" not in clean:
        escaped = clean.replace("\\", "\\\\").replace('"', '\\"')
        return [f'"{escaped}"']
    return _encoded_words(clean)


def text_tokens(text: str) -> list[str]:
    """The words of a Subject: as they are, or encoded where ASCII is not enough (RFC 5322 §2.2.1, RFC 2047 §5)."""
    words = text.split()
    if text.isascii() and "=?" not in text:
        return words
    return _encoded_words(" ".join(words))


def display_name(name: str, *, otherwise: str) -> str:
    """A person's name as others may see it: no address, nothing in brackets, no "via"; `otherwise` if none is left."""
    plain = _BRACKETED.sub(" ", _ADDRESS.sub(" ", plain_text(name)))
    person = " ".join(_NOT_IN_NAMES.sub(" ", _VIA.sub("", plain)).split()).strip(" ,;:'-")
    return person or plain_text(otherwise)


def plain_text(text: str) -> str:
    """`text` on one line, without controls and direction marks, and not longer than a name should be."""
    shown = "".join(_shown(each) for each in unicodedata.normalize("NFC", text[: 4 * LONGEST_NAME]))
    words = " ".join(shown.split())
    return _cut(words, LONGEST_NAME)


def name_and_place(name: str, place: str) -> str:
    """`Anna Lindqvist (Family)`. Of what is too long for a display name the name is cut, not the brackets."""
    room = max(LONGEST_NAME - len(f" ({place})"), _SHORTEST_NAME)
    return f"{_cut(plain_text(name), room)} ({place})"


def _cut(words: str, room: int) -> str:
    return words if len(words) <= room else words[: room - 1].rstrip() + "…"


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    return "" if category in ("Cf", "Cs", "Co", "Cn") and character not in _JOINERS else character


def _encoded_words(text: str) -> list[str]:
    """RFC 2047 §4.1: UTF-8 in base64, no character cut in two; the blank between two words is not shown."""
    room = (_LONGEST_WORD - len("=?utf-8?b??=")) // 4 * 3
    pieces = [b""]
    for character in text:
        octets = character.encode("utf-8")
        if len(pieces[-1]) + len(octets) > room:
            pieces.append(b"")
        pieces[-1] += octets
    return [f"=?utf-8?b?{base64.b64encode(piece).decode('ascii')}?=" for piece in pieces]
