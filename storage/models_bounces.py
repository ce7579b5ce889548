"""The tables of what came back: failures by address, addresses that get no mail, and why a membership is paused.

An address stands here only as its mark, a keyed hash (handlers.token.address_marks), so that a row can outlive the
person's data: an erased address is not written to again, and nobody can read from a row whose it was.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from storage.models import BigId, Moment, partial_index, words


class Blame(StrEnum):
    """Whom a mail that came back speaks against."""

    HARD = "hard"  # the address: there is none, or it is closed
    SOFT = "soft"  # the mailbox: full, or out of reach for days
    OURS = "ours"  # us: our reputation, set-up or commands; never counted against anybody


class PauseReason(StrEnum):
    BOUNCES = "bounces"
    COMPLAINT = "complaint"


class Bounce(SQLModel, table=True):
    """One mail that did not arrive."""

    __tablename__: ClassVar[str] = "bounce"
    __table_args__ = (partial_index("ix_bounce_fresh", "at", where="NOT judged"),)
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    at: datetime = Field(sa_type=Moment, index=True)
    mark: str = Field(index=True)
    member_id: int | None = None
    domain: str  # of the address
    blame: Blame = Field(sa_type=words(Blame))
    weight: float  # what it counts by itself; 0 for OURS
    run: str = Field(index=True)  # of what fan-out it was a part: "post:12"; letters of ours: "letters:2026-11-22"
    said: str  # by the other server, without addresses
    judged: bool = False  # the score was looked at with this in it
    void: bool = False  # so much of its run came back that it tells nothing about one address


class Suppression(SQLModel, table=True):
    """An address that gets no mail any more but a probe now and then."""

    __tablename__: ClassVar[str] = "suppression"
    mark: str = Field(primary_key=True)
    member_id: int | None = Field(default=None, index=True)  # whose it was when it was suppressed
    since: datetime = Field(sa_type=Moment)
    probes: int = 0  # that were sent
    next_probe_at: datetime | None = Field(default=None, sa_type=Moment, index=True)


class Pause(SQLModel, table=True):
    """Why a membership was paused the last time. Says nothing while its status is another."""

    __tablename__: ClassVar[str] = "pause"
    membership_id: int = Field(primary_key=True, foreign_key="membership.id")
    reason: PauseReason = Field(sa_type=words(PauseReason))
    since: datetime = Field(sa_type=Moment)
