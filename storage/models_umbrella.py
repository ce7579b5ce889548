"""The table of umbrella lists: lists that are members of another list."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlmodel import Field, SQLModel

from storage.models import Moment


class MemberList(SQLModel, table=True):
    """Who reads `inner` reads `outer` too. A list may be in several others; a circle is harmless."""

    __tablename__: ClassVar[str] = "member_list"
    outer_id: int = Field(primary_key=True, foreign_key="mailing_list.id")
    inner_id: int = Field(primary_key=True, foreign_key="mailing_list.id", index=True)
    added_at: datetime = Field(sa_type=Moment)
