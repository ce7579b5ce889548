"""Posts that came from other servers, and their authors under aliases of ours (spec/federation.md §2.4)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, func, update
from sqlmodel import Session, col, select

from storage.models import Delivery, Member, Membership, Post, Status
from storage.models_travel import RemoteAuthor, RemoteBlock, RemoteLetter, RemotePost


def remote_author(
    session: Session, *, space: str, origin: str, token: str, name: str, list_name: str, alias: str, now: datetime
) -> RemoteAuthor:
    """Whom readers see; `alias` becomes hers where she has none. Her name is the one that she used last."""
    query = select(RemoteAuthor).where(
        RemoteAuthor.space == space, RemoteAuthor.origin == origin, RemoteAuthor.token == token
    )
    row = session.exec(query).first()
    if row is None:
        row = RemoteAuthor(
            alias=alias, space=space, origin=origin, token=token, name=name, list_name=list_name, created_at=now
        )
        session.add(row)
    row.name, row.list_name = name, list_name
    session.flush()
    return row


def remote_author_of(session: Session, alias: str) -> RemoteAuthor | None:
    return session.get(RemoteAuthor, alias)


def add_letter(session: Session, *, alias: str, writer_id: int, list_id: int, content_id: int, now: datetime) -> None:
    """A private mail that is to leave."""
    session.add(RemoteLetter(alias=alias, writer_id=writer_id, list_id=list_id, content_id=content_id, created_at=now))
    session.flush()


def waiting_letters(session: Session, *, limit: int = 20) -> list[RemoteLetter]:
    query = select(RemoteLetter).where(col(RemoteLetter.left_at).is_(None)).order_by(col(RemoteLetter.id))
    return list(session.exec(query.limit(limit)))


def letter_left(session: Session, letter_id: int, now: datetime) -> None:
    session.get_one(RemoteLetter, letter_id).left_at = now
    session.flush()


def letters_since(session: Session, *, writer_id: int, since: datetime) -> int:
    query = select(func.count()).where(RemoteLetter.writer_id == writer_id, col(RemoteLetter.created_at) > since)
    return session.exec(query).one()


def forget_letters(session: Session, *, before: datetime, limit: int = 500) -> list[int]:
    """Private mails that left before a moment are nobody else's. Returns the ids of the messages that they were."""
    query = select(RemoteLetter).where(col(RemoteLetter.left_at) < before).limit(limit)
    rows = session.exec(query).all()
    for row in rows:
        session.delete(row)
    session.flush()
    return [row.content_id for row in rows]


def is_blocked(session: Session, *, member_id: int, alias: str) -> bool:
    return session.get(RemoteBlock, (member_id, alias)) is not None


def set_block(session: Session, *, member_id: int, alias: str, blocks: bool, now: datetime) -> None:
    row = session.get(RemoteBlock, (member_id, alias))
    if blocks and row is None:
        session.add(RemoteBlock(member_id=member_id, alias=alias, created_at=now))
    if not blocks and row is not None:
        session.delete(row)
    session.flush()


def note_remote_post(
    session: Session, *, post_id: int, author: RemoteAuthor, key: str, rev: int, keep_until: datetime
) -> None:
    session.add(
        RemotePost(
            post_id=post_id,
            space=author.space,
            origin=author.origin,
            key=key,
            rev=rev,
            keep_until=keep_until,
            alias=author.alias,
        )
    )
    session.flush()


def remote_post_of(session: Session, post_id: int) -> tuple[RemotePost, RemoteAuthor] | None:
    """Where a post came from; None for one that was written here."""
    query = select(RemotePost, RemoteAuthor).where(
        RemotePost.post_id == post_id, RemoteAuthor.alias == RemotePost.alias
    )
    return session.exec(query).first()


def posts_of_key(session: Session, *, origin: str, key: str) -> list[Post]:
    """What we keep of a post of another server, on each of our lists that is in the space."""
    query = select(Post).where(RemotePost.origin == origin, RemotePost.key == key, Post.id == RemotePost.post_id)
    return list(session.exec(query.order_by(col(Post.id))))


def replace_post(session: Session, *, post_id: int, content_id: int, subject: str, rev: int) -> None:
    """Its author has changed it. What waits in the queue goes out in the new form."""
    row, post = session.get_one(RemotePost, post_id), session.get_one(Post, post_id)
    row.rev = rev
    post.content_id, post.subject = content_id, subject
    session.flush()
    session.exec(update(Delivery).where(col(Delivery.post_id) == post_id).values(content_id=content_id))


def hold_back(session: Session, *, post_id: int, carriers: Collection[str]) -> None:
    """Who has named one of the servers that carry this post as her home gets it there, and here no copy."""
    if carriers:
        elsewhere = select(Member.id).where(col(Member.home).in_(carriers))
        held_back = (col(Delivery.post_id) == post_id, col(Delivery.member_id).in_(elsewhere))
        session.exec(delete(Delivery).where(*held_back))
        session.get_one(RemotePost, post_id).carriers = f" {' '.join(sorted(carriers))} "
        session.flush()


def homes_on_list(session: Session, list_id: int) -> dict[int, str]:
    """By member of the list, the server that is her home for spaces; only of who has named one."""
    query = select(Membership.member_id, Member.home).where(Membership.list_id == list_id, Member.home != "")
    return dict(session.exec(query.where(Member.id == Membership.member_id)).all())


def carried_by(session: Session, domain: str, *, after: int) -> frozenset[int]:
    """Ids of posts behind the one of id `after` that a server has brought to its own members, too."""
    carried = col(RemotePost.carriers).contains(f" {domain} ", autoescape=True)
    return frozenset(session.exec(select(RemotePost.post_id).where(col(RemotePost.post_id) > after, carried)))


def members_at_home_elsewhere(session: Session, *, list_id: int) -> list[Member]:
    """Active members of a list who have named another server as their home."""
    query = select(Member).where(Membership.list_id == list_id, Membership.status == Status.ACTIVE)
    query = query.where(Member.id == Membership.member_id, Member.home != "")
    return list(session.exec(query.order_by(col(Member.id))))


def posts_of_server(session: Session, *, space: str, origin: str) -> list[int]:
    """Ids of all that we keep of one server's posts in a space."""
    query = select(RemotePost.post_id).where(RemotePost.space == space, RemotePost.origin == origin)
    return list(session.exec(query))


def kept_too_long(session: Session, *, now: datetime, limit: int = 100) -> list[int]:
    """Ids of posts whose time in our archive is over."""
    query = select(RemotePost.post_id).where(col(RemotePost.keep_until) < now, Post.id == RemotePost.post_id)
    return list(session.exec(query.where(col(Post.removed_at).is_(None)).limit(limit)))
