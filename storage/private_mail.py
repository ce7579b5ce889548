"""Private mail between members: who may write to whom, what is on its way, who wants none."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, func, insert, or_, select, union_all
from sqlmodel import Session, SQLModel, col
from sqlmodel import select as select_rows

from storage.cleaned import KeptCleaned, cleaned_of
from storage.contents import read_content
from storage.lists import list_by_id
from storage.members import member_by_id
from storage.models import DeliveryState, MailingList, Member
from storage.models_private import PrivateBlock, PrivateMail
from storage.queue import UNFINISHED
from storage.tables import MADE_AGAIN, delivery, event, message, private_mail
from storage.umbrella import lists_read_by


@dataclass(frozen=True, slots=True)
class PrivateSource:
    """A private mail as it was received, and the two people."""

    mail: PrivateMail
    mailing_list: MailingList
    writer: Member
    reader: Member
    raw: bytes
    cleaned: KeptCleaned | None  # what goes out in its place; None: nobody has looked yet


def shared_list(session: Session, *, member_id: int, other_id: int) -> MailingList | None:
    """The oldest list that both are on, or read through another one; None when they share none.

    For one and the same person any list of hers.
    """
    mine, theirs = lists_read_by(member_id), lists_read_by(other_id)
    query = select_rows(MailingList).where(col(MailingList.id).in_(mine), col(MailingList.id).in_(theirs))
    return session.exec(query.where(col(MailingList.removed_at).is_(None)).order_by(col(MailingList.id))).first()


def send_privately(
    session: Session,
    *,
    list_id: int,
    writer_id: int,
    reader_id: int,
    content_id: int,
    message_id: str,
    original_message_id: str,
    recipient: str,
    language: str,
    now: datetime,
) -> int:
    """Keep the mail with its one delivery, due now, and return its id. recipient: the address on the envelope."""
    mail = PrivateMail(
        list_id=list_id,
        writer_id=writer_id,
        reader_id=reader_id,
        content_id=content_id,
        message_id=message_id,
        original_message_id=original_message_id,
        created_at=now,
    )
    session.add(mail)
    session.flush()
    session.connection().execute(
        insert(delivery).values(
            private_id=mail.id,
            content_id=content_id,
            member_id=reader_id,
            recipient=recipient,
            language=language,
            state=DeliveryState.DUE,
            attempts=0,
            due_at=now,
            last_reply="",
            created_at=now,
        )
    )
    return mail.id or 0


def private_by_id(session: Session, private_id: int) -> PrivateMail | None:
    return session.get(PrivateMail, private_id)


def private_source(session: Session, private_id: int) -> PrivateSource:
    """Raises LookupError when the mail, or one of the two, is no more."""
    mail = private_by_id(session, private_id)
    writer = member_by_id(session, mail.writer_id) if mail else None
    reader = member_by_id(session, mail.reader_id) if mail else None
    mailing_list = list_by_id(session, mail.list_id) if mail else None
    if mail is None or writer is None or reader is None or mailing_list is None:
        raise LookupError(f"no private mail {private_id}")
    raw, cleaned = read_content(session, mail.content_id), cleaned_of(session, mail.content_id)
    return PrivateSource(mail, mailing_list, writer, reader, raw, cleaned)


def private_sent(session: Session, *, content_id: int, reader_id: int) -> PrivateMail | None:
    """What a return path names, when it was private mail."""
    query = select_rows(PrivateMail).where(PrivateMail.content_id == content_id, PrivateMail.reader_id == reader_id)
    return session.exec(query.order_by(col(PrivateMail.id).desc())).first()


def has_got(session: Session, *, reader_id: int, message_ids: Collection[str]) -> bool:
    """Is one of these the Message-ID of private mail that this member got?"""
    query = select_rows(PrivateMail.id).where(
        PrivateMail.reader_id == reader_id, col(PrivateMail.message_id).in_(message_ids)
    )
    return bool(message_ids) and session.exec(query.limit(1)).first() is not None


def own_message_ids(session: Session, *, writer_id: int, message_ids: Collection[str]) -> dict[str, str]:
    """How the member herself knows those of these Message-IDs that stand in copies of her private mail for her own."""
    if not message_ids:
        return {}
    query = select_rows(PrivateMail.message_id, PrivateMail.original_message_id).where(
        PrivateMail.writer_id == writer_id,
        col(PrivateMail.message_id).in_(message_ids),
        PrivateMail.original_message_id != "",
    )
    return dict(session.exec(query).all())


def written_since(session: Session, *, writer_id: int, since: datetime) -> int:
    """How many private mails a member wrote."""
    query = select_rows(func.count()).where(PrivateMail.writer_id == writer_id, col(PrivateMail.created_at) > since)
    return session.exec(query).one()


def block(session: Session, *, blocker_id: int, blocked_id: int, now: datetime) -> None:
    """From now on nothing private goes from one to the other; what still waits is dropped."""
    session.merge(PrivateBlock(blocker_id=blocker_id, blocked_id=blocked_id, created_at=now))
    theirs = select(private_mail.c.id).where(
        private_mail.c.writer_id == blocked_id, private_mail.c.reader_id == blocker_id
    )
    waiting = (delivery.c.private_id.in_(theirs), delivery.c.state != DeliveryState.SENDING, UNFINISHED)
    session.connection().execute(delete(delivery).where(*waiting))


def unblock(session: Session, *, blocker_id: int, blocked_id: int) -> bool:
    """False when nothing was blocked."""
    row = session.get(PrivateBlock, (blocker_id, blocked_id))
    if row is not None:
        session.delete(row)
    return row is not None


def blockers(session: Session, one: int, other: int) -> frozenset[int]:
    """Which of two members wants no private mail from the other one."""
    query = select_rows(PrivateBlock.blocker_id).where(
        or_(
            (col(PrivateBlock.blocker_id) == one) & (col(PrivateBlock.blocked_id) == other),
            (col(PrivateBlock.blocker_id) == other) & (col(PrivateBlock.blocked_id) == one),
        )
    )
    return frozenset(session.exec(query))


def forget_private_mail(session: Session, *, before: datetime, limit: int = 1000) -> int:
    """Delete at most `limit` private mails from before a moment that nobody waits for, with their bytes.

    Returns how many: call again while it is > 0.
    """
    old = (
        select(private_mail.c.id)
        .where(private_mail.c.created_at < before)
        .where(~exists().where(delivery.c.private_id == private_mail.c.id))
        .limit(limit)
    )
    connection = session.connection()
    gone = connection.execute(
        delete(private_mail).where(private_mail.c.id.in_(old)).returning(private_mail.c.content_id)
    )
    contents = set(gone.scalars().all())
    used = union_all(*(select(column.label("id")).where(column.in_(contents)) for column in _users())).subquery()
    unused = contents - set(connection.execute(select(used.c.id)).scalars())
    for table in MADE_AGAIN:
        connection.execute(delete(table).where(table.c.content_id.in_(unused)))
    connection.execute(delete(message).where(message.c.id.in_(unused)))
    return len(contents)


def _users() -> list[ColumnElement[int]]:
    """All columns that name a message, but what can be made again."""
    tables = [table for table in SQLModel.metadata.tables.values() if table not in MADE_AGAIN]
    named = [column for table in tables for column in table.c if column.references(message.c.id)]
    return [*named, event.c.content_id]
