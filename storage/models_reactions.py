"""The table of reactions: a heart and the like, one of each member for each post."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Column, ForeignKey
from sqlmodel import Field, SQLModel

from storage.models import BigId, Moment


class Reaction(SQLModel, table=True):
    __tablename__: ClassVar[str] = "reaction"
    post_id: int = Field(sa_column=Column(BigId, ForeignKey("post.id"), primary_key=True, autoincrement=False))
    member_id: int = Field(primary_key=True, foreign_key="member.id")
    emoji: str  # one, without its skin colour
    reacted_at: datetime = Field(sa_type=Moment)
