"""What the pictures of posts look like: kept by the message that holds them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, text
from sqlmodel import Session

from storage.tables import picture_look, post

MOST_EARLIER = 200
"""Photos of one thread with which those of an answer are compared."""
_SIGN = 1 << 64

_KEEP = text(
    "INSERT INTO picture_look (content_id, part, sha256, size, width, height, colours, fingerprint) VALUES"
    " (:content_id, :part, :sha256, :size, :width, :height, :colours, :fingerprint) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class KeptLook:
    """One picture of a message. width and height are 0 when nobody could open it."""

    part: int  # its place among the parts of the message
    sha256: bytes
    size: int  # bytes, decoded
    width: int = 0  # pixels
    height: int = 0
    colours: int = 0
    fingerprint: int = 0  # 64 bits


def keep_looks(session: Session, content_id: int, looks: Sequence[KeptLook]) -> None:
    """All pictures of a message, once; where somebody was faster nothing changes."""
    rows = [
        {
            "content_id": content_id,
            "part": each.part,
            "sha256": each.sha256,
            "size": each.size,
            "width": each.width,
            "height": each.height,
            "colours": each.colours,
            "fingerprint": each.fingerprint - _SIGN if each.fingerprint >= _SIGN >> 1 else each.fingerprint,
        }
        for each in looks
    ]
    if rows:
        session.connection().execute(_KEEP, rows)


def looks_of(session: Session, content_id: int) -> dict[int, KeptLook]:
    """By their part; empty when nobody has looked yet."""
    columns = picture_look.c
    query = select(
        columns.part,
        columns.sha256,
        columns.size,
        columns.width,
        columns.height,
        columns.colours,
        columns.fingerprint,
    ).where(columns.content_id == content_id)
    rows = session.connection().execute(query)
    return {row[0]: KeptLook(*row[:-1], fingerprint=row[-1] % _SIGN) for row in rows}


def looked_at(session: Session, content_ids: Collection[int]) -> set[int]:
    """Those of these messages with pictures that somebody has looked at."""
    query = select(picture_look.c.content_id).where(picture_look.c.content_id.in_(content_ids)).distinct()
    return set(session.connection().execute(query).scalars())


def contents_before(session: Session, thread_id: int, post_id: int, *, limit: int) -> list[int]:
    """The messages of the last posts of a thread that came before another one."""
    query = select(post.c.content_id).where(post.c.thread_id == thread_id, post.c.id < post_id)
    return list(session.connection().execute(query.order_by(post.c.id.desc()).limit(limit)).scalars())


def mails_with(session: Session, member_id: int | None, digests: Collection[bytes]) -> dict[bytes, int]:
    """In how many of a member's posts each of these pictures came, as far as they have been looked at."""
    if member_id is None or not digests:
        return {}
    columns = picture_look.c
    query = (
        select(columns.sha256, func.count(post.c.message_id.distinct()))
        .select_from(picture_look.join(post, post.c.content_id == columns.content_id))
        .where(columns.sha256.in_(digests), post.c.member_id == member_id)
        .group_by(columns.sha256)
    )
    return {row[0]: row[1] for row in session.connection().execute(query)}


def fingerprints_before(session: Session, *, thread_id: int, post_id: int, member_id: int | None) -> list[int]:
    """Of the photos that others had sent in a thread before a post of this member."""
    columns = picture_look.c
    query = (
        select(columns.fingerprint)
        .select_from(picture_look.join(post, post.c.content_id == columns.content_id))
        .where(post.c.thread_id == thread_id, post.c.id < post_id, columns.width > 0)
        .where(post.c.member_id.is_distinct_from(member_id))
        .order_by(post.c.id.desc())
        .limit(MOST_EARLIER)
    )
    return [number % _SIGN for number in session.connection().execute(query).scalars()]
