"""The tables of what lists let in of other servers' posts, and of what other servers report about ours."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import Column, ForeignKey, Index
from sqlmodel import Field, SQLModel

from storage.models import BigId, Moment, words


class RemotePosts(StrEnum):
    """What a list does with posts of other servers."""

    ACCEPT = "accept"
    HELD = "held"  # all are read before they go out
    FIRST_HELD = "first-post-held"  # of each author, until one of hers has gone out


class RemoteRule(SQLModel, table=True):
    """What the people of a list have said about that. Without a row all are accepted."""

    __tablename__: ClassVar[str] = "remote_rule"
    list_id: int = Field(primary_key=True, foreign_key="mailing_list.id")
    posts: RemotePosts = Field(sa_type=words(RemotePosts))


class RemoteTrust(SQLModel, table=True):
    """A post of an author of another server was let out on a list."""

    __tablename__: ClassVar[str] = "remote_trust"
    list_id: int = Field(primary_key=True, foreign_key="mailing_list.id")
    alias: str = Field(primary_key=True, foreign_key="remote_author.alias")
    always: bool  # nobody need be asked again about her, whatever the list does with others
    said_at: datetime = Field(sa_type=Moment)


class HeldRemote(SQLModel, table=True):
    """A post of another server that waits for a decision, or was kept back: later forms of it go the same way."""

    __tablename__: ClassVar[str] = "held_remote"
    __table_args__ = (Index("ix_held_remote_key", "origin", "key"),)
    held_id: int = Field(primary_key=True, foreign_key="held_post.id")
    origin: str
    key: str  # 26 characters
    rev: int
    alias: str = Field(foreign_key="remote_author.alias")
    way: str  # how it would have reached the members
    sealed_content_id: int = Field(sa_column=Column(BigId, ForeignKey("message.id"), nullable=False))
    keep_until: datetime = Field(sa_type=Moment)


class PeerReport(SQLModel, table=True):
    """That another server asked us to look at a post of ours."""

    __tablename__: ClassVar[str] = "peer_report"
    __table_args__ = (Index("ix_peer_report_received_at", "peer", "received_at"),)
    peer: str = Field(primary_key=True)
    digest: str = Field(primary_key=True)  # of the report: the same one may come again
    received_at: datetime = Field(sa_type=Moment)
