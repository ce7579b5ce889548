"""The table of what we could not handle."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Column, ForeignKey
from sqlmodel import Field, SQLModel

from storage.models import BigId, Moment


class Shunt(SQLModel, table=True):
    """A message that *we* could not handle, set aside with its bytes; never deleted by itself."""

    __tablename__: ClassVar[str] = "shunt"
    id: int | None = Field(default=None, primary_key=True)
    content_id: int = Field(sa_column=Column(BigId, ForeignKey("message.id"), nullable=False))
    delivery_id: int | None = Field(default=None, sa_column=Column(BigId, nullable=True))  # it failed on the way out
    envelope_sender: str = ""
    recipients: str = ""  # separated by blanks
    reason: str
    received_at: datetime = Field(sa_type=Moment)
