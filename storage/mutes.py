"""Conversations that members want to hear no more of: neither in copies nor in letters."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, not_, select
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from storage.models import DeliveryMode, Membership, Status, Thread
from storage.models_mutes import MutedThread
from storage.prepared import Prepared
from storage.queue import DUE
from storage.tables import delivery, membership, muted_thread, post, thread

THREAD = bindparam("thread_id", type_=muted_thread.c.thread_id.type)
NOT_MUTED = membership.c.member_id.not_in(select(muted_thread.c.member_id).where(muted_thread.c.thread_id == THREAD))
"""Whose membership it is has not muted the thread of the parameter `thread_id`."""

_IS_MUTED = Prepared(select(muted_thread.c.member_id).where(muted_thread.c.thread_id == THREAD).limit(1))


def mute(session: Session, *, member_id: int, thread_id: int, now: datetime) -> bool:
    """Her copies of it that still wait are dropped. False when she had muted it before."""
    if session.get(MutedThread, (thread_id, member_id)) is not None:
        return False
    session.add(MutedThread(thread_id=thread_id, member_id=member_id, muted_at=now))
    session.flush()
    posts = select(post.c.id).where(post.c.thread_id == thread_id)
    hers = (delivery.c.member_id == member_id, delivery.c.post_id.in_(posts), DUE)
    session.connection().execute(delete(delivery).where(*hers))
    return True


def unmute(session: Session, *, member_id: int, thread_id: int) -> bool:
    """From now on she gets it again. False when she had not muted it."""
    row = session.get(MutedThread, (thread_id, member_id))
    if row is None:
        return False
    session.delete(row)
    session.flush()
    return True


def muted_threads(session: Session, member_id: int) -> list[Thread]:
    """What one member has muted, the oldest first."""
    query = select_rows(Thread).join(MutedThread, col(MutedThread.thread_id) == col(Thread.id))
    return list(session.exec(query.where(MutedThread.member_id == member_id).order_by(col(Thread.id))))


def muted_on_list(session: Session, list_id: int) -> dict[int, frozenset[int]]:
    """member id → ids of the list's threads that she has muted."""
    found: dict[int, set[int]] = defaultdict(set)
    rows = select(muted_thread.c.member_id, muted_thread.c.thread_id).join(
        thread, thread.c.id == muted_thread.c.thread_id
    )
    for member_id, thread_id in session.connection().execute(rows.where(thread.c.list_id == list_id)):
        found[member_id].add(thread_id)
    return {member_id: frozenset(threads) for member_id, threads in found.items()}


def copies_kept_back(session: Session, *, list_id: int, thread_id: int) -> list[Membership]:
    """Who would get copies of a thread's posts, had she not muted it."""
    if _IS_MUTED.first(session, {"thread_id": thread_id}) is None:
        return []
    query = (
        select_rows(Membership)
        .join(MutedThread, col(MutedThread.member_id) == col(Membership.member_id))
        .where(MutedThread.thread_id == thread_id, Membership.list_id == list_id)
        .where(Membership.status == Status.ACTIVE, Membership.delivery == DeliveryMode.EACH)
    )
    return list(session.exec(query))


def copy_mutes(connection: Connection, *, from_thread: int, to_thread: int) -> None:
    """What becomes a part of a thread, or leaves it, stays muted."""
    known = select(muted_thread.c.member_id).where(muted_thread.c.thread_id == to_thread)
    rows = select(bindparam("to", to_thread), muted_thread.c.member_id, muted_thread.c.muted_at)
    rows = rows.where(muted_thread.c.thread_id == from_thread, not_(muted_thread.c.member_id.in_(known)))
    connection.execute(insert(muted_thread).from_select(["thread_id", "member_id", "muted_at"], rows))


def forget_mutes(connection: Connection, thread_id: int) -> None:
    connection.execute(delete(muted_thread).where(muted_thread.c.thread_id == thread_id))
