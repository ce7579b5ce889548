"""How lists come into a space and out of it: asked by the steward, said yes to by their owner, gone at their word.

spec/federation.md §2.2. Every block is signed by the server that speaks, so that it may come by way of another one.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from handlers.peer.card import enclosed, opened
from handlers.peer.control import Control, Fields, Unreadable, canonical
from handlers.peer.keys import PeerKey, is_signed, public_key
from handlers.peer.roster import (
    LONGEST_LIFE,
    Entry,
    Roster,
    Rules,
    is_signed_by,
    read_roster,
    space_home,
    space_name,
    write_roster,
)
from handlers.peer.value import moment_text, read_domain, read_list_id, read_mailbox, read_moment, read_number

INVITE, ACCEPT, LEAVE, WANT_ROSTER = "space-invite", "space-accept", "leave", "roster-want"

_CONTEXTS = {INVITE: "organic-space-invite-v1", ACCEPT: "organic-space-accept-v1", LEAVE: "organic-leave-v1"}


@dataclass(frozen=True, slots=True)
class Invitation:
    """The steward asks the owner of a list; the roster says who is in, by which rules."""

    space: str
    steward: str
    to: str  # domain
    list_id: str
    roster: Roster
    block: Control  # of the roster


@dataclass(frozen=True, slots=True)
class Acceptance:
    """She said yes: how her server is reached, and by which key it is known."""

    space: str
    domain: str
    list_id: str
    key: bytes
    relay: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Leave:
    """A server is out at once. serial: of the roster that it knew."""

    space: str
    domain: str
    serial: int
    erase: bool
    at: datetime


def list_id_of(name: str, domain: str) -> str:
    return f"<{name}.{domain}>"


def list_name(list_id: str, domain: str) -> str:
    """What stands before the @ of a list of that server."""
    return list_id[1:-1].removesuffix(f".{domain}")


def founded(space: str, title: str, entry: Entry, rules: Rules, *, now: datetime) -> Roster:
    """The first roster: the steward's own list, alone."""
    issued = now.replace(microsecond=0)
    return Roster(
        space=space,
        title=title,
        serial=1,
        issued=issued,
        expires=issued + LONGEST_LIFE,
        steward=entry.domain,
        successor="",
        prev="",
        rules=rules,
        entries=(replace(entry, since=1),),
    )


def following(known: Roster, entries: Sequence[Entry], *, steward: str, now: datetime) -> Roster:
    """The next roster with these entries; whose day has come is active in it."""
    issued = max(now.replace(microsecond=0), known.issued)
    serial = known.serial + 1
    settled = tuple(
        replace(entry, since=serial)
        if not isinstance(entry.since, int) and entry.since <= issued and _stood(known, entry)
        else entry
        for entry in entries
    )
    others = [entry.domain for entry in settled if entry.domain != steward and entry.counts(issued)]
    successor = known.successor if known.successor in others else next(iter(others), "")
    return replace(
        known,
        serial=serial,
        issued=issued,
        expires=issued + LONGEST_LIFE,
        steward=steward,
        successor=successor,
        prev=known.digest,
        entries=settled,
        signature="",
    )


def joining(known: Roster, acceptance: Acceptance, *, now: datetime) -> Entry:
    """The entry of a list that said yes: from the day on that the notice of the space allows."""
    issued = max(now.replace(microsecond=0), known.issued)
    since = issued + timedelta(hours=known.rules.notice)
    return Entry(acceptance.domain, acceptance.list_id, since, acceptance.key, acceptance.relay)


def write_invitation(roster: Control, space: str, *, steward: str, to: str, list_id: str, key: PeerKey) -> Control:
    fields = (
        ("v", "1"),
        ("type", INVITE),
        ("space", space),
        ("from", steward),
        ("to", to),
        ("list", list_id),
        *enclosed("roster", roster),
    )
    return _signed(INVITE, fields, key)


def read_invitation(control: Control) -> Invitation:
    """Signed by the steward whom its own roster names; whether that is the right one is known elsewhere.

    Raises Unreadable.
    """
    _check_kind(control, INVITE)
    block = opened("roster", control)
    roster = read_roster(block)
    steward = roster.server(roster.steward)
    space = control.first("space")
    if steward is None or roster.space != space or read_domain(control.first("from")) != roster.steward:
        raise Unreadable("the invitation and its roster are of different spaces")
    if not is_signed_by(roster, steward.key):
        raise Unreadable("the roster of the invitation is not signed by its steward")
    _check_signature(control, INVITE, steward.key)
    return Invitation(
        space, roster.steward, read_domain(control.first("to")), read_list_id(control.first("list")), roster, block
    )


def write_acceptance(acceptance: Acceptance, *, to: str, key: PeerKey) -> Control:
    fields = (
        ("v", "1"),
        ("type", ACCEPT),
        ("space", acceptance.space),
        ("from", acceptance.domain),
        ("to", to),
        ("list", acceptance.list_id),
        ("key", base64.b64encode(acceptance.key).decode()),
        ("relay", acceptance.relay),
        ("at", moment_text(acceptance.at)),
    )
    return _signed(ACCEPT, fields, key)


def read_acceptance(control: Control) -> Acceptance:
    """Signed by the key that it names. Raises Unreadable."""
    _check_kind(control, ACCEPT)
    try:
        key = public_key(control.first("key"))
    except ValueError:
        raise Unreadable("its key cannot be read") from None
    _check_signature(control, ACCEPT, key)
    space, domain, list_id = (
        _read_space(control),
        read_domain(control.first("from")),
        read_list_id(control.first("list")),
    )
    relay = read_mailbox(control.first("relay"))
    if not list_id.endswith(f".{domain}>") or relay.rpartition("@")[2] != domain:
        raise Unreadable("it names somebody else's list or address")
    return Acceptance(space, domain, list_id, key, relay, read_moment(control.first("at")))


def write_leave(leave: Leave, key: PeerKey) -> Control:
    fields = (
        ("v", "1"),
        ("type", LEAVE),
        ("space", leave.space),
        ("from", leave.domain),
        ("serial", str(leave.serial)),
        ("erase", "yes" if leave.erase else "no"),
        ("at", moment_text(leave.at)),
    )
    return _signed(LEAVE, fields, key)


def read_leave(control: Control, keys: Sequence[bytes]) -> Leave:
    """Signed by one of these keys, which are the leaver's. Raises Unreadable."""
    _check_kind(control, LEAVE)
    _check_signature(control, LEAVE, *keys)
    if control.first("erase") not in ("yes", "no"):
        raise Unreadable("it does not say whether to erase")
    return Leave(
        _read_space(control),
        read_domain(control.first("from")),
        read_number(control.first("serial")),
        control.first("erase") == "yes",
        read_moment(control.first("at")),
    )


def want_roster(space: str, serial: int, *, ours: str, to: str) -> Control:
    """Asks a peer for the rosters of a space from a serial on."""
    return Control(
        (("v", "1"), ("type", WANT_ROSTER), ("space", space), ("from", ours), ("to", to), ("serial", str(serial)))
    )


def read_want_roster(control: Control) -> tuple[str, int]:
    """Space and serial. Raises Unreadable."""
    _check_kind(control, WANT_ROSTER)
    return _read_space(control), read_number(control.first("serial"))


def signed_roster(roster: Roster, key: PeerKey) -> tuple[Roster, Control]:
    """The roster as others will read it, and its block."""
    block = write_roster(roster, key)
    return read_roster(block), block


def _stood(known: Roster, entry: Entry) -> bool:
    """Was the day of its joining announced before?"""
    return any((old.domain, old.list_id) == (entry.domain, entry.list_id) for old in known.entries)


def _read_space(control: Control) -> str:
    space = control.first("space")
    space_name(space)
    space_home(space)
    return space


def _check_kind(control: Control, kind: str) -> None:
    if control.first("v") != "1" or control.type != kind:
        raise Unreadable(f"it is no {kind}")


def _signed(kind: str, fields: Fields, key: PeerKey) -> Control:
    return Control((*fields, ("k", key.id), ("s", key.sign(_CONTEXTS[kind], canonical(fields)))))


def _check_signature(control: Control, kind: str, *keys: bytes) -> None:
    signed = canonical(control.without("k", "s").fields)
    if not any(is_signed(key, _CONTEXTS[kind], signed, control.first("s")) for key in keys):
        raise Unreadable("it is not signed by the server that it names")
