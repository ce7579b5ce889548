"""The table of who may neither write nor join."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlmodel import Field, SQLModel

from storage.models import Moment


class Ban(SQLModel, table=True):
    """Addresses that a list, or the whole community, takes nothing from."""

    __tablename__: ClassVar[str] = "ban"
    id: int | None = Field(default=None, primary_key=True)
    list_id: int | None = Field(default=None, foreign_key="mailing_list.id")  # None: on every list
    pattern: str = Field(index=True)  # the key of an address, in which "*" stands for anything (handlers.ban)
    created_at: datetime = Field(sa_type=Moment)
