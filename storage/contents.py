"""Messages as bytes, once for each content (design decision 9)."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from datetime import datetime

import zstandard
from sqlalchemy import bindparam, select, text
from sqlmodel import Session

from storage.models import Moment
from storage.prepared import Prepared
from storage.tables import message
from storage.trouble import StorageTrouble

WORTH_COMPRESSING = 1024
"""Bytes. Below, zstd (RFC 8878) saves nothing that is worth the time."""

SHORT = 64 * 1024
"""Bytes, up to which a compressor is kept for the next message."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A message ready to be stored. Packing takes time for large ones: do it before the transaction."""

    sha256: bytes
    size: int  # bytes before compression
    content: bytes
    compressed: bool


class _ForShort(threading.local):
    """A compressor for each thread: to make one takes as long as to pack a short mail. After a long one it is large."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor()


_FOR_SHORT = _ForShort()


def pack(raw: bytes) -> Packed:
    """Hash and compress, outside any transaction."""
    content = raw
    if len(raw) >= WORTH_COMPRESSING:
        content = _FOR_SHORT.compressor.compress(raw) if len(raw) <= SHORT else zstandard.compress(raw)
    smaller = len(content) < len(raw)
    return Packed(hashlib.sha256(raw).digest(), len(raw), content if smaller else raw, smaller)


_STORE = Prepared(
    text(
        "INSERT INTO message (sha256, size, content, compressed, created_at)"
        " VALUES (:sha256, :size, :content, :compressed, :now) ON CONFLICT DO NOTHING RETURNING id"
    ).bindparams(bindparam("now", type_=Moment()))
)
_ID = select(message.c.id).where(message.c.sha256 == bindparam("sha256"))
_READ = select(message.c.content, message.c.size, message.c.compressed).where(message.c.id == bindparam("id"))


def store_content(session: Session, raw: bytes | Packed, now: datetime) -> int:
    """Keep the message and return its id; the same bytes always have the same id."""
    packed = pack(raw) if isinstance(raw, bytes) else raw
    row = {
        "sha256": packed.sha256,
        "size": packed.size,
        "content": packed.content,
        "compressed": packed.compressed,
        "now": now,
    }
    stored = _STORE.first(session, row)
    content_id: int = stored[0] if stored else session.connection().execute(_ID, {"sha256": packed.sha256}).scalar_one()
    return content_id


def read_content(session: Session, content_id: int) -> bytes:
    """The bytes as they were stored. Raises LookupError for an unknown id, StorageTrouble for a damaged row."""
    row = session.connection().execute(_READ, {"id": content_id}).first()
    if row is None:
        raise LookupError(f"no message {content_id}")
    content, size, compressed = row
    return unpack(content, size, compressed, content_id=content_id)


def unpack(content: bytes, size: int, compressed: bool, *, content_id: int) -> bytes:
    """What `pack` packed. Raises StorageTrouble for a damaged row."""
    if not compressed:
        return bytes(content)
    try:
        # the frame says how large it becomes: believed only when it is what we packed
        if zstandard.frame_content_size(content) == size:
            return zstandard.decompress(content)
    except zstandard.ZstdError:
        pass
    raise StorageTrouble(f"message {content_id} is damaged: restore a backup")
