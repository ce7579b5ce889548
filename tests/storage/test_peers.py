"""Links, codes and spaces on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from storage import lists, peers, spaces
from storage.database import Database
from storage.models_peers import Peer

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
PLUM = "<plum.spaces.oak.example>"


def link(**values: object) -> dict[str, object]:
    texts = ("code_token", "code_key_id", "our_card", "our_nonce", "commit", "our_mailbox")
    return {
        **dict.fromkeys(texts, ""),
        "state": "active",
        "began_at": NOW,
        "changed_at": NOW,
        "is_ours": True,
        **values,
    }


def test_a_peer_is_written_over(database: Database) -> None:
    def write(session):
        peers.save_peer(session, domain="pine.example", fields=link(our_mailbox="m1"))
        peers.save_peer(session, domain="birch.example", fields=link(our_mailbox="m2", is_ours=False))
        peers.save_peer(session, domain="elm.example", fields=link())
        peers.save_peer(session, domain="ash.example", fields=link())
        return peers.save_peer(session, domain="pine.example", fields={"state": "severed", "our_mailbox": ""})

    assert database.write(write).state == "severed"
    domains = ["ash.example", "birch.example", "elm.example", "pine.example"]
    assert [peer.domain for peer in database.read(peers.all_peers)] == domains
    assert database.read(lambda session: peers.peer_of_mailbox(session, "m2")).domain == "birch.example"
    assert database.read(lambda session: peers.peer_of_mailbox(session, "m1")) is None
    assert database.read(lambda session: peers.peer_of_mailbox(session, "")) is None
    assert database.read(lambda session: peers.requests_since(session, NOW - timedelta(hours=1))) == 3
    assert database.read(lambda session: peers.requests_since(session, NOW)) == 0


def test_a_mailbox_has_one_peer(database: Database) -> None:
    def write(session):
        for domain in ("pine.example", "birch.example"):
            peers.save_peer(session, domain=domain, fields=link(our_mailbox="same"))

    with pytest.raises(IntegrityError):
        database.write(write)
    assert database.read(lambda session: session.get(Peer, "pine.example")) is None


def test_codes_are_new_used_or_old(database: Database) -> None:
    def write(session):
        for token, moment in (("old", NOW - timedelta(days=14)), ("used", NOW), ("new", NOW)):
            peers.add_invite(session, token=token, now=moment)
        peers.use_invite(session, "used", domain="pine.example", now=NOW)

    database.write(write)
    border = NOW - timedelta(days=14)
    unused = database.read(lambda session: peers.unused_invites(session, after=border))
    old = database.read(lambda session: peers.old_invites(session, before=border))
    assert [invite.token for invite in unused] == ["new"]
    assert {invite.token for invite in old} == {"old", "used"}


def test_our_newest_key_is_the_one_in_use(database: Database) -> None:
    assert database.read(peers.own_key) is None
    for key in (b"1" * 32, b"2" * 32):
        database.write(
            lambda session, key=key: peers.add_own_key(session, key=key, following="n", mailbox="m", now=NOW)
        )
    assert database.read(peers.own_key).key == b"2" * 32
    assert [each.key[:1] for each in database.read(peers.own_keys)] == [b"1", b"2"]


def test_the_key_in_use_comes_first(database: Database) -> None:
    def write(session):
        peers.pin_key(session, domain="pine.example", key=b"0" * 32, following="n", now=NOW)
        peers.pin_key(session, domain="pine.example", key=b"1" * 32, following="n", now=NOW)
        peers.change_key(
            session,
            domain="pine.example",
            key=b"2" * 32,
            following="m",
            old_until=LATER,
            compromised_since=NOW,
            now=NOW,
        )
        return [(each.key[:1], each.valid_until) for each in peers.peer_keys(session, "pine.example")]

    assert database.write(write) == [(b"2", None), (b"1", LATER)]


def test_a_space_is_left_and_joined_again(database: Database) -> None:
    def write(session):
        garden = lists.create_list(session, name="garden", title="Garden", now=NOW)
        space = spaces.add_space(session, space_id=PLUM, name="plum", serial=1, now=NOW)
        for serial in (1, 2, 3):
            spaces.keep_roster(session, space_id=PLUM, serial=serial, block=f"block {serial}", now=NOW)
        spaces.keep_roster(session, space_id=PLUM, serial=2, block="another", now=NOW)
        for _ in range(2):
            spaces.add_seat(session, space_id=PLUM, list_id=garden.id, now=NOW)
        space.left_at = NOW
        spaces.add_space(session, space_id=PLUM, name="plum", serial=3, now=LATER)
        return garden.id

    garden_id = database.write(write)
    (space,) = database.read(spaces.all_spaces)
    assert (space.serial, space.left_at, space.joined_at) == (3, None, LATER)
    assert [each.name for each in database.read(lambda session: spaces.seats_of(session, PLUM))] == ["garden"]
    kept = database.read(lambda session: spaces.rosters_from(session, PLUM, 2, limit=20))
    assert [(roster.serial, roster.block) for roster in kept] == [(2, "block 2"), (3, "block 3")]
    assert database.read(lambda session: spaces.roster_block(session, PLUM, 4)) is None
    database.write(lambda session: lists.remove_list(session, list_id=garden_id, now=LATER))
    assert database.read(lambda session: spaces.seats_of(session, PLUM)) == []


def test_invitations_are_answered_and_asked_anew(database: Database) -> None:
    def ask(session, name, now):
        spaces.add_invitation(
            session, space_id=PLUM, domain="pine.example", list_name=name, block="b", via="oak.example", now=now
        )

    def write(session):
        ask(session, "plum", NOW)
        ask(session, "choir", LATER)
        answered = spaces.invitation(session, space_id=PLUM, domain="pine.example", list_name="plum")
        answered.answered_at = NOW
        return [each.list_name for each in spaces.open_invitations(session, PLUM)]

    assert database.write(write) == ["choir"]
    found = database.read(lambda session: spaces.invitations_for(session, "pine.example"))
    assert [each.list_name for each in found] == ["choir", "plum"]
    database.write(lambda session: ask(session, "plum", LATER + timedelta(days=1)))
    found = database.read(lambda session: spaces.invitations_for(session, "pine.example"))
    assert [(each.list_name, each.answered_at) for each in found] == [("plum", None), ("choir", None)]


def test_the_last_leave_counts(database: Database) -> None:
    def write(session):
        for serial in (4, 7):
            spaces.note_leave(session, space_id=PLUM, domain="pine.example", serial=serial, erase=serial == 7, now=NOW)
        return [(leave.serial, leave.erase) for leave in spaces.leaves_of(session, PLUM)]

    assert database.write(write) == [(7, True)]
