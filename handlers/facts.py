"""What the deciders know beside the message itself: read from storage before they decide, never by them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from handlers.address import Mailbox
from handlers.letter_answer import LetterAsRead
from handlers.one_mailbox import OneMailbox
from handlers.peer.keys import PeerKey
from handlers.reaction import Reaction
from handlers.token import Secrets
from storage.models import ActionToken, HeldPost, MailingList, Member, Membership, Post
from storage.models_letters import ButtonKind
from storage.models_questions import Question


class Row(Protocol):
    id: int | None


def id_of(row: Row) -> int:
    """The id of a row that storage has given. Raises LookupError for one that was never stored."""
    if row.id is None:
        raise LookupError(f"{type(row).__name__} was never stored")
    return row.id


@dataclass(frozen=True, slots=True)
class Host:
    """What is the same for every message: whose server this is."""

    domain: str  # A-label, lower case
    name: str  # of the community
    operator: str  # address, "" when there is none
    language: str
    timezone: str  # IANA name
    secrets: Secrets
    base_url: str = ""  # of the web part, as members reach it, without the last slash; "" where there is none
    mailbox: OneMailbox | None = None  # the only address there is, in mailbox mode
    peer_key: Callable[[bytes], PeerKey] | None = None  # our private key for a public one; None: no server knows us
    peers_may_ask: bool = False  # also without a code of ours
    posts_per_hour: int = 0  # of one member, before somebody looks at them; 0: nobody counts

    def written_to(self, local: str) -> str:
        """The address at which people reach what is `local`@ at our domain."""
        return self.mailbox.reaching(local) if self.mailbox else f"{local}@{self.domain}"

    def shown(self, local: str, language: str) -> str:
        """The same in a text that a person reads."""
        return self.mailbox.shown(local, language) if self.mailbox else f"{local}@{self.domain}"

    def sent_from(self, local: str) -> str:
        """The address in From, where a provider lets us choose no other than its own."""
        return self.mailbox.address if self.mailbox else f"{local}@{self.domain}"


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """One stored action, and the person it is about."""

    token: ActionToken
    member: Member
    membership: Membership
    addresses: Collection[str]  # keys of the person's addresses


@dataclass(frozen=True, slots=True)
class QuestionFacts:
    """A question of ours, and who may answer it."""

    question: Question
    answerers: Collection[str]  # keys of their addresses
    vouchers: Collection[str] = ()  # of those among them whose yes counts, and whose no leaves it to the others


@dataclass(frozen=True, slots=True)
class SentFacts:
    """A mail of ours that came back, and what it was a part of."""

    member_id: int
    recipient: str
    run: str  # see storage.models_bounces.Bounce
    private_id: int | None = None  # of a private mail


@dataclass(frozen=True, slots=True)
class PrivateFacts:
    """To whom a private mail is, and what stands between the two."""

    reader: Member
    blockers: Collection[int] = ()  # ids: which of the two wants none from the other
    is_reachable: bool = True  # her mailbox
    written_lately: int = 0  # private mails of its writer, in an hour


@dataclass(frozen=True, slots=True)
class RemoteFacts:
    """Somebody of another server to whom a private mail is."""

    name: str
    is_blocked: bool = False  # by its writer, who wants no private mail between the two
    written_today: int = 0  # private mails of its writer to other servers, in a day


@dataclass(frozen=True, slots=True)
class ReactionFacts:
    """That a message is no more than a reaction, and to which post; None: to nothing that we know."""

    reaction: Reaction
    post: Post | None


@dataclass(frozen=True, slots=True)
class MutingFacts:
    """That a message is no more than the wish to hear no more of a conversation, or (not `muted`) to hear it again."""

    muted: bool
    thread_id: int


@dataclass(frozen=True, slots=True)
class OwnPostFacts:
    """That a member takes back what she answers, or (text) wants other words there."""

    text: str | None
    post: Post | None = None  # None: we do not know it
    held: HeldPost | None = None  # it was never posted, and still waits for a decision
    is_hers: bool = False  # the post
    changes_today: int = 0


@dataclass(frozen=True, slots=True)
class ComplaintFacts:
    """Whose copy somebody's mail program marked as spam. `sure`: something that only her copy has tells so."""

    member: Member
    membership: Membership
    sure: bool


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """One numbered conversation of a letter. message_id: of the post that an answer answers."""

    number: int
    title: str
    thread_id: int
    first_post_id: int
    last_post_id: int
    message_id: str


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """The letter of ours that a message answers."""

    edition_id: int
    entries: tuple[EntryFacts, ...]
    as_read: LetterAsRead
    about: str  # Subject of what is said about the letter as a whole
    about_id: str  # Message-ID that all of that answers
    pictures: Collection[bytes] = ()  # SHA-256 of each
    memory_post_id: int | None = None  # the post of another year that it showed

    def entry(self, number: int) -> EntryFacts | None:
        return next((each for each in self.entries if each.number == number), None)


@dataclass(frozen=True, slots=True)
class ButtonFacts:
    """What the button of a letter means, and the conversation of its post."""

    kind: ButtonKind
    post: Post
    title: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What storage knows about one message for one recipient."""

    host: Host
    author: Mailbox | None = None  # who stands in From; None when that is not exactly one person
    mailing_list: MailingList | None = None
    member: Member | None = None  # whose address the author's is
    membership: Membership | None = None  # of that member on this list
    through: Membership | None = None  # on a list that is a member of this one, when she has no place on this one
    answers_member: Member | None = None  # whose copy it answers, by our private reference
    answers_ours: bool = False  # it answers a post of this list
    hiding: Collection[str] = ()  # keys of members' addresses that stand in its Message-IDs
    owners: tuple[str, ...] = ()  # addresses of the people who run the list, of the operator where there are none
    token: TokenFacts | None = None
    question: QuestionFacts | None = None
    said_not_hers: bool = False  # `answers_member` was asked about the author's address before, and it is not hers
    joining_busy: bool = False  # so many ask to join just now that nobody can be answered
    posts_last_hour: int = 0  # of that member, on all lists
    bounced_post: Post | None = None  # what a bounce address is about, when it is a post of `mailing_list`
    sent: SentFacts | None = None  # the same as a mail to one member; None when it went to nobody we know
    complaint: ComplaintFacts | None = None
    private: PrivateFacts | None = None  # of mail to an alias; `mailing_list` is then one that the two share
    remote: RemoteFacts | None = None  # `mailing_list` is then one that is in a space with her
    reaction: ReactionFacts | None = None
    muting: MutingFacts | None = None
    own_post: OwnPostFacts | None = None
    letter: LetterFacts | None = None
    button: ButtonFacts | None = None
    peer_waits: bool = False  # the server that it comes from has sent as much as was agreed
    space: str = ""  # the id of the one that it was written to, beside the list
    is_banned: bool = False  # the list takes nothing from the author's address
    has_posted: bool = True  # the member, on this list; asked only where first posts are held
    is_empty: bool = False  # it answers a post, and nothing in it is its author's own

    @property
    def reads_by(self) -> Membership | None:
        """By what she is among the readers of this list, if she is."""
        return self.through or self.membership

    @property
    def is_known(self) -> bool:
        """Is the address a member's, of whatever list?"""
        return self.member is not None

    @property
    def list_id(self) -> int | None:
        return self.mailing_list.id if self.mailing_list else None

    @property
    def member_id(self) -> int | None:
        return self.member.id if self.member else None
