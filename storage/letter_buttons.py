"""What is kept around letters: buttons, hearts, wishes, and the answers out of which posts were cut."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from storage.letters import IN_LETTERS
from storage.models import DeliveryMode, DeliveryState, MailingList, Member, Membership
from storage.models_letters import (
    ButtonKind,
    HiddenMemory,
    Letter,
    LetterAnswer,
    LetterButton,
    LetterEdition,
    LetterEntry,
    LetterWish,
)
from storage.models_reactions import Reaction
from storage.news import has_missed
from storage.tables import delivery


@dataclass(frozen=True, slots=True)
class WishRow:
    """A letter that somebody asked for. edition_id: whose rest; None: what she missed before `made_at`."""

    membership_id: int
    edition_id: int | None
    list_id: int
    made_at: datetime


def buttons_of(
    session: Session, *, list_id: int, post_ids: Iterable[int], mint: Callable[[], str], now: datetime
) -> dict[int, tuple[str, str]]:
    """post id → tokens of its answer and of its heart; made where there are none. mint: makes a fresh token."""
    wanted = dict.fromkeys(post_ids)
    found: dict[tuple[int, ButtonKind], str] = {
        (row.post_id, row.kind): row.token
        for row in session.exec(select_rows(LetterButton).where(col(LetterButton.post_id).in_(wanted)))
    }
    for post_id in wanted:
        for kind in ButtonKind:
            if (post_id, kind) not in found:
                token = mint()
                session.add(LetterButton(token=token, kind=kind, list_id=list_id, post_id=post_id, made_at=now))
                found[post_id, kind] = token
    session.flush()
    return {post_id: (found[post_id, ButtonKind.ANSWER], found[post_id, ButtonKind.HEART]) for post_id in wanted}


def button(session: Session, token: str) -> LetterButton | None:
    return session.get(LetterButton, token)


def letter_of(session: Session, message_id: str) -> tuple[Letter, LetterEdition] | None:
    """The letter that has this Message-ID, with what it shares with others."""
    query = select_rows(Letter, LetterEdition).where(
        Letter.message_id == message_id, LetterEdition.id == Letter.edition_id
    )
    return session.exec(query).first()


def edition_of_content(session: Session, content_id: int) -> LetterEdition | None:
    """What the letters of this content share."""
    return session.exec(select_rows(LetterEdition).where(LetterEdition.content_id == content_id)).first()


def list_of_edition(session: Session, content_id: int) -> MailingList:
    """Whose letters have this content. Raises LookupError."""
    query = (
        select_rows(MailingList)
        .join(LetterEdition, col(LetterEdition.list_id) == col(MailingList.id))
        .where(LetterEdition.content_id == content_id)
    )
    found = session.exec(query).first()
    if found is None:
        raise LookupError(f"no letter has content {content_id}")
    return found


def entries_of(session: Session, edition_id: int) -> list[LetterEntry]:
    """Its conversations by number."""
    query = select_rows(LetterEntry).where(LetterEntry.edition_id == edition_id).order_by(col(LetterEntry.number))
    return list(session.exec(query))


def who_reacted(session: Session, post_ids: Collection[int]) -> dict[int, list[str]]:
    """post id → names of those who sent a heart or the like, the first one first."""
    query = (
        select(col(Reaction.post_id), col(Member.name))
        .join(Member, col(Member.id) == col(Reaction.member_id))
        .where(col(Reaction.post_id).in_(post_ids))
        .order_by(col(Reaction.reacted_at))
    )
    names: dict[int, list[str]] = {}
    for post_id, name in session.connection().execute(query):
        names.setdefault(post_id, []).append(name)
    return names


def wish_for_letter(session: Session, *, membership_id: int, edition_id: int | None, now: datetime) -> None:
    """She gets the rest of an edition, or (None) what she missed, with the next letters that are written."""
    row = session.get(LetterWish, membership_id) or LetterWish(membership_id=membership_id, made_at=now)
    row.edition_id, row.made_at = edition_id, now
    session.add(row)
    session.flush()


def wish_for_the_last(session: Session, row: Membership, before: DeliveryMode, now: datetime) -> None:
    """Who gets each post from now on, and got letters before, has a last one with what was written in between."""
    if row.delivery is DeliveryMode.EACH and before in IN_LETTERS and has_missed(session, row):
        wish_for_letter(session, membership_id=row.id or 0, edition_id=None, now=now)


def letter_wishes(session: Session) -> list[WishRow]:
    query = select_rows(LetterWish.membership_id, LetterWish.edition_id, Membership.list_id, LetterWish.made_at).where(
        Membership.id == LetterWish.membership_id
    )
    return [WishRow(*row) for row in session.exec(query)]


def fulfil_wish(session: Session, membership_id: int) -> bool:
    """It is being written: nobody else has to. False when somebody was faster."""
    row = session.get(LetterWish, membership_id, with_for_update=True)
    if row is None:
        return False
    session.delete(row)
    session.flush()
    return True


def add_copies(
    session: Session,
    posts: Sequence[tuple[int, int]],
    *,
    membership: Membership,
    recipient: str,
    language: str,
    now: datetime,
) -> None:
    """Copies of posts (id and content) for one member who asked for them, into the queue."""
    rows = [
        {
            "post_id": post_id,
            "content_id": content_id,
            "list_id": membership.list_id,
            "member_id": membership.member_id,
            "membership_id": membership.id,
            "recipient": recipient,
            "language": language,
            "state": DeliveryState.DUE,
            "attempts": 0,
            "due_at": now,
            "last_reply": "",
            "created_at": now,
        }
        for post_id, content_id in posts
    ]
    if rows:
        session.connection().execute(insert(delivery), rows)


def keep_answer(session: Session, *, post_id: int, content_id: int) -> None:
    """The post was cut out of this mail."""
    session.add(LetterAnswer(post_id=post_id, content_id=content_id))
    session.flush()


def hide_memory(session: Session, *, post_id: int, now: datetime) -> None:
    """No letter remembers the post again."""
    if session.get(HiddenMemory, post_id) is None:
        session.add(HiddenMemory(post_id=post_id, hidden_at=now))
        session.flush()


def answer_content(session: Session, post_id: int) -> int | None:
    """The mail out of which a post was cut; None: the post is the mail."""
    row = session.get(LetterAnswer, post_id)
    return row.content_id if row else None
