"""The table of what we have asked people by mail."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from storage.models import DeliveryMode, Moment, words


class QuestionKind(StrEnum):
    """What a yes means."""

    AUTHOR = "author"  # a member: the mail that waits is mine
    ADDRESS = "address"  # a member: that address is mine too, and so is the mail
    JOINING = "joining"  # whoever has the address: I want to join
    DECISION = "decision"  # who runs the list: let it out
    LINE = "line"  # a member: what stands about me in the list of members; no yes at all
    DEPARTURE = "departure"  # a member: what I wrote may leave for a space
    MOVING = "moving"  # whoever has an address: I am that member, write to me here
    FORGETTING = "forgetting"  # a member: I want to be forgotten
    MEANT = "meant"  # a member: that command is what I meant


class Question(SQLModel, table=True):
    """A question whose answer comes to LIST-TOKEN@ (contract §3). Tokens are those of ActionToken, none is both."""

    __tablename__: ClassVar[str] = "question"
    __table_args__ = (
        Index("ix_question_member", "member_id", "asked_at"),
        Index("ix_question_key", "key", "asked_at"),
        Index("ix_question_kind", "kind", "asked_at"),
    )
    token: str = Field(primary_key=True)  # Crockford base32, lower case
    kind: QuestionKind = Field(sa_type=words(QuestionKind))
    list_id: int = Field(foreign_key="mailing_list.id")
    member_id: int | None = Field(default=None, foreign_key="member.id")  # whom we asked
    held_id: int | None = Field(default=None, foreign_key="held_post.id", index=True)  # DECISION, MEANT: about what
    key: str = ""  # ADDRESS, JOINING: of the address that it is about; MEANT: the name of the command
    address: str = ""  # the same as it was written
    name: str = ""  # of who wrote from it
    delivery: DeliveryMode | None = Field(default=None, sa_type=words(DeliveryMode))  # JOINING: as she wishes
    asked_at: datetime = Field(sa_type=Moment)
    expires_at: datetime = Field(sa_type=Moment)
    reminded_at: datetime | None = Field(default=None, sa_type=Moment)
    answered_at: datetime | None = Field(default=None, sa_type=Moment)
    said_yes: bool | None = None
