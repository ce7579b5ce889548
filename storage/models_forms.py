"""The table of what stood in posts before they were changed."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Column, ForeignKey, Index
from sqlmodel import Field, SQLModel

from storage.models import BigId, Moment


class EarlierForm(SQLModel, table=True):
    """A message that a post was. The first one of a post is the mail as it came."""

    __tablename__: ClassVar[str] = "earlier_form"
    __table_args__ = (Index("ix_earlier_form_post", "post_id", "replaced_at"),)
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    post_id: int = Field(sa_column=Column(BigId, ForeignKey("post.id"), nullable=False))
    content_id: int = Field(sa_column=Column(BigId, ForeignKey("message.id"), nullable=False, index=True))
    replaced_at: datetime = Field(sa_type=Moment)
