"""What the copies of a post are made of, and who does not want hers any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlmodel import Session

from storage.cleaned import KeptCleaned, cleaned_of
from storage.contents import read_content
from storage.lists import list_by_id
from storage.members import member_by_id, primary_address
from storage.models import DeliveryMode, MailingList, Member, Post, Status
from storage.posts import post_by_id
from storage.tables import delivery, mailing_list, membership, post


@dataclass(frozen=True, slots=True)
class Source:
    """A post as it was accepted, with its list and its author (None: nobody whom we know any more)."""

    post: Post
    mailing_list: MailingList
    author: Member | None
    shown_address: str  # of the author, when she chose that others see it; else ""
    raw: bytes
    cleaned: KeptCleaned | None  # what goes out in its place; None: nobody has looked yet


def source_of(session: Session, post_id: int) -> Source:
    """Raises LookupError when the post is not there."""
    found = post_by_id(session, post_id)
    of_list = list_by_id(session, found.list_id) if found else None
    if found is None or of_list is None:
        raise LookupError(f"no post {post_id}")
    author = member_by_id(session, found.member_id) if found.member_id is not None else None
    shown_address = primary_address(session, author.id) if author and author.id and author.address_shown else ""
    raw, cleaned = read_content(session, found.content_id), cleaned_of(session, found.content_id)
    return Source(found, of_list, author, shown_address, raw, cleaned)


def not_wanted(session: Session, delivery_ids: Sequence[int]) -> dict[int, str]:
    """Those of the deliveries whose copy shall not go out any more: id -> why, for the operator."""
    reason = select(delivery.c.id, post.c.removed_at, mailing_list.c.removed_at, membership.c.status).select_from(
        delivery.join(post, post.c.id == delivery.c.post_id)
        .join(mailing_list, mailing_list.c.id == post.c.list_id)
        .outerjoin(membership, membership.c.id == delivery.c.membership_id)
    )
    unwanted = or_(
        post.c.removed_at.is_not(None), mailing_list.c.removed_at.is_not(None), membership.c.status != Status.ACTIVE
    )
    rows = session.connection().execute(reason.where(delivery.c.id.in_(delivery_ids), unwanted))
    posts = {
        row_id: _why(post_removed=post_removed is not None, list_removed=list_removed is not None, status=status)
        for row_id, post_removed, list_removed, status in rows
    }
    return posts | _letters_not_wanted(session, delivery_ids)


def _letters_not_wanted(session: Session, delivery_ids: Sequence[int]) -> dict[int, str]:
    reason = select(delivery.c.id, mailing_list.c.removed_at, membership.c.status).select_from(
        delivery.join(membership, membership.c.id == delivery.c.membership_id).join(
            mailing_list, mailing_list.c.id == delivery.c.list_id
        )
    )
    unwanted = or_(
        mailing_list.c.removed_at.is_not(None),
        membership.c.status != Status.ACTIVE,
        membership.c.delivery == DeliveryMode.NONE,
    )
    letters = (delivery.c.id.in_(delivery_ids), delivery.c.letter_id.is_not(None))
    rows = session.connection().execute(reason.where(*letters, unwanted))
    return {
        row_id: _why(post_removed=False, list_removed=list_removed is not None, status=status)
        for row_id, list_removed, status in rows
    }


def _why(*, post_removed: bool, list_removed: bool, status: Status) -> str:
    if post_removed:
        return "the post was removed"
    if list_removed:
        return "the list was removed"
    if status is Status.ACTIVE:
        return "she wants no letters now"
    return "paused" if status is Status.PAUSED else "no member now"
