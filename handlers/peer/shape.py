"""What a seal says of a body: how its parts are arranged, and a digest of each (spec/federation.md §2.3).

Digests cover what the parts say rather than their transfer encoding, so a gateway that writes the same body in another
encoding breaks no seal.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from dataclasses import dataclass

from handlers import mime
from handlers.message import MalformedMessage, Message
from handlers.mime import Part
from handlers.peer.control import Unreadable

DEEPEST = 10
MOST_PARTS = 100

_ESCAPED = "%;"


@dataclass(frozen=True, slots=True)
class Contents:
    """`shape` numbers the leaves in order, `mixed(alternative(1,2),3)`; `parts` has a line for each leaf."""

    shape: str
    parts: tuple[str, ...]


NO_CONTENTS = Contents("", ())
"""Of what has no body: a post that is taken back."""


def contents_of(message: Message) -> Contents:
    """Raises Unreadable for a body that is nested too deep, has too many parts, or cannot be read."""
    try:
        all_parts = mime.parts(message)
    except MalformedMessage as malformed:
        raise Unreadable(malformed.reason) from None
    if len(all_parts) > MOST_PARTS or max(part.depth for part in all_parts) > DEEPEST:
        raise Unreadable("the body has too many parts, or is nested too deep")
    lines: list[str] = []
    written = [""] * len(all_parts)
    inside: list[list[int]] = [[] for _ in all_parts]
    for index, part in enumerate(all_parts):
        if part.parent is not None:
            inside[part.parent].append(index)
    for index, part in enumerate(all_parts):
        if not _holds_parts(part, inside[index]):
            lines.append(_line(message, part))
            written[index] = str(len(lines))
    for index in reversed(range(len(all_parts))):  # children stand behind what holds them
        if _holds_parts(all_parts[index], inside[index]):
            subtype = all_parts[index].content_type.partition("/")[2]
            written[index] = f"{subtype}({','.join(written[child] for child in inside[index])})"
    return Contents(written[0], tuple(lines))


def escaped(value: str) -> str:
    """With `%`, `;` and what is no printable character as octets in hexadecimal."""
    return "".join(
        "".join(f"%{octet:02X}" for octet in letter.encode("utf-8", "replace"))
        if letter in _ESCAPED or unicodedata.category(letter)[0] == "C"
        else letter
        for letter in value
    )


def text_digest(text: str) -> str:
    """Of a text as people see it: its blanks at the ends of lines and its empty lines at the end do not count."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    trimmed = [line.rstrip(" \t") for line in lines]
    while trimmed and not trimmed[-1]:
        trimmed.pop()
    return data_digest("".join(f"{line}\n" for line in trimmed).encode("utf-8", "replace"))


def data_digest(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _holds_parts(part: Part, children: list[int]) -> bool:
    return part.is_multipart and bool(children)


def _line(message: Message, part: Part) -> str:
    is_text = part.content_type.startswith("text/")
    digest = text_digest(mime.text(message, part)) if is_text else data_digest(mime.decoded(message, part))
    disposition = part.disposition or "inline"
    return f"{escaped(part.content_type)};{escaped(disposition)};{escaped(part.filename)};{digest}"
