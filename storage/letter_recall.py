"""Letters that wait to be sent and shall not go out as they are: taken out of the queue, as if never written.

What they would have brought is new to their readers again, so the next letters that are written bring what is left.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, bindparam, case, delete, or_, select, update
from sqlmodel import Session

from storage.letter_buttons import wish_for_letter
from storage.queue import DUE, HELD
from storage.repeats import give_back
from storage.tables import delivery, letter, letter_edition, letter_entry, letter_reader

_AT_ONCE = 1000


def recall_letters_with(session: Session, *, post_id: int, thread_id: int, now: datetime) -> int:
    """The ones in which a post may stand, be it as the line of what came before. Returns how many."""
    in_entries = select(letter_entry.c.edition_id).where(
        letter_entry.c.thread_id == thread_id, letter_entry.c.last_post_id >= post_id
    )
    remembered = select(letter_edition.c.id).where(letter_edition.c.memory_post_id == post_id)
    return _recall(session, select(letter.c.id).where(letter.c.edition_id.in_(in_entries.union(remembered))), now)


def recall_letters_of(session: Session, membership_id: int, now: datetime) -> int:
    """Those of one reader. Returns how many had news for her, and not only what she may have had before."""
    return _recall(session, select(letter.c.id).where(letter.c.membership_id == membership_id), now)


_EARLIER = (
    update(letter_reader)
    .where(letter_reader.c.membership_id == bindparam("of_membership"))
    .values(
        read_to=case(
            (letter_reader.c.read_to < bindparam("before"), letter_reader.c.read_to), else_=bindparam("before")
        ),
        letters=letter_reader.c.letters - 1,
    )
)


def _recall(session: Session, letter_ids: Select[tuple[int]], now: datetime) -> int:
    connection = session.connection()
    waiting = delete(delivery).where(delivery.c.letter_id.in_(letter_ids), or_(DUE, HELD))
    ids = list(connection.execute(waiting.returning(delivery.c.letter_id)).scalars())
    with_news = 0
    for start in range(0, len(ids), _AT_ONCE):
        these = letter.c.id.in_(ids[start : start + _AT_ONCE])
        rows = connection.execute(
            select(letter.c.id, letter.c.membership_id, letter.c.read_from, letter.c.day, letter_edition.c.rest_of)
            .join(letter_edition, letter_edition.c.id == letter.c.edition_id)
            .where(these)
        ).all()
        again = give_back(session, ids[start : start + _AT_ONCE])
        rows = [row for row in rows if row.id not in again]
        with_news += len(rows)
        earlier = [{"of_membership": row.membership_id, "before": row.read_from} for row in rows]
        if earlier:
            connection.execute(_EARLIER, earlier)
        for row in rows:
            if row.day is None:  # she had asked for it
                wish_for_letter(session, membership_id=row.membership_id, edition_id=row.rest_of, now=now)
        connection.execute(delete(letter).where(these))
    return with_news
