"""The table of whose database this is."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlmodel import Field, SQLModel

from storage.models import Moment


class Community(SQLModel, table=True):
    """The one community of this database; its settings stand in organic-mail.toml."""

    __tablename__: ClassVar[str] = "community"
    id: int | None = Field(default=None, primary_key=True)
    domain: str
    created_at: datetime = Field(sa_type=Moment)
    restored_at: datetime | None = Field(default=None, sa_type=Moment)  # from a backup, the last time
