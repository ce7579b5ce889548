"""The tables of what people say about themselves and each other, and of what was told or forgotten."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from storage.models import Moment


class Listing(SQLModel, table=True):
    """Whether a member wants to stand in the list of members, and how. Without a row she does not."""

    __tablename__: ClassVar[str] = "listing"
    membership_id: int = Field(primary_key=True, foreign_key="membership.id")
    is_listed: bool
    line: str  # as she wrote it; "" is her name alone
    said_at: datetime = Field(sa_type=Moment)


class Vouching(SQLModel, table=True):
    """By whose yes a member came to a list; all members can see it."""

    __tablename__: ClassVar[str] = "vouching"
    membership_id: int = Field(primary_key=True, foreign_key="membership.id")
    voucher_id: int = Field(foreign_key="member.id", index=True)
    vouched_at: datetime = Field(sa_type=Moment)


class AskedMember(SQLModel, table=True):
    """A member whom somebody named who wants to join: she may answer the question whether to let her in."""

    __tablename__: ClassVar[str] = "asked_member"
    token: str = Field(primary_key=True, foreign_key="question.token")
    member_id: int = Field(primary_key=True, foreign_key="member.id")


class DataWish(SQLModel, table=True):
    """A member wants everything that we keep about her: once a day, by the key."""

    __tablename__: ClassVar[str] = "data_wish"
    member_id: int = Field(primary_key=True, foreign_key="member.id")
    day: date = Field(primary_key=True)  # UTC
    list_id: int = Field(foreign_key="mailing_list.id")  # where she asked
    in_reply_to: str  # Message-ID of her request, "" when it had none
    sent_at: datetime | None = Field(default=None, sa_type=Moment)


class Erasure(SQLModel, table=True):
    """That somebody was erased, not who: until the database's log holds nothing of hers either."""

    __tablename__: ClassVar[str] = "erasure"
    id: int | None = Field(default=None, primary_key=True)
    erased_at: datetime = Field(sa_type=Moment)
    swept_at: datetime | None = Field(default=None, sa_type=Moment)


class PastAlias(SQLModel, table=True):
    """An alias that somebody had who was erased, as a keyed hash: nobody else gets it, and nobody can read it."""

    __tablename__: ClassVar[str] = "past_alias"
    mark: str = Field(primary_key=True)


class DailyNote(SQLModel, table=True):
    """That the people of a list, or the operator, have had the note of one day."""

    __tablename__: ClassVar[str] = "daily_note"
    list_id: int = Field(primary_key=True)  # 0: the operator's
    day: date = Field(primary_key=True)  # where the community is
    read_to: int = Field(sa_type=BigInteger)  # id of the last line of the log that it tells of
    noted_at: datetime = Field(sa_type=Moment)


class ListWords(SQLModel, table=True):
    """What the people of a list want said in its letters, and to whom."""

    __tablename__: ClassVar[str] = "list_words"
    list_id: int = Field(primary_key=True, foreign_key="mailing_list.id")
    rules: str = ""  # "": those of every community
    welcome: str = ""
    goodbye: str = ""
    welcomes: bool = True  # is the welcome sent?
    goodbyes: bool = True
    tell_owners: bool = False  # of who joins and leaves
