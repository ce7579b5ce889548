"""The tables of what is relayed between servers: the account with each peer, what we have seen, what waits."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, Column, ForeignKey, Index
from sqlmodel import Field, SQLModel

from storage.models import BigId, Moment, partial_index


class RelayAccount(SQLModel, table=True):
    """What we and one peer have exchanged. Without a row nothing has been yet."""

    __tablename__: ClassVar[str] = "relay_account"
    peer: str = Field(primary_key=True, foreign_key="peer.domain")
    account: str  # JSON: it is read and written whole
    due_at: datetime | None = Field(default=None, sa_type=Moment, index=True)


class Relayed(SQLModel, table=True):
    """A form of a post that we know, whatever became of it: nothing is delivered or passed on twice."""

    __tablename__: ClassVar[str] = "relayed"
    __table_args__ = (
        Index("ix_relayed_space", "space", "date"),
        Index("ix_relayed_first_at", "first_at"),
        Index("ix_relayed_author", "origin", "author", "date"),
    )
    origin: str = Field(primary_key=True)
    post: str = Field(primary_key=True)
    rev: int = Field(primary_key=True)
    digest: str  # of its seal, base64
    kind: str
    space: str
    roster: int
    date: datetime = Field(sa_type=Moment)
    path: str
    size: int  # bytes
    content_id: int | None = Field(default=None, sa_column=Column(BigId, ForeignKey("message.id"), nullable=True))
    author: str  # by what its origin knows her in this space
    first_at: datetime = Field(sa_type=Moment)


class OutboxEntry(SQLModel, table=True):
    """One post for one peer. Done is what the peer has acknowledged, never what a mail server took."""

    __tablename__: ClassVar[str] = "outbox_entry"
    __table_args__ = (
        partial_index("ix_outbox_entry_due", "peer", "due_at", where="state <> 'done'"),
        Index("ix_outbox_entry_post", "origin", "post"),
    )
    peer: str = Field(primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    origin: str
    post: str
    rev: int
    size: int
    created_at: datetime = Field(sa_type=Moment)
    due_at: datetime = Field(sa_type=Moment)
    tries: int
    state: str
    done_at: datetime | None = Field(default=None, sa_type=Moment)


class OfferedEntry(SQLModel, table=True):
    """What a peer has announced, and we have not got yet."""

    __tablename__: ClassVar[str] = "offered_entry"
    __table_args__ = (Index("ix_offered_entry_post", "origin", "post", "rev"),)
    peer: str = Field(primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    origin: str
    post: str
    rev: int
    wanted_at: datetime | None = Field(default=None, sa_type=Moment)


class DirectNumber(SQLModel, table=True):
    """The number of a mail that came straight from a server of a space, without a link."""

    __tablename__: ClassVar[str] = "direct_number"
    sender: str = Field(primary_key=True)
    number: str = Field(primary_key=True)  # 128 bits: too long for an integer of SQL
    author: str = ""  # of a private mail: by what its server knows her
    received_at: datetime = Field(sa_type=Moment, index=True)


class RelayRepeat(SQLModel, table=True):
    """That a peer sent a post again under a new number."""

    __tablename__: ClassVar[str] = "relay_repeat"
    __table_args__ = (Index("ix_relay_repeat_post", "peer", "post", "sent_at"),)
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    peer: str
    post: str  # ORIGIN/POST/REV
    sent_at: datetime = Field(sa_type=Moment)
