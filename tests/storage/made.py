"""What storage tests start from: lists, members and posts made with few words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlmodel import Session

from storage.contents import store_content
from storage.lists import create_list
from storage.members import add_member, join
from storage.models import DeliveryMode, Member, Membership, Post, Role
from storage.posts import Signs, store_post

NOW = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def a_list(session: Session, name: str = "family") -> int:
    return create_list(session, name=name, title=name.capitalize(), now=NOW).id or 0


def a_member(session: Session, name: str) -> Member:
    address = f"{name}@home.example"
    return add_member(session, name=name.capitalize(), alias=name, address=address, key=address, now=NOW)


def on_list(
    session: Session, list_id: int, name: str, delivery: DeliveryMode = DeliveryMode.EACH, role: Role = Role.MEMBER
) -> Membership:
    """A new member who is on the list."""
    member = a_member(session, name)
    return join(
        session,
        list_id=list_id,
        member_id=member.id or 0,
        leave_token=f"{name}{list_id}",
        delivery=delivery,
        role=role,
        now=NOW,
    )


def a_post(
    session: Session,
    list_id: int,
    message_id: str,
    references: Sequence[str] = (),
    *,
    author: int | None = None,
    in_reply_to: str = "",
    original: str | None = None,
    subject: str = "The lake",
    beside: int | None = None,
    now: datetime = NOW,
) -> Post:
    return store_post(
        session,
        list_id=list_id,
        member_id=author,
        author_name="Anna",
        content_id=store_content(session, f"Message-ID: {message_id}\r\n\r\nHello.\r\n".encode(), now),
        message_id=message_id,
        original_message_id=message_id if original is None else original,
        in_reply_to=in_reply_to,
        references=references,
        subject=subject,
        written_at=now,
        received_at=now,
        signs=Signs(subject.removeprefix("Re: ").casefold(), now, thread_id=lambda: beside),
        now=now,
    )
