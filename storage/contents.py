"""Messages as bytes, once for each content (design decision 9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class Packed:
    """A message ready to be stored. Packing takes time for large ones: do it before the transaction."""

    sha256: bytes
    size: int  # bytes before compression
    content: bytes
    compressed: bool


def pack(raw: bytes) -> Packed:
    """Hash and compress, outside any transaction."""
    raise NotImplementedError


def store_content(session: Session, raw: bytes | Packed, now: datetime) -> int:
    """Keep the message and return its id; the same bytes always have the same id."""
    raise NotImplementedError


def read_content(session: Session, content_id: int) -> bytes:
    """The bytes as they were stored. Raises LookupError for an unknown id, StorageTrouble for a damaged row."""
    raise NotImplementedError
