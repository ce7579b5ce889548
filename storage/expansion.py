"""How one post becomes a due delivery for each of its readers: one INSERT … SELECT, whoever they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, bindparam, insert, not_, select
from sqlmodel import Session

from storage.models import Moment
from storage.prepared import Prepared
from storage.tables import address, delivery, member, membership, post

LIST = bindparam("list_id", type_=delivery.c.list_id.type)
_CONTENT = bindparam("content_id", type_=delivery.c.content_id.type)
_COPIES = {
    "post_id": bindparam("post_id", type_=delivery.c.post_id.type),
    "content_id": _CONTENT,
    "list_id": LIST,
    "member_id": membership.c.member_id,
    "membership_id": membership.c.id,
    "recipient": address.c.address,
    "language": member.c.language,
    "state": bindparam("state", type_=delivery.c.state.type),
    "attempts": bindparam("attempts", type_=delivery.c.attempts.type),
    "due_at": bindparam("now", type_=Moment()),
    "last_reply": bindparam("reply", type_=delivery.c.last_reply.type),
    "created_at": bindparam("now", type_=Moment()),
}
_HAVE_IT = (
    select(delivery.c.member_id)
    .select_from(delivery.join(post, post.c.id == delivery.c.post_id))
    .where(post.c.content_id == _CONTENT, post.c.list_id != LIST, delivery.c.member_id.is_not(None))
)
"""Of what was written to several lists at once, each member gets one copy."""

NO_OWN_POST = not_((membership.c.member_id == bindparam("author")) & not_(membership.c.own_posts))
"""The author may want no copy of her own."""

_ON_ANOTHER_LIST = Prepared(select(post.c.id).where(post.c.content_id == _CONTENT, post.c.list_id != LIST).limit(1))


class Expansion:
    """Adds the deliveries of a post. readers: which memberships get one."""

    def __init__(self, *readers: ColumnElement[bool]) -> None:
        self._all = _statement(*readers)
        self._others = _statement(*readers, membership.c.member_id.not_in(_HAVE_IT))

    def add(self, session: Session, copies: Mapping[str, Any]) -> None:
        """copies: post_id, content_id, list_id, thread_id, author (0: no member), state, attempts, reply, now.

        Nearly every post is the first one of its content. To read `delivery` while rows are added to it makes SQLite
        keep them aside first, which takes half as long again.
        """
        where = {"content_id": copies["content_id"], "list_id": copies["list_id"]}
        statement = self._others if _ON_ANOTHER_LIST.first(session, where) else self._all
        statement.rows(session, copies)


def _statement(*readers: ColumnElement[bool]) -> Prepared:
    copies: list[Any] = list(_COPIES.values())
    people = membership.join(member, member.c.id == membership.c.member_id).join(
        address, address.c.member_id == membership.c.member_id
    )
    rows = select(*copies).select_from(people).where(*readers, address.c.is_primary)
    return Prepared(insert(delivery).from_select(list(_COPIES), rows, include_defaults=False))
