"""Which servers and lists a space consists of: a signed, numbered list, each naming the one before by its digest.

spec/federation.md §2.2. Only the steward writes it; chain.py says what a server does with one that comes in.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from handlers.peer.control import Control, Fields, Unreadable, canonical
from handlers.peer.keys import PeerKey, is_signed, key_id, public_key
from handlers.peer.value import (
    moment_text,
    read_digest,
    read_domain,
    read_list_id,
    read_mailbox,
    read_moment,
    read_number,
)

MEBIBYTE = 1024 * 1024
LONGEST_LIFE = timedelta(days=90)
MOST_SERVERS = 150

_CONTEXT = "organic-roster-v1"
_LONGEST_TITLE = 120
_RULES = re.compile(
    r"history=(?P<history>none); notice=(?P<notice>\d{1,4}); keep=(?P<keep>\d{1,5}); "
    r"max-servers=(?P<servers>\d{1,4}); max-post=(?P<post>\d{1,3})MiB"
)
_SPACE = re.compile(r"<([a-z0-9][a-z0-9-]{0,38}[a-z0-9])\.spaces\.([^<>]+)>")


@dataclass(frozen=True, slots=True)
class Rules:
    """What every list owner has agreed to; they stay as they are for the life of a space."""

    notice: int = 72  # hours between the news that a server joins and its joining
    keep: int = 365  # days
    max_servers: int = MOST_SERVERS
    max_post: int = 10 * MEBIBYTE  # bytes, whole mebibytes
    history: str = "none"  # those who join get new posts alone


@dataclass(frozen=True, slots=True)
class Entry:
    """One list of one server. `since`: the serial from which on it is in, or the moment at which it will be."""

    domain: str
    list_id: str  # <garden.oak.example>
    since: int | datetime
    key: bytes  # Ed25519, raw
    relay: str  # the address for mail to it that needs no link

    @property
    def state(self) -> str:
        return "active" if isinstance(self.since, int) else "joining"

    @property
    def key_id(self) -> str:
        return key_id(self.key)

    def counts(self, at: datetime) -> bool:
        """Is it in at that moment? Whoever joins is in from the date on that was announced, without another roster."""
        return isinstance(self.since, int) or self.since <= at


@dataclass(frozen=True, slots=True)
class Roster:
    space: str  # <plum-street.spaces.oak.example>
    title: str
    serial: int
    issued: datetime
    expires: datetime
    steward: str
    successor: str  # "" while there is nobody else
    prev: str  # the digest of the roster before; "" for the first
    rules: Rules
    entries: tuple[Entry, ...]
    signature: str = ""

    @property
    def name(self) -> str:
        return space_name(self.space)

    @property
    def digest(self) -> str:
        """By which the next one names it, in base64."""
        signed = f"{_CONTEXT}\n".encode() + canonical(_unsigned(self))
        return base64.b64encode(hashlib.sha256(signed).digest()).decode()

    def active(self, at: datetime) -> tuple[Entry, ...]:
        """Who is in at that moment. For a post that is its own date, in the roster that its seal names."""
        return tuple(entry for entry in self.entries if entry.counts(at))

    def entry(self, domain: str, at: datetime) -> Entry | None:
        """The first active list of a server."""
        return next((entry for entry in self.entries if entry.domain == domain and entry.counts(at)), None)

    def server(self, domain: str) -> Entry | None:
        """The same, also when it only joins later."""
        return next(iter(self.lists_of(domain)), None)

    def lists_of(self, domain: str) -> tuple[Entry, ...]:
        """All lists of a server, also those that only join later."""
        return tuple(entry for entry in self.entries if entry.domain == domain)


def space_id(name: str, domain: str) -> str:
    """A space lives in the domain of the server that made it."""
    return f"<{name}.spaces.{domain}>"


def space_name(space: str) -> str:
    """Its short name. Raises Unreadable."""
    return _space_parts(space)[0]


def space_home(space: str) -> str:
    """The domain of the server that made it. Raises Unreadable."""
    return _space_parts(space)[1]


def write_roster(roster: Roster, key: PeerKey) -> Control:
    """Signed by the steward, or by the successor. The signature that the roster holds does not count."""
    unsigned = _unsigned(roster)
    return Control((*unsigned, ("k", key.id), ("s", key.sign(_CONTEXT, canonical(unsigned)))))


def read_roster(control: Control) -> Roster:
    """Everything but the signature is checked here. Raises Unreadable."""
    if control.first("v") != "1" or control.type != "roster":
        raise Unreadable("it is no roster")
    entries = tuple(_read_entry(text) for text in control.all("entry"))
    roster = Roster(
        space=control.first("space"),
        title=control.first("title")[:_LONGEST_TITLE],
        serial=read_number(control.first("serial")),
        issued=read_moment(control.first("issued")),
        expires=read_moment(control.first("expires")),
        steward=read_domain(control.first("steward")),
        successor=read_domain(control.first("successor")) if control.first("successor") else "",
        prev=control.first("prev"),
        rules=_read_rules(control.first("rules")),
        entries=entries,
        signature=control.first("s"),
    )
    _check(roster)
    if canonical(control.without("k", "s").fields) != canonical(_unsigned(roster)):
        raise Unreadable("the roster is not in its canonical form")
    return roster


def is_signed_by(roster: Roster, key: bytes) -> bool:
    return is_signed(key, _CONTEXT, canonical(_unsigned(roster)), roster.signature)


def _check(roster: Roster) -> None:
    space_name(roster.space)
    if roster.serial < 1 or (roster.serial == 1) == bool(roster.prev):
        raise Unreadable("serial and the digest of the roster before do not fit")
    if roster.prev:
        read_digest(roster.prev)
    if not roster.issued < roster.expires <= roster.issued + LONGEST_LIFE:
        raise Unreadable("a roster holds for 90 days at most")
    if not roster.entries or len({entry.domain for entry in roster.entries}) > roster.rules.max_servers:
        raise Unreadable("a space has at least one server, and no more than its rules allow")
    if len({entry.list_id for entry in roster.entries}) < len(roster.entries):
        raise Unreadable("a list stands in the roster twice")
    if len({(entry.domain, entry.key, entry.relay) for entry in roster.entries}) > len(
        {entry.domain for entry in roster.entries}
    ):
        raise Unreadable("a server has one key and one address")
    if roster.server(roster.steward) is None or (roster.successor and roster.server(roster.successor) is None):
        raise Unreadable("steward and successor are servers of the space")


def _unsigned(roster: Roster) -> Fields:
    return (
        ("v", "1"),
        ("type", "roster"),
        ("space", roster.space),
        ("title", roster.title),
        ("serial", str(roster.serial)),
        ("issued", moment_text(roster.issued)),
        ("expires", moment_text(roster.expires)),
        ("steward", roster.steward),
        ("successor", roster.successor),
        ("prev", roster.prev),
        ("rules", _rules_text(roster.rules)),
        *(("entry", _entry_text(entry)) for entry in roster.entries),
    )


def _rules_text(rules: Rules) -> str:
    return (
        f"history={rules.history}; notice={rules.notice}; keep={rules.keep}; "
        f"max-servers={rules.max_servers}; max-post={rules.max_post // MEBIBYTE}MiB"
    )


def _read_rules(text: str) -> Rules:
    found = _RULES.fullmatch(text)
    if found is None:
        raise Unreadable("the rules of the roster cannot be read")
    return Rules(
        notice=int(found["notice"]),
        keep=int(found["keep"]),
        max_servers=min(int(found["servers"]), MOST_SERVERS),
        max_post=int(found["post"]) * MEBIBYTE,
        history=found["history"],
    )


def _entry_text(entry: Entry) -> str:
    since = str(entry.since) if isinstance(entry.since, int) else moment_text(entry.since)
    key = base64.b64encode(entry.key).decode()
    return "|".join((entry.domain, entry.list_id, entry.state, since, entry.key_id, key, entry.relay))


def _read_entry(text: str) -> Entry:
    parts = text.split("|")
    if len(parts) != 7 or parts[2] not in ("active", "joining"):
        raise Unreadable("an entry of the roster cannot be read")
    domain, list_id, state, since, named_key, key, relay = parts
    try:
        public = public_key(key)
    except ValueError:
        raise Unreadable("a key of the roster cannot be read") from None
    entry = Entry(
        domain=read_domain(domain),
        list_id=read_list_id(list_id),
        since=read_number(since) if state == "active" else read_moment(since),
        key=public,
        relay=read_mailbox(relay),
    )
    if named_key != entry.key_id:
        raise Unreadable("a key of the roster has another id")
    if not f".{entry.list_id[1:-1]}".endswith(f".{entry.domain}") or entry.relay.rpartition("@")[2] != entry.domain:
        raise Unreadable("an entry of the roster names somebody else's list or address")
    return entry


def _space_parts(space: str) -> tuple[str, str]:
    found = _SPACE.fullmatch(space)
    if found is None:
        raise Unreadable(f"{space[:80]!r} names no space")
    return found[1], read_domain(found[2])
