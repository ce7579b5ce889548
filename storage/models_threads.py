"""The table of the marks by which a post finds its thread where Message-IDs do not tell."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Column, ForeignKey
from sqlmodel import Field, SQLModel

from storage.models import BigId, Moment


class ThreadMark(SQLModel, table=True):
    """A base subject under which a thread was written to, or the root of a Thread-Index that one of its posts has."""

    __tablename__: ClassVar[str] = "thread_mark"
    list_id: int = Field(foreign_key="mailing_list.id", primary_key=True)
    mark: str = Field(primary_key=True)
    thread_id: int = Field(sa_column=Column(BigId, ForeignKey("thread.id"), primary_key=True, index=True))
    written_at: datetime = Field(sa_type=Moment)  # the Date of the last post that has it
