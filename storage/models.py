"""The tables: what storage remembers, and the vocabulary that the handlers speak.

Rows are plain SQLModel objects without lazy relationships, so that a row read in one transaction can be
carried into a pure function after it. Every moment is an aware UTC datetime. Words: design, "Words".
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Enum,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Every constraint has the same name on every database, so that a later migration can change it."""

BigId = BigInteger().with_variant(Integer, "sqlite")
"""64 bits everywhere; SQLite only counts up by itself on a column declared INTEGER."""


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime. SQLite keeps no time zone, so it is put back when read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment without a time zone: {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def words(kind: type[StrEnum]) -> Any:
    """The column type of one of the small vocabularies below: its words as text, checked when written."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=16,
        values_callable=lambda members: [member.value for member in members],
    )


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Of rows that meet a condition. PostgreSQL's stands in the migrations: here it would load that dialect (2 MB)."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where))


class Posting(StrEnum):
    MEMBERS = "members"
    MODERATED = "moderated"
    ANNOUNCE = "announce"


class Joining(StrEnum):
    VOUCHED = "vouched"
    OPEN = "open"
    CLOSED = "closed"


class Strangers(StrEnum):
    """What becomes of posts by people who are no members."""

    REFUSED = "refused"
    HELD = "held"
    DISCARDED = "discarded"


class DeliveryMode(StrEnum):
    EACH = "each"
    DAILY = "daily"
    WEEKLY = "weekly"
    NONE = "none"


class Role(StrEnum):
    MEMBER = "member"
    MODERATOR = "moderator"
    OWNER = "owner"


class Status(StrEnum):
    """Where a membership stands. Only ACTIVE ones write and receive; PAUSED ones still write."""

    INVITED = "invited"
    ACTIVE = "active"
    PAUSED = "paused"
    LEFT = "left"


class Replies(StrEnum):
    LIST = "list"
    AUTHOR = "author"


class DeliveryState(StrEnum):
    DUE = "due"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    HELD = "held"


class HeldState(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    DISCARDED = "discarded"


class Awaits(StrEnum):
    """Who can let a held message go on."""

    PEOPLE = "people"  # those who run the list, or the operator
    AUTHOR = "author"  # she in whose name it came, at the address that we know
    ADDRESS = "address"  # the member to whom the unknown address of its author may belong


class TokenAction(StrEnum):
    """What one stored action does when its address is written to (contract §3)."""

    JOIN = "join"  # the answer to an invitation
    LEAVE = "leave"  # List-Unsubscribe of one membership
    RETURN = "return"  # the answer to a goodbye
    KEEP = "keep"  # the answer to whether paused mail shall come again


class KeyState(StrEnum):
    NEXT = "next"  # published, not signing yet
    ACTIVE = "active"
    RETIRED = "retired"  # still published, so that mail on its way verifies


class SigningKey(SQLModel, table=True):
    """A DKIM selector (RFC 6376 §3.1); the private key itself is the file HOME/keys/SELECTOR.pem."""

    __tablename__: ClassVar[str] = "signing_key"
    selector: str = Field(primary_key=True)
    state: KeyState = Field(sa_type=words(KeyState))
    public_key: str  # base64 DER SubjectPublicKeyInfo: the p= of the record (RFC 6376 §3.6.1)
    created_at: datetime = Field(sa_type=Moment)
    retired_at: datetime | None = Field(default=None, sa_type=Moment)


class MailingList(SQLModel, table=True):
    __tablename__: ClassVar[str] = "mailing_list"
    __table_args__ = (partial_index("ux_mailing_list_name", "name", where="removed_at IS NULL", unique=True),)
    id: int | None = Field(default=None, primary_key=True)
    name: str  # the local part, lower case
    title: str
    posting: Posting = Field(default=Posting.MEMBERS, sa_type=words(Posting))
    delivery: DeliveryMode = Field(default=DeliveryMode.EACH, sa_type=words(DeliveryMode))
    joining: Joining = Field(default=Joining.VOUCHED, sa_type=words(Joining))
    replies: Replies = Field(default=Replies.LIST, sa_type=words(Replies))
    strangers: Strangers = Field(default=Strangers.REFUSED, sa_type=words(Strangers))
    first_posts_held: bool = False  # who has not posted yet is read before it goes out
    emergency: bool = False  # nothing goes out that nobody has read
    bounces_to_owners: bool = False  # what came back and cannot be read
    held_days: int = 0  # for so long held posts wait; 0: until somebody decides
    header_rules: str = ""  # what fields of a header do, a line each: see handlers.header_rules
    created_at: datetime = Field(sa_type=Moment)
    removed_at: datetime | None = Field(default=None, sa_type=Moment)


class Member(SQLModel, table=True):
    """A person. What belongs to one list of hers stands in Membership."""

    __tablename__: ClassVar[str] = "member"
    id: int | None = Field(default=None, primary_key=True)
    name: str
    alias: str = Field(unique=True)  # local part in our domain; never given to anybody else
    language: str = "en"  # BCP 47
    timezone: str = "UTC"  # IANA name
    hour: int = 7  # local hour of the letter
    address_shown: bool = False  # she chose that others see her real address
    share: str = "ask"  # never | ask | always: may her posts leave for a space
    home: str = ""  # domain of the server that is her home for spaces
    created_at: datetime = Field(sa_type=Moment)


class Address(SQLModel, table=True):
    """One address of a member. `key` is what two spellings of one address share (handlers.address.address_key)."""

    __tablename__: ClassVar[str] = "address"
    __table_args__ = (partial_index("ux_address_primary", "member_id", where="is_primary", unique=True),)
    id: int | None = Field(default=None, primary_key=True)
    member_id: int = Field(foreign_key="member.id", index=True)
    address: str  # as given: what we write on the envelope
    key: str = Field(unique=True)
    is_primary: bool = True
    created_at: datetime = Field(sa_type=Moment)


class Membership(SQLModel, table=True):
    __tablename__: ClassVar[str] = "membership"
    __table_args__ = (
        UniqueConstraint("list_id", "member_id", name="ux_membership"),
        Index("ix_membership_member", "member_id"),
    )
    id: int | None = Field(default=None, primary_key=True)
    list_id: int = Field(foreign_key="mailing_list.id")
    member_id: int = Field(foreign_key="member.id")
    role: Role = Field(default=Role.MEMBER, sa_type=words(Role))
    delivery: DeliveryMode = Field(sa_type=words(DeliveryMode))
    status: Status = Field(sa_type=words(Status))
    own_posts: bool = True  # she gets her own posts back
    second_copy: bool = True  # also of posts that name her in To or Cc, so that she has them already
    moderated: bool = False  # her posts are read before they go out
    trusted: bool = False  # they are not, on a moderated list
    weekday: int = 6  # of the weekly letter, Monday is 0
    joined_at: datetime | None = Field(default=None, sa_type=Moment)
    created_at: datetime = Field(sa_type=Moment)


class Message(SQLModel, table=True):
    """Header and body as bytes, once for each content; never changed after it is written."""

    __tablename__: ClassVar[str] = "message"
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    sha256: bytes = Field(sa_type=LargeBinary, unique=True)  # of the bytes before compression
    size: int  # of the bytes before compression
    content: bytes = Field(sa_type=LargeBinary)
    compressed: bool = False  # zstd (RFC 8878)
    created_at: datetime = Field(sa_type=Moment)


class Thread(SQLModel, table=True):
    __tablename__: ClassVar[str] = "thread"
    __table_args__ = (Index("ix_thread_list", "list_id", "last_post_at"),)
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    list_id: int = Field(foreign_key="mailing_list.id")
    subject: str  # of its first post, decoded
    posts: int = 0
    last_post_at: datetime = Field(sa_type=Moment)
    created_at: datetime = Field(sa_type=Moment)


class ThreadReference(SQLModel, table=True):
    """A Message-ID that a thread has or waits for: so an answer that comes first finds its parent later.

    Together these rows are the tree of RFC 5256 §3 (REFERENCES, step 1), with a row for a missing message too.
    """

    __tablename__: ClassVar[str] = "thread_reference"
    list_id: int = Field(foreign_key="mailing_list.id", primary_key=True)
    message_id: str = Field(primary_key=True)
    parent: str = ""  # the Message-ID above it in the tree, "" at the root
    thread_id: int = Field(sa_column=Column(BigId, ForeignKey("thread.id"), nullable=False, index=True))


class Post(SQLModel, table=True):
    """A message accepted for a list."""

    __tablename__: ClassVar[str] = "post"
    __table_args__ = (
        UniqueConstraint("list_id", "message_id", name="ux_post_message_id"),
        Index("ix_post_thread", "thread_id", "received_at"),
        Index("ix_post_member", "member_id", "accepted_at"),
        Index("ix_post_content", "content_id"),
    )
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    list_id: int = Field(foreign_key="mailing_list.id")
    thread_id: int = Field(sa_column=Column(BigId, ForeignKey("thread.id"), nullable=False))
    content_id: int = Field(sa_column=Column(BigId, ForeignKey("message.id"), nullable=False))
    member_id: int | None = Field(default=None, foreign_key="member.id")  # the author
    author_name: str  # as the members see it
    message_id: str  # of the copies; with its angle brackets
    original_message_id: str  # as received ("" when it had none)
    in_reply_to: str = ""  # the Message-ID of the copies that it answers, "" for a first post
    subject: str  # decoded
    written_at: datetime = Field(sa_type=Moment)  # the Date field, else the moment of arrival
    received_at: datetime = Field(sa_type=Moment)
    accepted_at: datetime = Field(sa_type=Moment)  # later than received_at when it was held
    removed_at: datetime | None = Field(default=None, sa_type=Moment)


class Arrival(SQLModel, table=True):
    """What has been taken from the wire, so that its second arrival is recognised (RFC 1047; spec/mail.md §3.6 G3)."""

    __tablename__: ClassVar[str] = "arrival"
    fingerprint: bytes = Field(sa_type=LargeBinary, primary_key=True)
    received_at: datetime = Field(sa_type=Moment, index=True)


class Delivery(SQLModel, table=True):
    """One message to one recipient: the queue."""

    __tablename__: ClassVar[str] = "delivery"
    __table_args__ = (
        partial_index("ix_delivery_due", "due_at", "id", where="state IN ('due', 'deferred')"),
        partial_index("ix_delivery_sending", "lease_until", where="state = 'sending'"),
        partial_index("ix_delivery_settled", "settled_at", where="settled_at IS NOT NULL"),
        partial_index("ix_delivery_held", "membership_id", where="state = 'held'"),
        Index("ix_delivery_post", "post_id"),
        partial_index("ix_delivery_letter", "content_id", where="post_id IS NULL"),
        partial_index("ix_delivery_private", "private_id", where="private_id IS NOT NULL"),
        partial_index("ix_delivery_letter_id", "letter_id", where="letter_id IS NOT NULL"),
        partial_index("ux_delivery_cause", "recipient", "cause", where="cause IS NOT NULL", unique=True),
    )
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    post_id: int | None = Field(default=None, sa_column=Column(BigId, ForeignKey("post.id")))
    private_id: int | None = Field(default=None, sa_column=Column(BigId, ForeignKey("private_mail.id")))
    letter_id: int | None = Field(default=None, sa_column=Column(BigId, ForeignKey("letter.id")))
    content_id: int = Field(sa_column=Column(BigId, ForeignKey("message.id"), nullable=False))
    list_id: int | None = Field(default=None, foreign_key="mailing_list.id")
    member_id: int | None = Field(default=None, foreign_key="member.id")
    membership_id: int | None = Field(default=None, foreign_key="membership.id")
    recipient: str  # the address on the envelope
    language: str  # of the line at the end of the copy
    cause: str | None = None  # notices: what made us write, so that one human action gets one mail
    state: DeliveryState = Field(default=DeliveryState.DUE, sa_type=words(DeliveryState))
    attempts: int = 0
    due_at: datetime = Field(sa_type=Moment)
    lease_until: datetime | None = Field(default=None, sa_type=Moment)
    claimed_by: str | None = None  # HOST:PID:start, so that a dead daemon's claims can be told
    last_reply: str = ""
    created_at: datetime = Field(sa_type=Moment)
    settled_at: datetime | None = Field(default=None, sa_type=Moment)
    expires_at: datetime | None = Field(default=None, sa_type=Moment)  # it is of no use later


class HeldPost(SQLModel, table=True):
    """A message that waits for a person to decide."""

    __tablename__: ClassVar[str] = "held_post"
    id: int | None = Field(default=None, primary_key=True)
    list_id: int | None = Field(default=None, foreign_key="mailing_list.id", index=True)
    content_id: int = Field(sa_column=Column(BigId, ForeignKey("message.id"), nullable=False))
    member_id: int | None = Field(default=None, foreign_key="member.id", index=True)
    envelope_sender: str
    recipient: str  # the address it was written to
    author: str  # name and address of From, for the operator's eyes
    subject: str
    reason: str  # one sentence in plain words
    awaits: Awaits = Field(default=Awaits.PEOPLE, sa_type=words(Awaits))
    question: str = ""  # ADDRESS: the token of what that member was asked
    state: HeldState = Field(default=HeldState.WAITING, sa_type=words(HeldState))
    received_at: datetime = Field(sa_type=Moment)
    decided_at: datetime | None = Field(default=None, sa_type=Moment)


class ActionToken(SQLModel, table=True):
    """One stored action, reached by mail to LIST-TOKEN@ (contract §3)."""

    __tablename__: ClassVar[str] = "action_token"
    __table_args__ = (Index("ix_action_token_membership", "membership_id", "action"),)
    token: str = Field(primary_key=True)  # Crockford base32, lower case
    action: TokenAction = Field(sa_type=words(TokenAction))
    list_id: int = Field(foreign_key="mailing_list.id")
    member_id: int = Field(foreign_key="member.id")
    membership_id: int = Field(foreign_key="membership.id")
    created_at: datetime = Field(sa_type=Moment)
    expires_at: datetime | None = Field(default=None, sa_type=Moment)
    used_at: datetime | None = Field(default=None, sa_type=Moment)


class Event(SQLModel, table=True):
    """What happened, in plain words: `organic-mail log`."""

    __tablename__: ClassVar[str] = "event"
    __table_args__ = (
        Index("ix_event_list", "list_id", "id"),
        partial_index("ix_event_content", "content_id", where="content_id IS NOT NULL"),
    )
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    at: datetime = Field(sa_type=Moment)
    kind: str  # one word: posted, held, dropped, repeated, refused, joined, left, sent, deferred, failed, shunted …
    text: str
    list_id: int | None = Field(default=None, foreign_key="mailing_list.id")
    post_id: int | None = Field(default=None, sa_column=Column(BigId, nullable=True))
    member_id: int | None = None
    content_id: int | None = Field(default=None, sa_column=Column(BigId, nullable=True))
