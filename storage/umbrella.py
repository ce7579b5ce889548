"""Umbrella lists: a list whose members are lists. Who is on an inner list reads, and answers, what the outer one gets.

Her own place on the outer list goes before: who reads it, wants none of it or has left it there is not reached through
another list. Nothing is sent from list to list, so a circle of lists is harmless.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CTE, Select, exists, func, not_, select
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from storage.expansion import LIST, NO_OWN_POST, Expansion
from storage.models import DeliveryMode, MailingList, Membership, Status
from storage.models_umbrella import MemberList
from storage.mutes import NOT_MUTED
from storage.prepared import Prepared
from storage.tables import mailing_list, member_list, membership

_HERE = (Status.ACTIVE, Status.PAUSED)


def _lists_below(outer_id: Any) -> CTE:
    """The ids of all lists in use that are members of a list, or of one of its members. UNION ends at a circle."""
    found = (
        select(member_list.c.inner_id.label("list_id"))
        .select_from(member_list.join(mailing_list, mailing_list.c.id == member_list.c.inner_id))
        .where(member_list.c.outer_id == outer_id, mailing_list.c.removed_at.is_(None))
        .cte("below", recursive=True)
    )
    return found.union(
        select(member_list.c.inner_id)
        .select_from(
            member_list.join(found, found.c.list_id == member_list.c.outer_id).join(
                mailing_list, mailing_list.c.id == member_list.c.inner_id
            )
        )
        .where(mailing_list.c.removed_at.is_(None))
    )


def _through(outer_id: Any) -> Select[Any]:
    """The memberships of inner lists through which a list can be read. Whoever has a place on it is not among them."""
    own = membership.alias("own")
    has_place = exists().where(
        own.c.list_id == outer_id, own.c.member_id == membership.c.member_id, own.c.status != Status.INVITED
    )
    return select(membership.c.id).where(
        membership.c.list_id.in_(select(_lists_below(outer_id).c.list_id)), not_(has_place)
    )


_ONE_EACH = (
    _through(LIST)
    .with_only_columns(func.min(membership.c.id))
    .where(membership.c.status == Status.ACTIVE, membership.c.delivery != DeliveryMode.NONE, NO_OWN_POST, NOT_MUTED)
    .group_by(membership.c.member_id)
)
_COPIES = Expansion(membership.c.id.in_(_ONE_EACH))
_HAS_MEMBER_LISTS = Prepared(select(member_list.c.inner_id).where(member_list.c.outer_id == LIST).limit(1))


def expand(session: Session, copies: dict[str, Any]) -> None:
    """One due delivery of the outer list's post for each person who reads it through another list.

    copies: the parameters of `storage.posts`' own expansion. Daily and weekly readers get it as a mail of its own,
    because a letter is of one list.
    """
    if _HAS_MEMBER_LISTS.first(session, {"list_id": copies["list_id"]}):
        _COPIES.add(session, copies)


def add_member_list(session: Session, *, outer_id: int, inner_id: int, now: datetime) -> bool:
    """False when it is a member already."""
    if session.get(MemberList, (outer_id, inner_id)) is not None:
        return False
    session.add(MemberList(outer_id=outer_id, inner_id=inner_id, added_at=now))
    session.flush()
    return True


def remove_member_list(session: Session, *, outer_id: int, inner_id: int) -> bool:
    """False when it is no member."""
    row = session.get(MemberList, (outer_id, inner_id))
    if row is None:
        return False
    session.delete(row)
    session.flush()
    return True


def member_lists(session: Session, outer_id: int) -> list[MailingList]:
    """The lists in use that are members of a list themselves, by name."""
    query = select_rows(MailingList).join(MemberList, col(MemberList.inner_id) == MailingList.id)
    query = query.where(MemberList.outer_id == outer_id, col(MailingList.removed_at).is_(None))
    return list(session.exec(query.order_by(MailingList.name)))


def membership_through(session: Session, *, outer_id: int, member_id: int) -> Membership | None:
    """The oldest membership through which somebody who has no place on a list can read it."""
    rows = _through(outer_id).where(membership.c.member_id == member_id, membership.c.status.in_(_HERE))
    found = session.connection().execute(rows.order_by(membership.c.id).limit(1)).scalar()
    return session.get(Membership, found) if found is not None else None


def lists_read_by(member_id: int) -> Select[Any]:
    """The ids of a person's own lists and of those above them."""
    own = select(membership.c.list_id).where(membership.c.member_id == member_id, membership.c.status.in_(_HERE))
    found = own.join(mailing_list, mailing_list.c.id == membership.c.list_id).where(mailing_list.c.removed_at.is_(None))
    above = found.cte(recursive=True)
    outer = select(member_list.c.outer_id).join(above, above.c.list_id == member_list.c.inner_id)
    outer = outer.join(mailing_list, mailing_list.c.id == member_list.c.outer_id)
    return select(above.union(outer.where(mailing_list.c.removed_at.is_(None))).c.list_id)
