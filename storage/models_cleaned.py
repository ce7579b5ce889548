"""The table of what goes out in the place of a message: its photos upright and without their place."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Column, ForeignKey, LargeBinary
from sqlmodel import Field, SQLModel

from storage.models import BigId, Moment


class CleanedMessage(SQLModel, table=True):
    """Made from a message when its first copy is; it can be made again at any time, so it is not kept for ever."""

    __tablename__: ClassVar[str] = "cleaned_message"
    content_id: int = Field(
        sa_column=Column(BigId, ForeignKey("message.id"), primary_key=True, autoincrement=False)
    )  # of the message as received
    content: bytes | None = Field(default=None, sa_type=LargeBinary)  # None: the original needs nothing
    size: int = 0  # of the bytes before compression
    compressed: bool = False  # zstd (RFC 8878)
    left_out: str = ""  # JSON: [{name, size, why}] of what copies do not have
    created_at: datetime = Field(sa_type=Moment, index=True)
