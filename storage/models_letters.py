"""The tables of the letter: what went to whom on which day, under which numbers, and what its buttons mean."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import Column, ForeignKey, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.models import BigId, Moment, words


class ButtonKind(StrEnum):
    """What a button of a letter does when it is pressed."""

    ANSWER = "answer"  # to everyone, in its conversation
    HEART = "heart"  # for its post


class LetterEdition(SQLModel, table=True):
    """What letters to several members have in common: all but the name, the addresses and the signature."""

    __tablename__: ClassVar[str] = "letter_edition"
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    list_id: int = Field(foreign_key="mailing_list.id")
    content_id: int = Field(sa_column=Column(BigId, ForeignKey("message.id"), nullable=False, index=True))
    language: str
    title: str  # "Sunday's letter", as its readers read it
    written_on: date  # in the time zone of its readers
    made_at: datetime = Field(sa_type=Moment, index=True)
    memory_post_id: int | None = Field(default=None, sa_column=Column(BigId, ForeignKey("post.id"), index=True))
    # the edition whose rest it brings; None: it brings news
    rest_of: int | None = Field(default=None, sa_column=Column(BigId, ForeignKey("letter_edition.id")))


class LetterEntry(SQLModel, table=True):
    """One numbered conversation of an edition."""

    __tablename__: ClassVar[str] = "letter_entry"
    __table_args__ = (Index("ix_letter_entry_thread", "thread_id"),)
    edition_id: int = Field(sa_column=Column(BigId, ForeignKey("letter_edition.id"), primary_key=True))
    number: int = Field(primary_key=True)
    thread_id: int = Field(sa_column=Column(BigId, ForeignKey("thread.id"), nullable=False))
    first_post_id: int = Field(sa_column=Column(BigId, nullable=False))
    last_post_id: int = Field(sa_column=Column(BigId, nullable=False))  # the one that an answer answers
    title: str
    shown: bool  # else it stands in one line, and "more" brings it


class Letter(SQLModel, table=True):
    """An edition as one member got it."""

    __tablename__: ClassVar[str] = "letter"
    __table_args__ = (
        # whatever restarts, clocks and other daemons do: one letter a day
        UniqueConstraint("membership_id", "day", name="ux_letter_day"),
        Index("ix_letter_edition", "edition_id"),
    )
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    edition_id: int = Field(sa_column=Column(BigId, ForeignKey("letter_edition.id"), nullable=False))
    membership_id: int = Field(foreign_key="membership.id")
    day: date | None = None  # hers, in her time zone; None for a letter that was asked for
    message_id: str = Field(unique=True)  # with its angle brackets
    read_from: int = Field(sa_column=Column(BigId, nullable=False))  # id of the last post that she had had before


class LetterReader(SQLModel, table=True):
    """How far a membership's letters have come."""

    __tablename__: ClassVar[str] = "letter_reader"
    membership_id: int = Field(primary_key=True, foreign_key="membership.id")
    read_to: int = Field(sa_column=Column(BigId, nullable=False, autoincrement=False))  # id of the last post; else 0
    letters: int = 0  # how many she has got


class LetterWish(SQLModel, table=True):
    """A letter that a member has asked for, until it is written."""

    __tablename__: ClassVar[str] = "letter_wish"
    membership_id: int = Field(primary_key=True, foreign_key="membership.id")
    # whose rest she wants; None: what she missed
    edition_id: int | None = Field(default=None, sa_column=Column(BigId, ForeignKey("letter_edition.id")))
    made_at: datetime = Field(sa_type=Moment)


class LetterButton(SQLModel, table=True):
    """What mail to LIST-TOKEN@ means; the same for all members, for From says who presses it (contract §3)."""

    __tablename__: ClassVar[str] = "letter_button"
    __table_args__ = (UniqueConstraint("post_id", "kind", name="ux_letter_button"),)
    token: str = Field(primary_key=True)  # Crockford base32, lower case
    kind: ButtonKind = Field(sa_type=words(ButtonKind))
    list_id: int = Field(foreign_key="mailing_list.id")
    post_id: int = Field(sa_column=Column(BigId, ForeignKey("post.id"), nullable=False))
    made_at: datetime = Field(sa_type=Moment)


class LetterAnswer(SQLModel, table=True):
    """The mail out of which one or several posts were cut: an answer to a letter."""

    __tablename__: ClassVar[str] = "letter_answer"
    post_id: int = Field(sa_column=Column(BigId, ForeignKey("post.id"), primary_key=True, autoincrement=False))
    content_id: int = Field(sa_column=Column(BigId, ForeignKey("message.id"), nullable=False, index=True))


class HiddenMemory(SQLModel, table=True):
    """A post that no letter remembers: somebody asked for that."""

    __tablename__: ClassVar[str] = "hidden_memory"
    post_id: int = Field(sa_column=Column(BigId, ForeignKey("post.id"), primary_key=True, autoincrement=False))
    hidden_at: datetime = Field(sa_type=Moment)
