"""What goes out in the place of a message: found, kept, and forgotten when it is of no use any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, select, text
from sqlmodel import Session

from storage.contents import Packed, unpack
from storage.models import Moment
from storage.tables import cleaned_message


@dataclass(frozen=True, slots=True)
class KeptCleaned:
    """raw: None where the original needs nothing. left_out: JSON, see storage.models_cleaned."""

    raw: bytes | None
    left_out: str


_KEEP = text(
    "INSERT INTO cleaned_message (content_id, content, size, compressed, left_out, created_at)"
    " VALUES (:content_id, :content, :size, :compressed, :left_out, :now) ON CONFLICT DO NOTHING RETURNING content_id"
).bindparams(bindparam("now", type_=Moment()))


def cleaned_of(session: Session, content_id: int) -> KeptCleaned | None:
    """None: nobody has looked yet. Raises StorageTrouble for a damaged row."""
    columns = cleaned_message.c
    query = select(columns.content, columns.size, columns.compressed, columns.left_out)
    row = session.connection().execute(query.where(columns.content_id == content_id)).first()
    if row is None:
        return None
    content, size, compressed, left_out = row
    raw = None if content is None else unpack(content, size, compressed, content_id=content_id)
    return KeptCleaned(raw, left_out)


def keep_cleaned(session: Session, *, content_id: int, packed: Packed | None, left_out: str, now: datetime) -> bool:
    """packed: None where the original needs nothing. False: somebody was faster, and hers is what goes out."""
    row = {
        "content_id": content_id,
        "content": packed.content if packed else None,
        "size": packed.size if packed else 0,
        "compressed": bool(packed and packed.compressed),
        "left_out": left_out,
        "now": now,
    }
    return session.connection().execute(_KEEP, row).first() is not None


def forget_cleaned(session: Session, *, before: datetime, limit: int = 100) -> int:
    """Delete at most `limit` that were made before a moment. Returns how many: call again while it is > 0."""
    columns = cleaned_message.c
    old = select(columns.content_id).where(columns.created_at < before).limit(limit)
    return session.connection().execute(delete(cleaned_message).where(columns.content_id.in_(old))).rowcount
