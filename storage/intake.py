"""What intake asks for every message, each in one statement that is built once: objects of rows cost more than rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import bindparam, func, literal, or_, select
from sqlmodel import Session, SQLModel

from storage.models import MailingList, Member, Membership, Moment
from storage.prepared import Prepared, PreparedAmong, detached
from storage.tables import address, ban, mailing_list, member, membership, post

R = TypeVar("R", bound=SQLModel)

_HAS_LIST = Prepared(
    select(mailing_list.c.id).where(mailing_list.c.name == bindparam("name"), mailing_list.c.removed_at.is_(None))
)
_HAS_BANS = select(ban.c.id).where(or_(ban.c.list_id.is_(None), ban.c.list_id == mailing_list.c.id)).exists()
_SEAT = (
    select(*mailing_list.c, *member.c, *membership.c, _HAS_BANS)
    .select_from(mailing_list)
    .outerjoin(address, address.c.key == bindparam("key"))
    .outerjoin(member, member.c.id == address.c.member_id)
    .outerjoin(membership, (membership.c.list_id == mailing_list.c.id) & (membership.c.member_id == member.c.id))
    .where(mailing_list.c.name == bindparam("name"), mailing_list.c.removed_at.is_(None))
)
_POSTS = (
    select(func.count())
    .where(post.c.member_id == member.c.id, post.c.accepted_at > bindparam("since", type_=Moment()))
    .scalar_subquery()
)
_COLUMNS: dict[type[SQLModel], list[str]] = {
    MailingList: mailing_list.c.keys(),
    Member: member.c.keys(),
    Membership: membership.c.keys(),
}
_SEAT_ALONE = Prepared(_SEAT.add_columns(literal(0)))
_SEAT_AND_POSTS = Prepared(_SEAT.add_columns(_POSTS))
_A_POST = Prepared(
    select(post.c.id).where(post.c.list_id == bindparam("list_id"), post.c.member_id == bindparam("member_id")).limit(1)
)
_KEYS_OF_MEMBERS = PreparedAmong(lambda keys: select(address.c.key).where(address.c.key.in_(keys)))


@dataclass(frozen=True, slots=True)
class Seat:
    """A list, the person with an address, and what ties the two: None where there is nothing."""

    mailing_list: MailingList | None
    member: Member | None
    membership: Membership | None
    has_bans: bool = True  # is anybody banned from the list, or may be?
    posts: int = 0  # of the person, on all lists


def has_list(session: Session, name: str) -> bool:
    """Is there a list of this local part (lower case) that was not removed?"""
    return _HAS_LIST.first(session, {"name": name}) is not None


def seat_of(session: Session, *, list_name: str, key: str, since: datetime | None = None) -> Seat | None:
    """The list of this local part (lower case) and the place of this address on it; None without such a list.

    since: from when on the person's posts are counted; None: they are not.
    """
    asked = {"name": list_name, "key": key}
    row = (
        _SEAT_ALONE.first(session, asked) if since is None else _SEAT_AND_POSTS.first(session, asked | {"since": since})
    )
    if row is None:
        return None
    values = iter(row)
    return Seat(_found(MailingList, values), _found(Member, values), _found(Membership, values), *values)


def has_posted(session: Session, mailing_list: MailingList | None, member_id: int | None) -> bool:
    """Has one of her emails gone out on this list? Asked only where the list wants to know; else yes."""
    if mailing_list is None or member_id is None or not mailing_list.first_posts_held:
        return True
    return _A_POST.first(session, {"list_id": mailing_list.id, "member_id": member_id}) is not None


def keys_of_members(session: Session, keys: Collection[str]) -> frozenset[str]:
    """Those of the address keys that belong to a member."""
    if not keys:
        return frozenset()
    return frozenset(key for (key,) in _KEYS_OF_MEMBERS.rows(session, list(keys), {}))


def _found(kind: type[R], values: Iterator[Any]) -> R | None:
    """The object of the row whose columns come next, None for one that an outer join did not find."""
    row = dict(zip(_COLUMNS[kind], values, strict=False))  # the names come first: zip takes no value too many
    return None if row["id"] is None else detached(kind, row)
