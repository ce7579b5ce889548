"""The tables of posts that travel: ours on their way into a space, and others' that came from one."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import Column, ForeignKey, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.models import BigId, Moment, partial_index, words


class DepartureState(StrEnum):
    ASKING = "asking"  # its author has been asked whether it may leave
    DUE = "due"  # it may
    GONE = "gone"
    HOME = "home"  # it stays
    ELSEWHERE = "elsewhere"  # another list of the space, which its mail names first, lets it go


class Departure(SQLModel, table=True):
    """A post of ours that was written to a space. It is at home from the first moment, whatever becomes of this."""

    __tablename__: ClassVar[str] = "departure"
    __table_args__ = (
        partial_index("ix_departure_due", "post_id", where="state = 'due'"),
        Index("ix_departure_sealed_as", "sealed_as"),
        partial_index("ix_departure_twin", "twin", where="twin <> ''"),
        partial_index("ix_departure_changed", "post_id", where="changed_at IS NOT NULL"),
    )
    post_id: int = Field(sa_column=Column(BigId, ForeignKey("post.id"), primary_key=True, autoincrement=False))
    space: str  # <plum-street.spaces.oak.example>
    state: DepartureState = Field(sa_type=words(DepartureState))
    token: str = ""  # of what its author was asked
    serial: int = 0  # of the roster that she was shown
    sealed_as: str = ""  # its 26 characters in the space, once it has left
    origin: str  # the server that lets it go
    twin: str = ""  # of a mail that went to several lists of the space: what they know it by
    decided_at: datetime | None = Field(default=None, sa_type=Moment)
    left_at: datetime | None = Field(default=None, sa_type=Moment)
    changed_at: datetime | None = Field(default=None, sa_type=Moment)  # since then, a newer form has yet to leave
    created_at: datetime = Field(sa_type=Moment)


class SpaceAuthor(SQLModel, table=True):
    """How a member is known in a space, and whether her posts may go there."""

    __tablename__: ClassVar[str] = "space_author"
    __table_args__ = (UniqueConstraint("space", "token", name="ux_space_author_token"),)
    member_id: int = Field(primary_key=True, foreign_key="member.id")
    space: str = Field(primary_key=True)
    token: str  # 10 random characters, never derived from her address
    share: str = ""  # always, never, ask, or "" for what she says everywhere


class Consent(SQLModel, table=True):
    """What an author said about one post, or about all of them: hers to read."""

    __tablename__: ClassVar[str] = "consent"
    __table_args__ = (Index("ix_consent_member", "member_id", "said_at"),)
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    member_id: int = Field(foreign_key="member.id")
    space: str
    serial: int  # of the roster that it is about
    post_id: int | None = Field(default=None, sa_column=Column(BigId, ForeignKey("post.id")))
    answer: str  # once, always, never; "silence" after a week
    said_at: datetime = Field(sa_type=Moment)


class RemoteAuthor(SQLModel, table=True):
    """Somebody of another server, under an alias in our domain."""

    __tablename__: ClassVar[str] = "remote_author"
    __table_args__ = (UniqueConstraint("space", "origin", "token", name="ux_remote_author_token"),)
    alias: str = Field(primary_key=True)  # r-7hq2m5t4
    space: str
    origin: str  # domain
    token: str
    name: str  # as she wants to be called in the space
    list_name: str  # where she is at home
    created_at: datetime = Field(sa_type=Moment)


class RemoteLetter(SQLModel, table=True):
    """A private mail of a member to somebody of another server. It is forgotten some weeks after it has left."""

    __tablename__: ClassVar[str] = "remote_letter"
    __table_args__ = (
        Index("ix_remote_letter_writer", "writer_id", "created_at"),
        partial_index("ix_remote_letter_waiting", "id", where="left_at IS NULL"),
    )
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    alias: str = Field(foreign_key="remote_author.alias")  # of the reader
    writer_id: int = Field(foreign_key="member.id")
    list_id: int = Field(foreign_key="mailing_list.id")
    content_id: int = Field(sa_column=Column(BigId, ForeignKey("message.id"), nullable=False))
    created_at: datetime = Field(sa_type=Moment)
    left_at: datetime | None = Field(default=None, sa_type=Moment)


class RemoteBlock(SQLModel, table=True):
    """A member wants no private mail from somebody of another server."""

    __tablename__: ClassVar[str] = "remote_block"
    member_id: int = Field(primary_key=True, foreign_key="member.id")
    alias: str = Field(primary_key=True, foreign_key="remote_author.alias")
    created_at: datetime = Field(sa_type=Moment)


class RemotePost(SQLModel, table=True):
    """A post of ours that was written elsewhere. A server with two lists in a space keeps it twice."""

    __tablename__: ClassVar[str] = "remote_post"
    __table_args__ = (Index("ix_remote_post_key", "origin", "key"),)
    post_id: int = Field(sa_column=Column(BigId, ForeignKey("post.id"), primary_key=True, autoincrement=False))
    space: str
    origin: str
    key: str  # 26 characters
    carriers: str = ""  # other servers that brought it to their members: " oak.example birch.example "
    rev: int
    keep_until: datetime = Field(sa_type=Moment, index=True)
    alias: str = Field(foreign_key="remote_author.alias")
