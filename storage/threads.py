"""Threads: which one a post belongs to, by Message-IDs in whatever order the posts come, else by other signs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, case, insert, select, update
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from storage.models import Thread
from storage.prepared import Prepared, is_on_postgresql
from storage.reference_tree import ReferenceTree, count_posts
from storage.tables import mailing_list, post, thread
from storage.thread_marks import has_mark, index_mark, remember_marks, subject_mark

LONGEST_CHAIN = 100
"""How many Message-IDs of a References field are looked at: the first one and the last ones."""

_LOCK_LIST = select(mailing_list.c.id).where(mailing_list.c.id == bindparam("list_id")).with_for_update(key_share=True)
_POSTED = Prepared(
    select(post.c.id).where(post.c.list_id == bindparam("list_id"), post.c.message_id == bindparam("message_id"))
)
_LAST_POST = Prepared(
    select(post.c.message_id).where(post.c.thread_id == bindparam("thread_id")).order_by(post.c.id.desc()).limit(1)
)
_NEW_THREAD = Prepared(insert(thread).returning(thread.c.id))
_ONE_MORE = Prepared(
    update(thread)
    .where(thread.c.id == bindparam("thread_id"))
    .values(
        posts=thread.c.posts + 1,
        last_post_at=case((thread.c.last_post_at < bindparam("now"), bindparam("now")), else_=thread.c.last_post_at),
    )
)


@dataclass(frozen=True, slots=True)
class Signs:
    """What tells the thread of a post beside Message-IDs."""

    base_subject: str  # without response and forward prefixes, folded
    written_at: datetime  # its Date
    index_root: str = ""  # of its Thread-Index
    thread_id: Callable[[], int | None] = lambda: None  # asked when no Message-ID leads to a thread

    @property
    def marks(self) -> list[str]:
        index = [index_mark(self.index_root)] if self.index_root else []
        return [subject_mark(self.base_subject), *index]


class DuplicateMessageId(Exception):
    """The list has a post of this Message-ID already: mint another one and store again."""


def file_post(
    session: Session,
    *,
    list_id: int,
    message_id: str,
    references: Sequence[str],
    in_reply_to: str = "",
    subject: str,
    signs: Signs,
    now: datetime,
) -> int:
    """File one more post and return its thread's id; counts it in Thread.posts and last_post_at.

    references: oldest first. message_id is new to the list, or awaited by an answer that came first. What the list
    knows of in_reply_to counts most; then the references, where that thread was written to under the same base
    subject: some programs keep them when somebody begins something else. Where neither leads anywhere, the signs do.
    """
    if is_on_postgresql(session):
        session.connection().execute(_LOCK_LIST, {"list_id": list_id})  # one at a time links its posts
    chain, above = _chain(message_id, references), "" if in_reply_to == message_id else in_reply_to
    tree = ReferenceTree(session, list_id, [*chain, above, message_id])
    chain = _leading(session, tree, list_id, chain, above, signs.base_subject)
    awaited = message_id in tree
    if awaited and is_posted(session, list_id, message_id):
        raise DuplicateMessageId(message_id)
    if not awaited and not any(reference in tree for reference in chain) and (beside := signs.thread_id()):
        chain = [_last_post(session, beside), *chain]
        tree = ReferenceTree(session, list_id, chain)

    started: list[int] = []

    def new_thread() -> int:
        row = {"list_id": list_id, "subject": subject, "posts": 1, "last_post_at": now, "created_at": now}
        started.append(_NEW_THREAD.number(session, row))
        return started[0]

    thread_id = tree.file(message_id, chain, new_thread)
    if awaited or not started:  # else it is the one post of its thread
        _ONE_MORE.rows(session, {"thread_id": thread_id, "now": now})
    if awaited and tree.is_root(message_id):
        session.connection().execute(update(thread).where(thread.c.id == thread_id).values(subject=subject))
    remember_marks(session, list_id=list_id, thread_id=thread_id, marks=signs.marks, written_at=signs.written_at)
    return thread_id


def _leading(
    session: Session, tree: ReferenceTree, list_id: int, chain: list[str], in_reply_to: str, base_subject: str
) -> list[str]:
    """Those of the Message-IDs above a post that can be believed."""
    known = [place for place, reference in enumerate(chain) if reference in tree]
    if not known:
        return [*chain, in_reply_to] if in_reply_to and (in_reply_to in tree or not chain) else chain
    thread_id = tree.thread_of(chain[known[-1]])
    if in_reply_to in tree:
        return chain if tree.thread_of(in_reply_to) == thread_id else [in_reply_to]
    is_same = has_mark(session, list_id=list_id, thread_id=thread_id, mark=subject_mark(base_subject))
    return chain if is_same else chain[known[-1] + 1 :]


def _last_post(session: Session, thread_id: int) -> str:
    """Its Message-ID."""
    row = _LAST_POST.first(session, {"thread_id": thread_id})
    return str(row[0]) if row else ""


def unfile_post(session: Session, thread_id: int) -> None:
    """One post of the thread was removed: count again."""
    count_posts(session.connection(), thread_id)


def is_posted(session: Session, list_id: int, message_id: str) -> bool:
    """Has the list a post of this Message-ID, removed ones too?"""
    return _POSTED.first(session, {"list_id": list_id, "message_id": message_id}) is not None


def thread_by_id(session: Session, thread_id: int) -> Thread | None:
    return session.get(Thread, thread_id)


def threads_of(session: Session, list_id: int, *, limit: int = 1000) -> list[Thread]:
    """The threads of a list that have posts, the one written to last first."""
    query = select_rows(Thread).where(Thread.list_id == list_id, col(Thread.posts) > 0)
    return list(session.exec(query.order_by(col(Thread.last_post_at).desc(), col(Thread.id).desc()).limit(limit)))


def _chain(message_id: str, references: Sequence[str]) -> list[str]:
    """The Message-IDs above a post, root first; one that is named twice counts where it is named last."""
    named = list(dict.fromkeys(reversed([reference for reference in references if reference not in ("", message_id)])))
    if len(named) > LONGEST_CHAIN:
        named[LONGEST_CHAIN - 1 :] = named[-1:]
    return named[::-1]
