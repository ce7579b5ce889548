"""What is decided about one message for one of its recipients: what SMTP answers, and what is to be written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from handlers.address import Mailbox
from handlers.own_post import ChangePost, SayUnchanged, TakeBack, TakeBackHeld
from handlers.peer.consent import Share
from handlers.reply import Reply
from handlers.retry import Fault
from handlers.wishes import AskToForget, AskToMove, Explain, SendDirectory, SetLine, WishData
from storage.models import Awaits, DeliveryMode


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
    cut: bytes = b""  # what is posted, where that is only a part of the message
    space: str = ""  # the id of the one that it may go to


@dataclass(frozen=True, slots=True)
class Hold:
    """The message waits for a person to decide."""

    reason: str  # one sentence in plain words
    list_id: int | None = None
    member_id: int | None = None  # the author
    awaits: Awaits = Awaits.PEOPLE
    maybe_of: int | None = None  # Awaits.ADDRESS: the member who is asked
    ask: bool = True  # those who can decide get a letter; automatic mail never causes one
    ask_hourly: bool = False  # one letter an hour for all that is held of one author for this reason
    tell_author: bool = False  # only when we know that the author really wrote it
    leaving: bool = False  # Awaits.AUTHOR: it asks to take her off a list


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
class AskToJoin:
    """Whoever has this address is asked whether she wants to join."""

    list_id: int
    mailbox: Mailbox
    delivery: DeliveryMode | None  # as she wishes


@dataclass(frozen=True, slots=True)
class SayIsMember:
    """She asked to join, and is a member already."""

    membership_id: int


@dataclass(frozen=True, slots=True)
class AskWhatSheMeant:
    """It was no command, but one is near: the message waits for her yes, or for a person."""

    member_id: int
    command: str  # its name in the tables of phrases
    said: str  # what she wrote, one line


@dataclass(frozen=True, slots=True)
class Yes:
    """A question of ours was answered with yes. `always`: and nobody need ask again about what this author writes."""

    token: str
    always: bool = False


@dataclass(frozen=True, slots=True)
class No:
    """A question of ours was answered with no."""

    token: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Bounced:
    """A mail of ours did not arrive, and what follows from that for the address it was for."""

    member_id: int
    recipient: str
    run: str  # see storage.models_bounces.Bounce
    fault: Fault
    weight: float
    said: str  # by the other server


@dataclass(frozen=True, slots=True)
class Complained:
    """A copy was marked as spam: the mail pauses, and she is asked whether she meant it."""

    membership_id: int


@dataclass(frozen=True, slots=True)
class Keep:
    """She wants to go on getting mail."""

    token: str
    membership_id: int


@dataclass(frozen=True, slots=True)
class SendPrivately:
    """The message goes to one member alone, under aliases."""

    list_id: int  # by which the two know each other
    writer_id: int
    reader_id: int
    message_id: str  # of the copy, with its angle brackets
    original_message_id: str  # "" when it had none


@dataclass(frozen=True, slots=True)
class NotArrived:
    """A private mail was not passed on, and its writer is told why."""

    list_id: int
    writer_id: int
    reader_id: int
    subject: str
    reason: str  # one sentence without its full stop


@dataclass(frozen=True, slots=True)
class PrivateCameBack:
    """A private mail did not arrive, and its writer is told so."""

    private_id: int


@dataclass(frozen=True, slots=True)
class Block:
    """A member wants no private mail from another."""

    blocker_id: int
    blocked_id: int


@dataclass(frozen=True, slots=True)
class Unblock:
    """She takes that back."""

    blocker_id: int
    blocked_id: int


@dataclass(frozen=True, slots=True)
class React:
    """A member's heart, or another emoji, for a post."""

    post_id: int
    member_id: int
    emoji: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """She takes it back."""

    post_id: int
    member_id: int


@dataclass(frozen=True, slots=True)
class ChangeSharing:
    """Her posts may always, never, or once she was asked, leave for the spaces of the list."""

    membership_id: int
    share: Share


@dataclass(frozen=True, slots=True)
class ChangeDelivery:
    """She wants her mail at another pace."""

    membership_id: int
    delivery: DeliveryMode


@dataclass(frozen=True, slots=True)
class Pause:
    """She wants no mail for now."""

    membership_id: int


@dataclass(frozen=True, slots=True)
class GoOn:
    """She is back, and wants to know what she missed."""

    membership_id: int


@dataclass(frozen=True, slots=True)
class SendRest:
    """She wants to read what stood in one line each."""

    membership_id: int
    edition_id: int


@dataclass(frozen=True, slots=True)
class SendCopies:
    """She wants the posts of one conversation whole, or those with photos."""

    membership_id: int
    thread_id: int
    first_post_id: int
    last_post_id: int
    photos: bool


@dataclass(frozen=True, slots=True)
class Mute:
    """She wants to hear no more of a conversation, or (not `muted`) to hear of it again."""

    member_id: int
    thread_id: int
    muted: bool


@dataclass(frozen=True, slots=True)
class HideMemory:
    """No letter shall remember this post again."""

    post_id: int
    member_id: int


@dataclass(frozen=True, slots=True)
class FromPeer:
    """Another server writes to ours; what it means depends on what it wrote before."""


@dataclass(frozen=True, slots=True)
class SendRemotely:
    """The message goes to somebody of another server alone, under aliases."""

    alias: str  # of the reader, in our domain
    writer_id: int
    list_id: int  # by which the two know each other


@dataclass(frozen=True, slots=True)
class BlockRemote:
    """A member wants no private mail from somebody of another server, or wants it again."""

    alias: str
    member_id: int
    blocks: bool


@dataclass(frozen=True, slots=True)
class LetLeave:
    """An author says whether her post may leave for a space: once, always or never."""

    token: str
    answer: str


@dataclass(frozen=True, slots=True)
class Note:
    """A line of the log. `keep`: the message itself is kept beside it."""

    kind: str  # one word, see storage.models.Event
    text: str
    list_id: int | None = None
    member_id: int | None = None
    keep: bool = False


Action = (
    Publish
    | Hold
    | Forward
    | Join
    | Decline
    | Leave
    | Return
    | AskToJoin
    | AskWhatSheMeant
    | SayIsMember
    | Yes
    | No
    | Bounced
    | Complained
    | Keep
    | SendPrivately
    | NotArrived
    | PrivateCameBack
    | Block
    | Unblock
    | React
    | Withdraw
    | ChangeDelivery
    | ChangeSharing
    | Pause
    | GoOn
    | SendRest
    | SendCopies
    | FromPeer
    | SendDirectory
    | SetLine
    | WishData
    | AskToForget
    | AskToMove
    | Explain
    | Mute
    | HideMemory
    | SendRemotely
    | BlockRemote
    | LetLeave
    | TakeBack
    | TakeBackHeld
    | ChangePost
    | SayUnchanged
    | Note
)


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
