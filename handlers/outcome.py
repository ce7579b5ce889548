"""What is decided about one message for one of its recipients: what SMTP answers, and what is to be written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from handlers.reply import Reply


@dataclass(frozen=True, slots=True)
class Publish:
    """The message becomes a post of a list, and a copy goes to every member who gets each post."""

    list_id: int
    member_id: int | None  # None: a moderator let somebody's mail through who is no member
    author_name: str
    message_id: str  # of the copies, with its angle brackets
    original_message_id: str  # "" when it had none
    in_reply_to: str  # "" for a first post
    references: tuple[str, ...]  # without our private entries
    subject: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """The message waits for a person to decide."""

    reason: str  # one sentence in plain words
    list_id: int | None = None
    member_id: int | None = None  # the author
    ask: bool = True  # the moderators get a notice; automatic mail never causes one
    tell_author: bool = False  # only when we know that the author really wrote it


@dataclass(frozen=True, slots=True)
class Forward:
    """The message goes on to the people who run a list, or to the operator."""

    recipients: tuple[str, ...]
    content: bytes  # the whole message as they get it, unsigned
    list_id: int | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """Whoever was invited said yes."""

    token: str
    membership_id: int


@dataclass(frozen=True, slots=True)
class Decline:
    """Whoever was invited said no."""

    token: str
    membership_id: int


@dataclass(frozen=True, slots=True)
class Leave:
    """A member leaves at once, and is told how to come back."""

    membership_id: int


@dataclass(frozen=True, slots=True)
class Return:
    """A member who left is back in."""

    token: str
    membership_id: int


@dataclass(frozen=True, slots=True)
class Note:
    """A line of the log. `keep`: the message itself is kept beside it."""

    kind: str  # one word, see storage.models.Event
    text: str
    list_id: int | None = None
    member_id: int | None = None
    keep: bool = False


Action = Publish | Hold | Forward | Join | Decline | Leave | Return | Note


@dataclass(frozen=True, slots=True)
class Outcome:
    reply: Reply
    actions: tuple[Action, ...] = ()

    @property
    def accepted(self) -> bool:
        return 200 <= self.reply.code < 300

    @property
    def temporary(self) -> bool:
        return 400 <= self.reply.code < 500


ACCEPTED = Reply(250, "2.0.0", "Thank you, we have it")
NOBODY_HERE = Reply(550, "5.1.1", "Nobody has this address here. Please look at it once more")
TRY_LATER = Reply(451, "4.3.0", "We cannot take this mail just now. Please try again later")
