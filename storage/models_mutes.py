"""The table of conversations that a member wants to hear no more of."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Column, ForeignKey
from sqlmodel import Field, SQLModel

from storage.models import BigId, Moment


class MutedThread(SQLModel, table=True):
    __tablename__: ClassVar[str] = "muted_thread"
    thread_id: int = Field(sa_column=Column(BigId, ForeignKey("thread.id"), primary_key=True, autoincrement=False))
    member_id: int = Field(primary_key=True, foreign_key="member.id", index=True)
    muted_at: datetime = Field(sa_type=Moment)
