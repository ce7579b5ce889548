"""The table of posts that members may have had before their server came back from a backup."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Column, ForeignKey
from sqlmodel import Field, SQLModel

from storage.models import BigId, Moment


class RepeatedPost(SQLModel, table=True):
    """A post that one member gets in a letter, and not as a mail of its own. letter_id: the one that brought it."""

    __tablename__: ClassVar[str] = "repeated_post"
    membership_id: int = Field(primary_key=True, foreign_key="membership.id")
    post_id: int = Field(
        sa_column=Column(BigId, ForeignKey("post.id"), primary_key=True, autoincrement=False, index=True)
    )
    came_at: datetime = Field(sa_type=Moment)
    letter_id: int | None = Field(default=None, sa_column=Column(BigId, ForeignKey("letter.id"), index=True))
