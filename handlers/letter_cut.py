"""An answer to a letter becomes a mail of its own for each conversation: her words and files, nothing of the letter."""

from __future__ import annotations

import hashlib
from binascii import b2a_qp
from collections.abc import Collection, Sequence

from handlers.header_field import header_field, text_tokens
from handlers.message import Message
from handlers.mime import Part, decoded, is_opaque, parts


def cut_answer(
    message: Message,
    text: str,
    *,
    subject: str,
    answers: str,
    message_id: str,
    files: Sequence[bytes],
) -> bytes:
    """The whole message. answers: the Message-ID of the post that it answers. files: parts as they stood.

    message_id "" leaves it without one, as the answer itself was.
    """
    head = [message.field_bytes(field) for field in message.fields if field.name in ("from", "date")]
    head += [
        header_field("Subject", text_tokens(subject)),
        header_field("In-Reply-To", [answers]),
        header_field("References", [answers]),
    ]
    if message_id:
        head.append(header_field("Message-ID", [message_id]))
    return with_body(head, text, files, hashlib.sha256(message.raw).hexdigest()[:40].encode("ascii"))


def with_body(head: Sequence[bytes], text: str, files: Sequence[bytes], boundary: bytes) -> bytes:
    """A whole message. head: fields; files: parts as they stood."""
    head = (*head, header_field("MIME-Version", ["1.0"]))
    body = b2a_qp(text.encode("utf-8")).replace(b"\n", b"\r\n") + b"\r\n"
    plain = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + body
    if not files:
        return b"".join((*head, plain))
    mixed = b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\n'
    pieces = [b"--" + boundary + b"\r\n" + piece + b"\r\n" for piece in (plain, *files)]
    return b"".join((*head, mixed, *pieces, b"--" + boundary + b"--\r\n"))


def own_files(message: Message, ours: Collection[bytes]) -> tuple[bytes, ...]:
    """The files that she sent, as they stand in her mail. ours: SHA-256 of the pictures of our letter."""
    all_parts = parts(message)
    return tuple(
        message.raw[part.start : part.body_end]
        for index, part in enumerate(all_parts)
        if index and _is_file(all_parts, index) and hashlib.sha256(decoded(message, part)).digest() not in ours
    )


def _is_file(all_parts: tuple[Part, ...], index: int) -> bool:
    part = all_parts[index]
    if part.is_multipart or is_opaque(all_parts, index):
        return False
    return not part.content_type.startswith("text/") or part.disposition == "attachment" or bool(part.filename)
