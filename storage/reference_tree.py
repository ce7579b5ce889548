"""The tree of Message-IDs that tells threads apart (RFC 5256 §3, REFERENCES, step 1).

The rows of thread_reference are that tree, kept from post to post: one for each Message-ID that was posted or named,
with the one above it. A thread is one tree. A link that joins two trees makes one thread of two; a late post that
corrects a guessed link takes its part of the tree with it, into a thread of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlmodel import Session

from storage.mutes import copy_mutes, forget_mutes
from storage.prepared import Prepared, PreparedAmong
from storage.tables import letter_entry, post, thread, thread_reference
from storage.thread_marks import copy_marks, forget_marks

_KNOWN = PreparedAmong(
    lambda message_ids: select(
        thread_reference.c.message_id, thread_reference.c.parent, thread_reference.c.thread_id
    ).where(thread_reference.c.list_id == bindparam("list_id"), thread_reference.c.message_id.in_(message_ids))
)
_ADD = Prepared(insert(thread_reference))


class ReferenceTree:
    """The part of one list's tree that one post touches."""

    def __init__(self, session: Session, list_id: int, message_ids: Sequence[str]) -> None:
        self._session = session
        self._list_id = list_id
        self._parent: dict[str, str] = {}
        self._thread: dict[str, int] = {}
        self._new: list[str] = []  # in _parent, not written yet; those not in _thread hang together with no thread yet
        for message_id, parent, thread_id in _KNOWN.rows(session, message_ids, {"list_id": list_id}):
            self._parent[message_id] = parent
            self._thread[message_id] = thread_id

    @property
    def _connection(self) -> Connection:
        return self._session.connection()

    def __contains__(self, message_id: str) -> bool:
        """Was this Message-ID posted or named before?"""
        return message_id in self._parent

    def thread_of(self, message_id: str) -> int:
        """The thread that has this Message-ID, or waits for it; it is in the tree."""
        return self._thread[message_id]

    def is_root(self, message_id: str) -> bool:
        return self._parent[message_id] == ""

    def file(self, message_id: str, chain: Sequence[str], new_thread: Callable[[], int]) -> int:
        """Put a post under the last Message-ID of its chain and return its thread's id."""
        self._link(chain)
        above = chain[-1] if chain else ""
        if message_id not in self._parent:
            self._parent[message_id] = above
            self._new.append(message_id)
            self._give_thread(message_id, self._thread.get(above) or new_thread())
        elif self._parent[message_id] != above:
            self._correct(message_id, above, new_thread)
        self._write_new()
        return self._thread[message_id]

    def _link(self, chain: Sequence[str]) -> None:
        """Each Message-ID of the chain goes under the one before it, unless it has its place already (step 1.A)."""
        above = ""
        for message_id in chain:
            if message_id not in self._parent:
                self._parent[message_id] = above
                self._new.append(message_id)
                if above in self._thread:
                    self._thread[message_id] = self._thread[above]
            elif above and self._may_hang(message_id) and self._thread.get(above) != self._thread[message_id]:
                self._hang(message_id, above)  # in one tree already, it would be a loop
            above = message_id

    def _may_hang(self, message_id: str) -> bool:
        """Only what was named and never came is hung by others: a post knows itself that it answers nothing."""
        here = (post.c.list_id == self._list_id, post.c.message_id == message_id)
        return self.is_root(message_id) and self._connection.execute(select(post.c.id).where(*here)).first() is None

    def _correct(self, message_id: str, above: str, new_thread: Callable[[], int]) -> None:
        """An awaited post has come, and knows better than its answers whom it answers (step 1.B)."""
        self._write_new()
        if self._thread.get(above) == self._thread[message_id] and above not in self._part_below(message_id):
            self._put(message_id, above)
            return
        if not self.is_root(message_id):
            self._part_off(message_id, new_thread)
        if above and self._thread.get(above) != self._thread[message_id]:
            self._hang(message_id, above)

    def _hang(self, root: str, above: str) -> None:
        """Put one tree below a Message-ID of another."""
        if above in self._thread:
            self._merge(self._thread[above], self._thread[root])
        else:
            self._give_thread(above, self._thread[root])
        self._put(root, above)

    def _give_thread(self, message_id: str, thread_id: int) -> None:
        while message_id and message_id not in self._thread:
            self._thread[message_id] = thread_id
            message_id = self._parent[message_id]

    def _merge(self, upper: int, lower: int) -> None:
        """The younger thread becomes part of the older; the subject is that of the upper one."""
        kept, gone = sorted((upper, lower))
        subject = select(thread.c.subject).where(thread.c.id == upper).scalar_subquery()
        self._connection.execute(update(thread).where(thread.c.id == kept).values(subject=subject))
        for table in (post, thread_reference, letter_entry):
            self._connection.execute(update(table).where(table.c.thread_id == gone).values(thread_id=kept))
        for copy, forget in ((copy_marks, forget_marks), (copy_mutes, forget_mutes)):
            copy(self._connection, from_thread=gone, to_thread=kept)
            forget(self._connection, gone)
        self._connection.execute(delete(thread).where(thread.c.id == gone))
        count_posts(self._connection, kept)
        self._thread = {key: kept if value == gone else value for key, value in self._thread.items()}

    def _part_off(self, message_id: str, new_thread: Callable[[], int]) -> None:
        """Make a root of a Message-ID: what is below it leaves the thread with it."""
        old = self._thread[message_id]
        part = self._part_below(message_id)
        self._put(message_id, "")
        posted = self._connection.execute(select(post.c.message_id).where(post.c.thread_id == old)).scalars()
        if not part.issuperset(posted):
            fresh = new_thread()
            for table in (post, thread_reference):
                mine = (table.c.list_id == self._list_id, table.c.message_id.in_(part))
                self._connection.execute(update(table).where(*mine).values(thread_id=fresh))
            copy_marks(self._connection, from_thread=old, to_thread=fresh)
            copy_mutes(self._connection, from_thread=old, to_thread=fresh)
            self._thread.update(dict.fromkeys(part & self._thread.keys(), fresh))
            count_posts(self._connection, old)
            count_posts(self._connection, fresh)
            return
        # what stays behind was only ever named, by the part that leaves it
        left = (thread_reference.c.thread_id == old, thread_reference.c.message_id.not_in(part))
        self._connection.execute(delete(thread_reference).where(*left))

    def _part_below(self, message_id: str) -> set[str]:
        """The Message-ID and all those below it; what is new has been written."""
        below: dict[str, list[str]] = defaultdict(list)
        of_thread = thread_reference.c.thread_id == self._thread[message_id]
        for child, parent in self._connection.execute(
            select(thread_reference.c.message_id, thread_reference.c.parent).where(of_thread)
        ):
            below[parent].append(child)
        part, next_ones = {message_id}, [message_id]
        while next_ones:
            children = set(below[next_ones.pop()]) - part
            part |= children
            next_ones.extend(children)
        return part

    def _put(self, message_id: str, above: str) -> None:
        self._parent[message_id] = above
        row = (thread_reference.c.list_id == self._list_id, thread_reference.c.message_id == message_id)
        self._connection.execute(update(thread_reference).where(*row).values(parent=above))

    def _write_new(self) -> None:
        for key in self._new:
            if key in self._thread:
                named = {"message_id": key, "parent": self._parent[key], "thread_id": self._thread[key]}
                _ADD.rows(self._session, {"list_id": self._list_id, **named})
        self._new = [key for key in self._new if key not in self._thread]


def count_posts(connection: Connection, thread_id: int) -> None:
    """Set the thread's counters from its posts."""
    here = (post.c.thread_id == thread_id, post.c.removed_at.is_(None))
    last = select(func.max(post.c.accepted_at)).where(*here).scalar_subquery()
    connection.execute(
        update(thread)
        .where(thread.c.id == thread_id)
        .values(
            posts=select(func.count()).select_from(post).where(*here).scalar_subquery(),
            last_post_at=func.coalesce(last, thread.c.last_post_at),
        )
    )
