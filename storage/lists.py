"""Lists: made, changed, removed. A removed list keeps its posts; its name is free again."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from storage.models import DeliveryMode, Joining, MailingList, Posting, Replies


class ListNameTaken(Exception):
    """A list of this name is there already."""


def list_named(session: Session, name: str) -> MailingList | None:
    """The list of this local part, whatever its case; None when there is none or it was removed."""
    raise NotImplementedError


def list_by_id(session: Session, list_id: int) -> MailingList | None:
    """The list of this id, also a removed one."""
    raise NotImplementedError


def all_lists(session: Session) -> list[MailingList]:
    """Every list that was not removed, by name."""
    raise NotImplementedError


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
    raise NotImplementedError


def update_list(
    session: Session,
    *,
    list_id: int,
    title: str | None = None,
    posting: Posting | None = None,
    delivery: DeliveryMode | None = None,
    joining: Joining | None = None,
    replies: Replies | None = None,
) -> MailingList:
    """Change what is given, leave the rest. Raises LookupError for an unknown or removed list."""
    raise NotImplementedError


def remove_list(session: Session, *, list_id: int, now: datetime) -> int:
    """Take the list's addresses out of use; its posts stay. Returns how many waiting deliveries were dropped."""
    raise NotImplementedError
