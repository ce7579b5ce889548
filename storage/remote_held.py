"""What a list lets in of other servers' posts, and those of them that wait for a decision there."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, func, update
from sqlmodel import Session, col, select

from storage.contents import store_content
from storage.erasing import REMOVED
from storage.models import DeliveryState, HeldPost, HeldState, Post
from storage.models_remote import HeldRemote, RemotePosts, RemoteRule, RemoteTrust
from storage.models_travel import RemoteAuthor, RemotePost
from storage.tables import delivery

_NOT_SENT = (DeliveryState.DUE, DeliveryState.DEFERRED, DeliveryState.HELD)


def rule_of(session: Session, list_id: int) -> RemotePosts:
    row = session.get(RemoteRule, list_id)
    return row.posts if row else RemotePosts.ACCEPT


def set_rule(session: Session, *, list_id: int, posts: RemotePosts) -> None:
    """From now on. Of whom somebody had said "always" is forgotten: they are asked about again."""
    session.merge(RemoteRule(list_id=list_id, posts=posts))
    session.exec(update(RemoteTrust).where(col(RemoteTrust.list_id) == list_id).values(always=False))
    session.flush()


def trust(session: Session, *, list_id: int, alias: str, always: bool, now: datetime) -> None:
    """A post of hers may go out. always: and all that she will write."""
    known = session.get(RemoteTrust, (list_id, alias))
    row = known or RemoteTrust(list_id=list_id, alias=alias, always=always, said_at=now)
    row.always = row.always or always
    session.add(row)
    session.flush()


def is_trusted(session: Session, *, list_id: int, alias: str) -> bool:
    """Has somebody said "always" of her?"""
    row = session.get(RemoteTrust, (list_id, alias))
    return row is not None and row.always


def has_posted(session: Session, *, list_id: int, alias: str) -> bool:
    """Has a post of hers gone out on this list?"""
    if session.get(RemoteTrust, (list_id, alias)) is not None:
        return True
    query = select(RemotePost.post_id).join(Post).where(RemotePost.alias == alias, Post.list_id == list_id)
    return session.exec(query.limit(1)).first() is not None


def note_held(
    session: Session,
    *,
    held_id: int,
    author: RemoteAuthor,
    key: str,
    rev: int,
    way: str,
    sealed_content_id: int,
    keep_until: datetime,
) -> None:
    """What waits under this number came from another server. sealed_content_id: as it came, to be let out later."""
    row = HeldRemote(
        held_id=held_id,
        origin=author.origin,
        key=key,
        rev=rev,
        alias=author.alias,
        way=way,
        sealed_content_id=sealed_content_id,
        keep_until=keep_until,
    )
    session.add(row)
    session.flush()


def held_remote(session: Session, held_id: int) -> tuple[HeldRemote, RemoteAuthor] | None:
    """None for what came from anybody else."""
    query = select(HeldRemote, RemoteAuthor).where(HeldRemote.held_id == held_id)
    return session.exec(query.where(RemoteAuthor.alias == HeldRemote.alias)).first()


def held_form(session: Session, *, list_id: int, origin: str, key: str) -> tuple[HeldPost, HeldRemote] | None:
    """The form of a post that waited on this list, whatever was decided about it."""
    query = select(HeldPost, HeldRemote).where(HeldRemote.origin == origin, HeldRemote.key == key)
    return session.exec(query.where(HeldPost.id == HeldRemote.held_id, HeldPost.list_id == list_id)).first()


def replace_held(
    session: Session,
    held: HeldPost,
    form: HeldRemote,
    *,
    content_id: int,
    sealed_content_id: int,
    subject: str,
    rev: int,
) -> set[int]:
    """Its author has changed it. Returns the ids of the messages that it was."""
    before = {held.content_id, form.sealed_content_id}
    held.content_id, held.subject = content_id, subject
    form.sealed_content_id, form.rev = sealed_content_id, rev
    session.flush()
    return before


def waiting_of_server(session: Session, *, list_id: int, origin: str) -> int:
    """How many of its posts wait on this list."""
    waiting = (HeldPost.list_id == list_id, HeldPost.state == HeldState.WAITING, HeldRemote.origin == origin)
    return session.exec(select(func.count()).where(HeldPost.id == HeldRemote.held_id, *waiting)).one()


def held_of_key(session: Session, *, origin: str, key: str) -> list[int]:
    """Under which numbers a post waits, or waited, on our lists."""
    query = select(HeldRemote.held_id).where(HeldRemote.origin == origin, HeldRemote.key == key)
    return list(session.exec(query))


def held_of_server(session: Session, *, space: str, origin: str) -> list[int]:
    query = select(HeldRemote.held_id).where(HeldRemote.origin == origin, RemoteAuthor.alias == HeldRemote.alias)
    return list(session.exec(query.where(RemoteAuthor.space == space)))


def held_too_long(session: Session, *, now: datetime, limit: int = 100) -> list[int]:
    """What its author's server lets nobody keep any longer."""
    return list(session.exec(select(HeldRemote.held_id).where(col(HeldRemote.keep_until) < now).limit(limit)))


def empty_held(session: Session, held_ids: Collection[int], now: datetime) -> set[int]:
    """Of posts that waited nothing is left but that they did; letters about them that have not left yet do not leave.

    Returns the ids of the messages that they were (storage.unused).
    """
    forms = session.exec(select(HeldRemote).where(col(HeldRemote.held_id).in_(held_ids))).all()
    gone = {form.sealed_content_id for form in forms}
    for form in forms:
        held = session.get_one(HeldPost, form.held_id)
        gone |= {held.content_id, *_letters_about(session, form.held_id)}
        if held.state is HeldState.WAITING:
            held.state, held.decided_at = HeldState.DISCARDED, now
        held.author, held.subject, held.content_id = "", "", store_content(session, REMOVED, now)
        session.delete(form)
    session.flush()
    return gone


def _letters_about(session: Session, held_id: int) -> list[int]:
    causes = (delivery.c.cause.in_([f"held:{held_id}", f"held:{held_id}:again"]), delivery.c.state.in_(_NOT_SENT))
    gone = delete(delivery).where(*causes).returning(delivery.c.content_id)
    return list(session.connection().execute(gone).scalars())
