"""A member wants to be forgotten: she is asked once, and then nothing of hers is left here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import func, or_, select, update
from sqlmodel import Session, SQLModel

from handlers import mime
from handlers.address import Mailbox, address_key
from handlers.facts import Host, id_of
from handlers.message import MalformedMessage, parse
from handlers.notice import Notice, NoticeKind
from organic_mail import asking, notices
from organic_mail.past_alias import alias_marks
from organic_mail.travelling import take_back
from storage import departures, members, questions
from storage.belonging import person_of
from storage.contents import read_content, store_content
from storage.database import Database
from storage.erasing import delete_rows, erase, open_erasures, swept
from storage.letter_recall import recall_letters_with
from storage.lists import list_by_id
from storage.models import Member
from storage.models_questions import QuestionKind
from storage.tables import delivery, event, letter_edition, letter_entry
from storage.unused import forget_messages, forget_unused

_NOBODY = "somebody"
_NOTHING = b"Subject: (removed)\r\n\r\nThis letter was removed.\r\n"


def ask(session: Session, host: Host, *, member_id: int, list_id: int, in_reply_to: str, now: datetime) -> None:
    """Once more, at the address that we know; once a day."""
    member, mailing_list = members.member_by_id(session, member_id), list_by_id(session, list_id)
    if member is None or mailing_list is None:
        return
    token = asking.new_question(session, QuestionKind.FORGETTING, mailing_list, now, member_id=member_id)
    letter = Notice(
        NoticeKind.FORGET,
        Mailbox(member.name, members.primary_address(session, member_id)),
        member.language,
        mailing_list,
        reply_to=f"{mailing_list.name}-{token}@{host.domain}",
        in_reply_to=in_reply_to,
    )
    if not notices.send(session, host, letter, cause=f"forget:{member_id}:{now:%Y-%m-%d}", now=now, member=member):
        questions.drop_question(session, token)


def forget(session: Session, host: Host, member_id: int, now: datetime) -> None:
    """Everything of one person goes, in one transaction. Raises LookupError for an unknown member."""
    member, person = members.member_by_id(session, member_id), person_of(session, member_id)
    if member is None:
        raise LookupError(f"no member {member_id}")
    for post in departures.gone_posts_of(session, member_id):
        take_back(session, host, post, now)
    traces = _Traces.of(session, host, member)
    _forget_letters(session, traces, now)
    for table, ids in _rows_that_name_her(session, traces):
        delete_rows(session, SQLModel.metadata.tables[table], ids)
    erase(session, person, alias_mark=alias_marks(host, member.alias)[0], now=now)
    _redact_log(session, traces)
    session.expunge_all()


def sweep(database: Database, now: datetime) -> None:
    """After somebody was erased: what nothing names any more goes, and the log that still has its old pages."""
    waiting = database.read(open_erasures)
    if not waiting:
        return
    after: int | None = 0
    while after is not None:
        after = database.write(partial(forget_unused, after=after, before=now))
    if database.empty_log():
        database.write(lambda session: swept(session, waiting, now))


@dataclass(frozen=True, slots=True)
class _Traces:
    """By what she is found in texts."""

    keys: tuple[str, ...]  # of her addresses, and of her alias
    name: str
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, session: Session, host: Host, member: Member) -> _Traces:
        keys = [address.key for address in members.addresses_of(session, id_of(member))]
        spelt = [address.address for address in members.addresses_of(session, id_of(member))]
        alias = f"{member.alias}@{host.domain}"
        found = sorted({*keys, *spelt, alias}, key=len, reverse=True)
        names = [rf"(?<!\w){re.escape(name)}(?!\w)" for name in filter(None, (member.name, member.alias))]
        pattern = re.compile("|".join([*map(re.escape, found), *names]), re.IGNORECASE)
        return cls((*keys, address_key(alias)), member.name, pattern)

    def are_in(self, raw: bytes) -> bool:
        """Does a message of ours name her? What cannot be read does, for nobody will miss it."""
        try:
            message = parse(raw)
            texts = [mime.text(message, part) for part in mime.parts(message) if part.content_type.startswith("text/")]
        except MalformedMessage:
            return True
        named = (message.value(name) or "" for name in ("to", "subject", "reply-to"))
        return any(self.pattern.search(text) for text in (*named, *texts))


def _forget_letters(session: Session, traces: _Traces, now: datetime) -> None:
    """Letters that name her: what waits is written anew without her, of what was sent only the fact is kept."""
    connection = session.connection()
    for edition_id, content_id in connection.execute(select(letter_edition.c.id, letter_edition.c.content_id)).all():
        if not traces.are_in(read_content(session, content_id)):
            continue
        entries = select(letter_entry.c.thread_id, letter_entry.c.last_post_id).where(
            letter_entry.c.edition_id == edition_id
        )
        for thread_id, post_id in connection.execute(entries.limit(1)).all():
            recall_letters_with(session, post_id=post_id, thread_id=thread_id, now=now)
        nothing = store_content(session, _NOTHING, now)
        these = letter_edition.c.id == edition_id
        connection.execute(update(letter_edition).where(these).values(content_id=nothing))
        connection.execute(update(delivery).where(delivery.c.content_id == content_id).values(content_id=nothing))
        forget_messages(session, [content_id])


def _rows_that_name_her(session: Session, traces: _Traces) -> Iterator[tuple[str, list[int]]]:
    """Rows that no column ties to her: our letters to others, what came before she joined, what we failed at."""
    connection = session.connection()
    ours = (delivery.c.post_id.is_(None), delivery.c.private_id.is_(None), delivery.c.letter_id.is_(None))
    letters = connection.execute(select(delivery.c.id, delivery.c.content_id).where(*ours)).all()
    yield "delivery", [row_id for row_id, content_id in letters if traces.are_in(read_content(session, content_id))]
    for name, columns in (("held_post", ("author", "envelope_sender")), ("shunt", ("envelope_sender", "recipients"))):
        table = SQLModel.metadata.tables[name]
        named = [
            func.lower(table.c[column]).contains(key, autoescape=True) for column in columns for key in traces.keys
        ]
        yield name, list(connection.execute(select(table.c.id).where(or_(*named))).scalars())


def _redact_log(session: Session, traces: _Traces) -> None:
    connection = session.connection()
    named = [func.lower(event.c.text).contains(key, autoescape=True) for key in traces.keys]
    if traces.name:
        named.append(event.c.text.contains(traces.name, autoescape=True))
    lines = connection.execute(select(event.c.id, event.c.text, event.c.content_id).where(or_(*named))).all()
    for line in lines:
        clean = traces.pattern.sub(_NOBODY, line.text)
        connection.execute(update(event).where(event.c.id == line.id).values(text=clean, content_id=None))
    forget_messages(session, [line.content_id for line in lines if line.content_id is not None])
