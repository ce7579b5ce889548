"""Lists: made, changed, removed. A removed list keeps its posts; its name is free again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from storage.models import DeliveryMode, Joining, MailingList, Posting, Replies, Strangers
from storage.queue import drop_of_list


class ListNameTaken(Exception):
    """A list of this name is there already."""


_NAMED = select(MailingList).where(MailingList.name == bindparam("name"), col(MailingList.removed_at).is_(None))


def list_named(session: Session, name: str) -> MailingList | None:
    """The list of this local part, whatever its case; None when there is none or it was removed."""
    return session.exec(_NAMED, params={"name": name.lower()}).first()


def list_by_id(session: Session, list_id: int) -> MailingList | None:
    """The list of this id, also a removed one."""
    return session.get(MailingList, list_id)


def all_lists(session: Session) -> list[MailingList]:
    """Every list that was not removed, by name."""
    return list(
        session.exec(select(MailingList).where(col(MailingList.removed_at).is_(None)).order_by(MailingList.name))
    )


def create_list(
    session: Session,
    *,
    name: str,
    title: str,
    posting: Posting = Posting.MEMBERS,
    delivery: DeliveryMode = DeliveryMode.EACH,
    joining: Joining = Joining.VOUCHED,
    replies: Replies = Replies.LIST,
    now: datetime,
) -> MailingList:
    """Make a list. Raises ListNameTaken. The caller has checked the name (route.reserved_name, aliases)."""
    if list_named(session, name):
        raise ListNameTaken(name)
    mailing_list = MailingList(
        name=name.lower(),
        title=title,
        posting=posting,
        delivery=delivery,
        joining=joining,
        replies=replies,
        created_at=now,
    )
    session.add(mailing_list)
    session.flush()
    return mailing_list


def update_list(
    session: Session,
    *,
    list_id: int,
    title: str | None = None,
    posting: Posting | None = None,
    delivery: DeliveryMode | None = None,
    joining: Joining | None = None,
    replies: Replies | None = None,
    strangers: Strangers | None = None,
    first_posts_held: bool | None = None,
    emergency: bool | None = None,
    bounces_to_owners: bool | None = None,
    held_days: int | None = None,
    header_rules: str | None = None,
) -> MailingList:
    """Change what is given, leave the rest. Raises LookupError for an unknown or removed list."""
    mailing_list = _list_in_use(session, list_id)
    mailing_list.title = mailing_list.title if title is None else title
    mailing_list.posting = posting or mailing_list.posting
    mailing_list.delivery = delivery or mailing_list.delivery
    mailing_list.joining = joining or mailing_list.joining
    mailing_list.replies = replies or mailing_list.replies
    mailing_list.strangers = strangers or mailing_list.strangers
    if first_posts_held is not None:
        mailing_list.first_posts_held = first_posts_held
    if emergency is not None:
        mailing_list.emergency = emergency
    if bounces_to_owners is not None:
        mailing_list.bounces_to_owners = bounces_to_owners
    if held_days is not None:
        mailing_list.held_days = held_days
    if header_rules is not None:
        mailing_list.header_rules = header_rules
    session.flush()
    return mailing_list


def remove_list(session: Session, *, list_id: int, now: datetime) -> int:
    """Take the list's addresses out of use; its posts stay. Returns how many waiting deliveries were dropped.

    Raises LookupError for an unknown or removed list.
    """
    _list_in_use(session, list_id).removed_at = now
    session.flush()
    return drop_of_list(session, list_id)


def _list_in_use(session: Session, list_id: int) -> MailingList:
    mailing_list = list_by_id(session, list_id)
    if mailing_list is None or mailing_list.removed_at is not None:
        raise LookupError(f"no list {list_id}")
    return mailing_list
