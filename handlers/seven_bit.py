"""A message in lines of seven bits, for a next hop that takes no others (RFC 6152 §3); what it says stays the same."""

from __future__ import annotations

import binascii
import re

from handlers.message import Message
from handlers.mime import Part, is_opaque, parts

_PLAIN = frozenset({"7bit", "8bit", "binary"})
_ENCODING = re.compile(rb"^content-transfer-encoding[ \t]*:.*(?:\r\n[ \t].*)*\r\n", re.IGNORECASE | re.MULTILINE)
_VERSION = re.compile(rb"^mime-version[ \t]*:", re.IGNORECASE | re.MULTILINE)
_BASE64_LINE = 57  # octets that make 76 characters (RFC 2045 §6.8)


def seven_bit(message: Message) -> bytes:
    """The message with every part of 8 bits in quoted-printable, or in base64 when it is no text (RFC 2045 §6).

    What is signed, encrypted or a message of its own keeps its bytes, and so may keep 8 bits. Raises
    MalformedMessage over the caps of spec/mail.md §2.2.
    """
    all_parts = parts(message)
    pieces: list[bytes] = []
    at = 0
    for place, part in enumerate(all_parts):
        if part.encoding not in _PLAIN or is_opaque(all_parts, place):
            continue
        header, body = message.raw[part.start : part.body_start], message.raw[part.body_start : part.body_end]
        if part.is_multipart:
            if part.encoding == "7bit":
                continue
            encoding, end = b"7bit", part.body_start  # its parts come by themselves
            changed = b""
        elif body.isascii() or part.content_type.startswith("message/"):  # RFC 2046 §5.2.1
            continue
        else:
            encoding, changed = _encoded(part, body)
            end = part.body_end
        pieces += (message.raw[at : part.start], _with_encoding(header, encoding, is_root=part.parent is None), changed)
        at = end
    return b"".join((*pieces, message.raw[at:]))


def _encoded(part: Part, body: bytes) -> tuple[bytes, bytes]:
    if part.content_type.startswith("text/"):
        coded = binascii.b2a_qp(body, istext=True)
        # It breaks long lines as the first line of `body` ends, and where there is none with LF alone.
        return b"quoted-printable", coded if b"\r\n" in body else coded.replace(b"=\n", b"=\r\n")
    lines = [binascii.b2a_base64(body[n : n + _BASE64_LINE], newline=False) for n in range(0, len(body), _BASE64_LINE)]
    return b"base64", b"\r\n".join(lines)


def _with_encoding(header: bytes, encoding: bytes, *, is_root: bool) -> bytes:
    """`header`, its empty line included, with another Content-Transfer-Encoding."""
    field = b"Content-Transfer-Encoding: " + encoding + b"\r\n"
    if is_root and not _VERSION.search(header):
        field = b"MIME-Version: 1.0\r\n" + field  # without it, nobody need undo the encoding (RFC 2045 §4)
    kept = _ENCODING.sub(b"", header)
    return kept.removesuffix(b"\r\n") + field + b"\r\n"
