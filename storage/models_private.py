"""The tables of private mail: what one member wrote to another by her alias, and who wants none from whom."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Column, ForeignKey, Index
from sqlmodel import Field, SQLModel

from storage.models import BigId, Moment


class PrivateMail(SQLModel, table=True):
    """One mail from member to member. It is in no thread, and forgotten some weeks after it was sent."""

    __tablename__: ClassVar[str] = "private_mail"
    __table_args__ = (
        Index("ix_private_mail_reader", "reader_id", "message_id"),
        Index("ix_private_mail_writer", "writer_id", "created_at"),
        Index("ix_private_mail_content", "content_id"),
    )
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    list_id: int = Field(foreign_key="mailing_list.id")  # by which the two know each other
    writer_id: int = Field(foreign_key="member.id")
    reader_id: int = Field(foreign_key="member.id")
    content_id: int = Field(sa_column=Column(BigId, ForeignKey("message.id"), nullable=False))  # as received
    message_id: str  # of the copy; with its angle brackets
    original_message_id: str  # as received ("" when it had none)
    created_at: datetime = Field(sa_type=Moment)


class PrivateBlock(SQLModel, table=True):
    """A member wants no private mail from another. It holds for both directions."""

    __tablename__: ClassVar[str] = "private_block"
    blocker_id: int = Field(primary_key=True, foreign_key="member.id")
    blocked_id: int = Field(primary_key=True, foreign_key="member.id")
    created_at: datetime = Field(sa_type=Moment)
