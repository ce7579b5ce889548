"""What relaying needs to have remembered: the records, and the Protocol of whoever keeps them.

Every function of the core runs inside one transaction that its caller has begun, and writes through `RelayStore` alone;
nothing is kept anywhere else. The daemon keeps it in SQL, the simulator in memory. Records are plain and frozen: a
changed one is saved whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from handlers.peer.keys import PeerKey
from handlers.peer.limits import AGREED, NOTHING_YET, Allowance, Traffic
from handlers.peer.ranges import Ranges
from handlers.peer.relay_mail import PostMail
from handlers.peer.roster import Roster
from handlers.peer.seal import Kind, PostKey, Seal, SealedPost


@dataclass(frozen=True, slots=True)
class Own:
    """Ourselves. `restored_at`: when this server last came back from a backup (spec/federation.md §2.9, epochs)."""

    domain: str
    key: PeerKey
    restored_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that a server has, or had, by its own signed word."""

    id: str
    public: bytes
    until: datetime | None = None  # the date of the last post that it may seal; None: it is the newest
    compromised_since: datetime | None = None


class LinkState(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"  # nothing in or out, what waits is kept
    DORMANT = "dormant"  # silent for 30 days: nothing is kept for it


@dataclass(frozen=True, slots=True)
class Refused:
    """A mail of the peer that we did not take."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A day of a space about which we have asked the peer. `digests`: the peer's ledger of it, and ours."""

    space: str
    day: date
    digests: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Link:
    """Our account with one peer. Whoever makes a link gives the first two lines; all else has a beginning."""

    peer: str  # domain
    address: str  # of the mailbox that it keeps for us
    keys: tuple[KnownKey, ...]  # with which it may sign hops
    epoch: str  # of what we send
    peer_epoch: str  # of what it sends
    heard_at: datetime  # the last mail of it that was really its own; first: when the link became active
    state: LinkState = LinkState.ACTIVE
    next_seq: int = 1  # the number of our next mail
    sent: int = 0  # the highest number that we have handed over or offered
    skips: Ranges = ()  # numbers of ours that will never come
    processed: Ranges = ()  # numbers of its mails that we are done with
    peer_sent: int = 0  # the highest number that it says it has sent
    refused: tuple[Refused, ...] = ()  # the newest 64, told in every status
    gap_since: datetime | None = None
    status_at: datetime | None = None  # our last status
    status_due: datetime | None = None
    peer_status: datetime | None = None  # `time` of its last status; an older one counts no more
    peer_offer: datetime | None = None  # the same of offers and wants
    peer_want: datetime | None = None
    resume_at: datetime | None = None  # nothing is sent before: the peer asked us to pause
    offered_at: datetime | None = None  # our last offer
    is_stale: bool = False  # silent for 48 hours, and its operator has been told
    unaligned: int = 0  # mails in a row whose DKIM did not verify
    asked: tuple[Asked, ...] = ()
    days_wanted: tuple[str, ...] = ()  # "<space>|2026-11-22": to be asked about with the next want
    is_epoch_known: bool = True  # has the peer told us that it knows our epoch?
    allowance: Allowance = AGREED  # how much both sides have agreed to
    given: Traffic = NOTHING_YET  # what went to it
    taken: Traffic = NOTHING_YET  # what came from it
    pause_until: datetime | None = None  # it sent more than that: our status asks it to wait so long
    roster_asked_at: datetime | None = None  # when we last asked it for rosters
    due_at: datetime | None = None  # when to look at it (`due`); first: when the link became active


class RowState(StrEnum):
    WAITING = "waiting"
    HANDED = "handed"  # given to our mail server, not acknowledged
    OFFERED = "offered"  # announced, not wanted yet
    WANTED = "wanted"  # the peer has asked for it
    DONE = "done"  # acknowledged, refused or given up; kept for some days, for a peer that comes back from a backup


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One post for one peer. `seq` counts in the link's epoch."""

    peer: str
    seq: int
    key: PostKey
    size: int  # bytes
    created_at: datetime
    due_at: datetime
    tries: int = 0
    state: RowState = RowState.WAITING
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Offered:
    """A post that a peer has announced and that we have not got yet."""

    peer: str
    seq: int
    key: PostKey
    wanted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A form of a post that we know, whatever became of it. Kept for 120 days at least, retractions for 400."""

    key: PostKey
    digest: str  # of its seal
    kind: Kind
    space: str
    roster: int
    date: datetime  # as sealed
    path: str  # by which it came; "" for a post of our own
    first_at: datetime
    size: int
    author: str = ""  # by what the origin knows her in this space


class Way(StrEnum):
    """How a post reaches the members."""

    EACH = "each"  # as each of them has chosen
    MAY_REPEAT = "may repeat"  # in one digest that says so, and in the archive
    ARCHIVE = "archive"  # it takes the place of an earlier form; nobody gets mail


class Event(StrEnum):
    """What an operator is told."""

    EQUIVOCATION = "two posts under one key"  # the steward, too
    REFUSED = "the peer refused a post"
    NOT_SIGNED = "its mails are not signed by its domain"
    REPEATS = "it sends the same post again and again"  # the link is suspended
    CLOCK = "its clock and ours differ"
    STALE = "nothing heard for 48 hours"
    DORMANT = "nothing heard for 30 days"
    SKIPPED = "posts for it were given up"
    FORGED = "a retraction or edit that its origin did not sign"
    COMPROMISED = "a post sealed with a key that is in other hands"


@dataclass(frozen=True, slots=True)
class Telling:
    """Something for the operator. The same one may come again: whoever tells people tells it once a day."""

    event: Event
    peer: str
    detail: str = ""
    key: PostKey | None = None


@dataclass(frozen=True, slots=True)
class RosterWanted:
    """The peer knows a roster that we do not know: ask it for the chain."""

    peer: str
    space: str
    serial: int


@dataclass(frozen=True, slots=True)
class Reported:
    """Another server asks our operator to look at a post of ours."""

    peer: str
    key: PostKey
    reason: str


Action = Telling | RosterWanted | Reported


class RelayStore(Protocol):
    """What is remembered. All of it is read and written within the caller's transaction.

    The "latest form" of a post is its retraction if there is one, else its highest revision.
    """

    # Links

    def link(self, peer: str) -> Link | None:
        """Active, suspended or dormant; None for one that is severed or was never made."""

    def link_of_token(self, token: str) -> Link | None:
        """Whose mailbox with us has this token."""

    def links(self) -> Sequence[Link]: ...

    def due_links(self, now: datetime) -> Sequence[Link]:
        """Those with `due_at` <= now that are not suspended."""

    def save_link(self, link: Link) -> None: ...

    # Rosters and keys

    def roster(self, space: str, serial: int | None = None) -> Roster | None:
        """The one of this number, or the newest. Only rosters that were accepted."""

    def spaces(self) -> Sequence[str]:
        """Those that we are in."""

    def has_left(self, space: str, domain: str) -> bool:
        """Has this server, which may be ours, said that it leaves, though the newest roster still has it?"""

    def rotated_keys(self, domain: str) -> Sequence[KnownKey]:
        """Of a server that has changed its key, all that it has, or had; else nothing."""

    # Posts

    def seen(self, key: PostKey) -> Seen | None: ...

    def forms(self, key: PostKey) -> Sequence[Seen]:
        """Every revision that we know of this post."""

    def remember(self, seen: Seen, post: SealedPost | None) -> None:
        """With its bytes, if they may be kept. The key is new: a unique index sees to it."""

    def post(self, key: PostKey) -> SealedPost | None:
        """None where it was never seen, or its bytes are gone."""

    def count_of_author(self, seal: Seal, *, since: datetime) -> int:
        """First forms of posts that her server sealed for this author and space, that came after that moment, and
        that are dated within the day before this one's date."""

    def latest(self, space: str, day: date) -> Iterable[Seen]:
        """The latest forms of all posts, of those that are dated on this day (UTC), in any order."""

    def deliver(self, post: SealedPost, way: Way, now: datetime) -> None:
        """To members (each revision at most once to each), and into the archive, in the place of an earlier form."""

    def erase(self, key: PostKey, now: datetime) -> None:
        """Forms below this revision lose their bytes; a retraction's also what is in the archive, in letters that are
        not sent yet, and in deliveries that wait. That they were seen stays."""

    def has_twin(self, space: str, twin: str) -> bool:
        """Did a list of ours in this space get that very mail from its author?"""

    def quarantine(self, mail: PostMail, why: str, now: datetime) -> None:
        """For the operator to look at; neither delivered nor relayed."""

    def count_repeat(self, peer: str, key: PostKey, now: datetime) -> int:
        """How often this peer has sent this post under new numbers within an hour, this time included."""

    # What goes out

    def add_row(self, row: OutboxRow) -> None: ...

    def save_row(self, row: OutboxRow) -> None:
        """The row of this peer and number."""

    def rows_due(self, peer: str, now: datetime, limit: int) -> Sequence[OutboxRow]:
        """Not DONE, `due_at` <= now, by number."""

    def rows_in(self, peer: str, ranges: Ranges, limit: int) -> Sequence[OutboxRow]:
        """With these numbers, in any state, in order."""

    def acknowledge(self, peer: str, ranges: Ranges, now: datetime) -> int:
        """Rows with these numbers become DONE; how many were not yet."""

    def rows_of(self, origin: str, post: str) -> Sequence[OutboxRow]:
        """Of all forms of a post, for all peers, not DONE."""

    def row_for(self, peer: str, key: PostKey) -> OutboxRow | None:
        """The newest one that is not DONE."""

    def count_rows(self, peer: str, *states: RowState) -> int: ...

    def oldest_rows(self, peer: str, *, created_before: datetime, beyond: int) -> Sequence[OutboxRow]:
        """Not DONE; older than that, or the oldest of more than `beyond`."""

    def next_row_due(self, peer: str) -> datetime | None:
        """The earliest `due_at` of a row that is not DONE."""

    def renumber(self, peer: str) -> int:
        """DONE rows go, the others are numbered from 1 in their order and WAITING; the next free number."""

    def prune_rows(self, peer: str, done_before: datetime) -> None: ...

    # What was offered to us

    def offered(self, peer: str) -> Sequence[Offered]:
        """By number."""

    def offers_of(self, key: PostKey) -> Sequence[Offered]:
        """By any peer."""

    def save_offered(self, offered: Offered) -> None:
        """A new one, or in the place of the one of this peer and number."""

    def drop_offered(self, peer: str, seqs: Iterable[int]) -> None: ...
