"""The tables of spaces: several servers' lists that hear each other (spec/federation.md §2.2)."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlmodel import Field, SQLModel

from storage.models import Moment


class Space(SQLModel, table=True):
    """A space that a list of ours is in, or was."""

    __tablename__: ClassVar[str] = "space"
    id: str = Field(primary_key=True)  # <plum-street.spaces.oak.example>
    name: str = Field(index=True)  # plum-street
    serial: int  # of the roster that we go by
    joined_at: datetime = Field(sa_type=Moment)
    left_at: datetime | None = Field(default=None, sa_type=Moment)
    frozen_at: datetime | None = Field(default=None, sa_type=Moment)  # two rosters of one serial: nothing goes out
    frozen_why: str = ""


class SpaceSeat(SQLModel, table=True):
    """A list of ours that is in a space, or waits for the roster that lets it in."""

    __tablename__: ClassVar[str] = "space_seat"
    space_id: str = Field(primary_key=True, foreign_key="space.id")
    list_id: int = Field(primary_key=True, foreign_key="mailing_list.id")
    accepted_at: datetime = Field(sa_type=Moment)


class Roster(SQLModel, table=True):
    """Every roster of a space that we have, as it was signed."""

    __tablename__: ClassVar[str] = "roster"
    space_id: str = Field(primary_key=True)
    serial: int = Field(primary_key=True)
    block: str  # canonical
    received_at: datetime = Field(sa_type=Moment)


class SpaceInvitation(SQLModel, table=True):
    """A list was asked to join a space: one of ours by its steward, or by us, the steward, one of somebody else's."""

    __tablename__: ClassVar[str] = "space_invitation"
    space_id: str = Field(primary_key=True)
    domain: str = Field(primary_key=True)  # of the list that is asked
    list_name: str = Field(primary_key=True)
    block: str  # canonical; of the roster at that moment, when we are asked
    via: str  # by which peer it came, "" when we ask
    asked_at: datetime = Field(sa_type=Moment)
    answered_at: datetime | None = Field(default=None, sa_type=Moment)


class SpaceLeave(SQLModel, table=True):
    """A server has left, and counts no more, whatever an older roster says."""

    __tablename__: ClassVar[str] = "space_leave"
    space_id: str = Field(primary_key=True)
    domain: str = Field(primary_key=True)
    serial: int  # of the roster that it knew; a later one may let it in again
    erase: bool
    left_at: datetime = Field(sa_type=Moment)
