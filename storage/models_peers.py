"""The tables of other servers that we exchange mail with (spec/federation.md §2.1, §2.2).

Cards, nonces and blocks are kept as they came, because signatures and digests are over these very bytes.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from sqlalchemy import LargeBinary
from sqlmodel import Field, SQLModel

from storage.models import Moment, partial_index


class OwnPeerKey(SQLModel, table=True):
    """A key that other servers know us by. The private one is a file; the newest row is the one in use."""

    __tablename__: ClassVar[str] = "own_peer_key"
    id: int | None = Field(default=None, primary_key=True)
    key: bytes = Field(sa_type=LargeBinary)  # Ed25519, raw
    next: str  # base64 of the SHA-256 of the key after it
    mailbox: str  # organic-peer-MAILBOX@ takes mail of servers that share a space, but no link, with us
    made_at: datetime = Field(sa_type=Moment)


class PeerInvite(SQLModel, table=True):
    """A code that our operator has given out."""

    __tablename__: ClassVar[str] = "peer_invite"
    token: str = Field(primary_key=True)
    made_at: datetime = Field(sa_type=Moment)
    used_by: str = ""  # the domain of whoever asked with it
    used_at: datetime | None = Field(default=None, sa_type=Moment)


class Peer(SQLModel, table=True):
    """One link: where its handshake stands, and what was agreed. handlers.peer.handshake.Link has the same fields."""

    __tablename__: ClassVar[str] = "peer"
    __table_args__ = (partial_index("ux_peer_our_mailbox", "our_mailbox", where="our_mailbox <> ''", unique=True),)
    domain: str = Field(primary_key=True)
    state: str
    began_at: datetime = Field(sa_type=Moment)
    changed_at: datetime = Field(sa_type=Moment)
    is_ours: bool
    code_token: str
    code_key_id: str
    our_card: str
    our_nonce: str
    commit: str
    their_card: str = ""
    their_nonce: str = ""
    said_yes: bool = False
    they_said_yes: bool = False
    wrong_words: int = 0
    our_mailbox: str = ""
    our_epoch: str = ""
    their_mailbox: str = ""
    their_epoch: str = ""
    reason: str = ""  # of a link that ended, in words
    is_refused: bool = False  # our operator ended it: what its people write is not for our lists
    heard_at: datetime | None = Field(default=None, sa_type=Moment)  # last mail over the link
    unproven: int = 0  # mails in a row whose DKIM signature did not pass


class HandshakeDay(SQLModel, table=True):
    """How many mails of handshakes came on one day (UTC)."""

    __tablename__: ClassVar[str] = "handshake_day"
    day: date = Field(primary_key=True)
    count: int


class PeerKey(SQLModel, table=True):
    """A key of another server: the one that our operator agreed to, and those that it changed to since."""

    __tablename__: ClassVar[str] = "peer_key"
    domain: str = Field(primary_key=True)
    key: bytes = Field(sa_type=LargeBinary, primary_key=True)
    next: str
    valid_from: datetime = Field(sa_type=Moment)
    valid_until: datetime | None = Field(default=None, sa_type=Moment)  # None: it is the one in use
    compromised_since: datetime | None = Field(default=None, sa_type=Moment)
