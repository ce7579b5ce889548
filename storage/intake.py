"""What intake asks for every message, each in one statement that is built once: objects of rows cost more than rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlmodel import Session, col

from storage.models import Address, MailingList, Member, Membership, Moment
from storage.tables import address, mailing_list, post

_HAS_LIST = select(mailing_list.c.id).where(
    mailing_list.c.name == bindparam("name"), mailing_list.c.removed_at.is_(None)
)
_SEAT = (
    select(MailingList, Member, Membership)
    .select_from(MailingList)
    .outerjoin(Address, col(Address.key) == bindparam("key"))
    .outerjoin(Member, col(Member.id) == Address.member_id)
    .outerjoin(Membership, (col(Membership.list_id) == MailingList.id) & (col(Membership.member_id) == Member.id))
    .where(col(MailingList.name) == bindparam("name"), col(MailingList.removed_at).is_(None))
)
_SEAT_AND_POSTS = _SEAT.add_columns(
    select(func.count())
    .where(post.c.member_id == Member.id, post.c.accepted_at > bindparam("since", type_=Moment()))
    .scalar_subquery()
)
_KEYS_OF_MEMBERS = select(address.c.key).where(address.c.key.in_(bindparam("keys", expanding=True)))


@dataclass(frozen=True, slots=True)
class Seat:
    """A list, the person with an address, and what ties the two: None where there is nothing."""

    mailing_list: MailingList | None
    member: Member | None
    membership: Membership | None
    posts: int = 0  # of the person, on all lists


def has_list(session: Session, name: str) -> bool:
    """Is there a list of this local part (lower case) that was not removed?"""
    return session.connection().execute(_HAS_LIST, {"name": name}).first() is not None


def seat_of(session: Session, *, list_name: str, key: str, since: datetime | None = None) -> Seat | None:
    """The list of this local part (lower case) and the place of this address on it; None without such a list.

    since: from when on the person's posts are counted; None: they are not.
    """
    if since is None:
        row = session.execute(_SEAT, {"name": list_name, "key": key}).first()
    else:
        row = session.execute(_SEAT_AND_POSTS, {"name": list_name, "key": key, "since": since}).first()
    return None if row is None else Seat(*row)


def keys_of_members(session: Session, keys: Collection[str]) -> frozenset[str]:
    """Those of the address keys that belong to a member."""
    if not keys:
        return frozenset()
    return frozenset(session.connection().execute(_KEYS_OF_MEMBERS, {"keys": list(keys)}).scalars())
