"""Letters: who reads them and how far hers have come, and the row that lets no second one go out a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, exists, func, insert, select, text
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from storage.contents import store_content
from storage.models import DeliveryMode, DeliveryState, Membership, Status
from storage.models_letters import Letter, LetterEdition, LetterEntry, LetterReader
from storage.news import newest_post
from storage.repeats import forget_of_letters
from storage.tables import address, delivery, letter, mailing_list, member, membership
from storage.tables import letter_reader as reader

IN_LETTERS = (DeliveryMode.DAILY, DeliveryMode.WEEKLY)


@dataclass(frozen=True, slots=True)
class ReaderGroup:
    """Readers of one list whose letter is due at the same moments. weekly: some of them get one a week."""

    list_id: int
    timezone: str
    hour: int
    weekly: bool = False


@dataclass(frozen=True, slots=True)
class ReaderRow:
    """One member who gets letters of one list, and how far they have come."""

    membership_id: int
    member_id: int
    name: str
    address: str
    language: str
    timezone: str
    hour: int
    delivery: DeliveryMode
    weekday: int
    own_posts: bool
    read_to: int  # id of the last post that she has had; 0 before her first letter
    letters: int

    @property
    def weekly(self) -> bool:
        return self.delivery is DeliveryMode.WEEKLY


@dataclass(frozen=True, slots=True)
class NewEntry:
    number: int
    thread_id: int
    first_post_id: int
    last_post_id: int
    title: str
    shown: bool


@dataclass(frozen=True, slots=True)
class NewLetter:
    """One letter that is to be sent."""

    edition_id: int
    reader: ReaderRow
    day: date | None
    message_id: str
    read_to: int  # how far they will have come


def reader_groups(session: Session) -> list[ReaderGroup]:
    """Of all lists that are in use."""
    is_weekly = case((membership.c.delivery == DeliveryMode.WEEKLY, 1), else_=0)
    query = (
        select(membership.c.list_id, member.c.timezone, member.c.hour, func.max(is_weekly))
        .select_from(
            membership.join(member, member.c.id == membership.c.member_id).join(
                mailing_list, mailing_list.c.id == membership.c.list_id
            )
        )
        .where(_reads_letters(), mailing_list.c.removed_at.is_(None))
        .group_by(membership.c.list_id, member.c.timezone, member.c.hour)
        .order_by(membership.c.list_id)
    )
    rows = session.connection().execute(query)
    return [ReaderGroup(list_id, zone, hour, weekly=bool(weekly)) for list_id, zone, hour, weekly in rows]


def due_readers(
    session: Session,
    group: ReaderGroup,
    *,
    day: date,
    newest: int | None,
    after: int,
    limit: int,
    weekly_only: bool = False,
) -> list[ReaderRow]:
    """Those of a group who may have news and have had no letter of this day, by membership id, behind `after`.

    newest: id of the last post that could be in it; None: also who has had all of them. Weekly readers only on their
    day of the week. weekly_only: the day is over, and the daily ones' letter comes with that of today.
    """
    had = exists().where(letter.c.membership_id == membership.c.id, letter.c.day == day)
    hers = (membership.c.delivery == DeliveryMode.WEEKLY) & (membership.c.weekday == day.weekday())
    query = _readers(group.list_id).where(
        member.c.timezone == group.timezone,
        member.c.hour == group.hour,
        hers if weekly_only else hers | (membership.c.delivery == DeliveryMode.DAILY),
        ~had,
    )
    if newest is not None:
        query = query.where(func.coalesce(reader.c.read_to, 0) < newest)
    return _rows(session, query, after, limit)


def all_readers(session: Session, list_id: int, *, newest: int, after: int, limit: int) -> list[ReaderRow]:
    """All who may have news, by membership id, behind `after`."""
    query = _readers(list_id).where(func.coalesce(reader.c.read_to, 0) < newest)
    return _rows(session, query, after, limit)


def reader_of(session: Session, membership_id: int) -> ReaderRow | None:
    """One member's, whatever her delivery mode; None when she is not on the list or paused."""
    query = _reader_columns().where(membership.c.id == membership_id, membership.c.status == Status.ACTIVE)
    rows = _rows(session, query, 0, 1)
    return rows[0] if rows else None


def has_letter_of(session: Session, membership_id: int, day: date) -> bool:
    query = select_rows(Letter.id).where(Letter.membership_id == membership_id, Letter.day == day)
    return session.exec(query).first() is not None


def add_edition(
    session: Session,
    *,
    list_id: int,
    raw: bytes,
    language: str,
    title: str,
    written_on: date,
    entries: Sequence[NewEntry],
    memory_post_id: int | None = None,
    rest_of: int | None = None,
    now: datetime,
) -> int:
    """Keep what several letters have in common; its id."""
    edition = LetterEdition(
        list_id=list_id,
        content_id=store_content(session, raw, now),
        language=language,
        title=title,
        written_on=written_on,
        made_at=now,
        memory_post_id=memory_post_id,
        rest_of=rest_of,
    )
    session.add(edition)
    session.flush()
    edition_id = edition.id or 0
    for entry in entries:
        session.add(
            LetterEntry(
                edition_id=edition_id,
                number=entry.number,
                thread_id=entry.thread_id,
                first_post_id=entry.first_post_id,
                last_post_id=entry.last_post_id,
                title=entry.title,
                shown=entry.shown,
            )
        )
    session.flush()
    return edition_id


_LOCK = select(membership.c.id).where(membership.c.id.in_(bindparam("ids", expanding=True))).with_for_update()
_READ_TO = select(reader.c.membership_id, reader.c.read_to).where(
    reader.c.membership_id.in_(bindparam("ids", expanding=True))
)
_ADD = text(
    "INSERT INTO letter (edition_id, membership_id, day, message_id, read_from)"
    " VALUES (:edition_id, :membership_id, :day, :message_id, :read_from) ON CONFLICT DO NOTHING"
).bindparams(bindparam("day", type_=letter.c.day.type))
_ADDED = select(letter.c.message_id, letter.c.id, LetterEdition.content_id).where(  # type: ignore[call-overload]
    letter.c.edition_id == col(LetterEdition.id), letter.c.message_id.in_(bindparam("ids", expanding=True))
)
_MOVE_ON = text(
    "INSERT INTO letter_reader (membership_id, read_to, letters) VALUES (:membership_id, :read_to, :letters)"
    " ON CONFLICT (membership_id) DO UPDATE SET read_to = excluded.read_to, letters = letter_reader.letters + 1"
)


_PASS_OVER = text(
    "INSERT INTO letter_reader (membership_id, read_to, letters) VALUES (:membership_id, :read_to, 0)"
    " ON CONFLICT (membership_id) DO UPDATE SET read_to = excluded.read_to WHERE letter_reader.read_to = :read_from"
)


def pass_over(session: Session, readers: Sequence[tuple[ReaderRow, int]]) -> None:
    """What is new is nothing for them. With each the id of the last post that they need not be asked about again."""
    rows = [
        {"membership_id": row.membership_id, "read_from": row.read_to, "read_to": read_to} for row, read_to in readers
    ]
    if rows:
        session.connection().execute(_PASS_OVER, rows)


def add_letters(
    session: Session, letters: Sequence[NewLetter], *, list_id: int, now: datetime, counted: bool = True
) -> int:
    """Letters of one list into the queue, but for those whom another daemon has written to meanwhile.

    counted: how far their readers have come moves on. Returns how many letters there were.
    """
    connection = session.connection()
    ids = {"ids": [each.reader.membership_id for each in letters]}
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, ids)
    read_to: dict[int, int] = {row.membership_id: row.read_to for row in connection.execute(_READ_TO, ids)}
    wanted = {
        each.message_id: each for each in letters if read_to.get(each.reader.membership_id, 0) == each.reader.read_to
    }
    if not wanted:
        return 0
    rows = [
        {
            "edition_id": each.edition_id,
            "membership_id": each.reader.membership_id,
            "day": each.day,
            "message_id": each.message_id,
            "read_from": each.reader.read_to,
        }
        for each in wanted.values()
    ]
    connection.execute(_ADD, rows)
    added = [
        (wanted[message_id], letter_id, content_id)
        for message_id, letter_id, content_id in connection.execute(_ADDED, {"ids": list(wanted)})
    ]
    if added and counted:
        connection.execute(_MOVE_ON, [_moved_on(each) for each, _, _ in added])
    if added:
        connection.execute(insert(delivery), [_due(*row, list_id, now) for row in added])
    return len(added)


def begin_letters(session: Session, row: Membership) -> None:
    """From now on she gets letters: what was written before she has had in another way, or did not want."""
    session.flush()
    connection = session.connection()
    newest = newest_post(session, row.list_id)
    if connection.execute(select(reader).where(reader.c.membership_id == row.id)).first() is None:
        session.add(LetterReader(membership_id=row.id or 0, read_to=newest))
        session.flush()
    else:
        connection.execute(reader.update().where(reader.c.membership_id == row.id).values(read_to=newest))


def _moved_on(each: NewLetter) -> dict[str, Any]:
    return {"membership_id": each.reader.membership_id, "read_to": each.read_to, "letters": 1}


def _due(each: NewLetter, letter_id: int, content_id: int, list_id: int, now: datetime) -> dict[str, Any]:
    return {
        "letter_id": letter_id,
        "content_id": content_id,
        "list_id": list_id,
        "member_id": each.reader.member_id,
        "membership_id": each.reader.membership_id,
        "recipient": each.reader.address,
        "language": each.reader.language,
        "state": DeliveryState.DUE,
        "attempts": 0,
        "due_at": now,
        "last_reply": "",
        "created_at": now,
    }


def _reads_letters() -> ColumnElement[bool]:
    return and_(membership.c.status == Status.ACTIVE, membership.c.delivery.in_(IN_LETTERS))


def _readers(list_id: int) -> Select[Any]:
    return _reader_columns().where(membership.c.list_id == list_id, _reads_letters())


def _reader_columns() -> Select[Any]:
    return select(
        membership.c.id,
        member.c.id,
        member.c.name,
        address.c.address,
        member.c.language,
        member.c.timezone,
        member.c.hour,
        membership.c.delivery,
        membership.c.weekday,
        membership.c.own_posts,
        func.coalesce(reader.c.read_to, 0),
        func.coalesce(reader.c.letters, 0),
    ).select_from(
        membership.join(member, member.c.id == membership.c.member_id)
        .join(address, (address.c.member_id == member.c.id) & address.c.is_primary)
        .outerjoin(reader, reader.c.membership_id == membership.c.id)
    )


def _rows(session: Session, query: Select[Any], after: int, limit: int) -> list[ReaderRow]:
    ordered = query.where(membership.c.id > after).order_by(membership.c.id).limit(limit)
    return [ReaderRow(*row) for row in session.connection().execute(ordered)]


def forget_letters(session: Session, *, before: datetime, limit: int = 1000) -> int:
    """Delete at most `limit` letters of editions that were made before a moment. Returns how many."""
    old = (
        select(letter.c.id)
        .join(LetterEdition, col(LetterEdition.id) == letter.c.edition_id)
        .where(col(LetterEdition.made_at) < before)
        .where(~exists().where(delivery.c.letter_id == letter.c.id))
        .limit(limit)
    )
    ids = session.connection().execute(old).scalars().all()
    forget_of_letters(session, ids)
    return session.connection().execute(letter.delete().where(letter.c.id.in_(ids))).rowcount
