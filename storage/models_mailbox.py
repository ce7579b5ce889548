"""The tables of mailbox mode: what we know of the one mailbox, and what has been read in it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, LargeBinary
from sqlmodel import Field, SQLModel

from storage.models import Moment, words


class Fate(StrEnum):
    """What became of a mail in the mailbox."""

    TAKEN = "taken"  # it is ours now, and goes to the folder of what was taken
    LEFT = "left"  # not for us: it stays where it is, for a person to see
    ASIDE = "aside"  # it cannot be read: it goes to the folder of what was set aside


class OwnMailbox(SQLModel, table=True):
    """A mailbox that this community was run from."""

    __tablename__: ClassVar[str] = "own_mailbox"
    address: str = Field(primary_key=True)  # as a key: lower case, domain as A-label
    plus: bool | None = None  # does mail for NAME+anything@ arrive? None: not known
    asked_at: datetime | None = Field(default=None, sa_type=Moment)  # when a letter went out to learn it


class MailboxFolder(SQLModel, table=True):
    """How far a folder has been read (RFC 9051 §2.3.1.1)."""

    __tablename__: ClassVar[str] = "mailbox_folder"
    address: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    uid_validity: int = Field(sa_type=BigInteger)
    last_uid: int = Field(sa_type=BigInteger)  # everything up to here has its fate


class MailboxMail(SQLModel, table=True):
    """A mail that has been read, so that it is never read twice, whatever number the server gives it."""

    __tablename__: ClassVar[str] = "mailbox_mail"
    fingerprint: bytes = Field(sa_type=LargeBinary, primary_key=True)  # SHA-256 of its header
    fate: Fate = Field(sa_type=words(Fate))
    seen_at: datetime = Field(sa_type=Moment, index=True)
