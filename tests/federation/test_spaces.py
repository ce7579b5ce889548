"""Spaces and their rosters among several servers (spec/federation.md §2.2, §4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session

from handlers.peer.chain import Standing, follows
from handlers.peer.control import Control, Unreadable, read_block, write_block
from handlers.peer.keys import PeerKey
from handlers.peer.roster import MEBIBYTE, Entry, Roster, Rules, read_roster, write_roster
from handlers.peer.space import following, founded, signed_roster
from organic_mail import rosters, spaces
from organic_mail.peer_sending import ourselves, send_over
from organic_mail.peer_view import entries_of, space_view, told_of_space
from organic_mail.problem import Problem
from organic_mail.space_graph import drawn, graph_of
from storage import lists, peers
from tests.federation.test_links import text_of
from tests.federation.village import BEGINNING, Server, Village, village

OAK, PINE, THIEF = (PeerKey(bytes([seed]) * 32) for seed in (1, 2, 3))
PLUM = "<plum.spaces.oak.example>"


@pytest.fixture
def street(sqlite_template: Path, tmp_path: Path) -> Iterator[Village]:
    with village(tmp_path, sqlite_template) as made:
        yield made


@pytest.fixture
def oak(street: Village) -> Server:
    return street.server("oak")


@pytest.fixture
def pine(street: Village) -> Server:
    return street.server("pine")


@pytest.fixture
def birch(street: Village) -> Server:
    return street.server("birch")


def entry(name: str, key: PeerKey, since: object = 1) -> Entry:
    domain = f"{name}.example"
    return Entry(domain, f"<all.{domain}>", since, key.public, f"organic-peer-x@{domain}")  # type: ignore[arg-type]


def first(notice: int = 72) -> Roster:
    roster = founded(PLUM, "Plum Street", entry("oak", OAK), Rules(notice=notice), now=BEGINNING)
    return signed_roster(roster, OAK)[0]


def after(known: Roster, *entries: Entry, key: PeerKey = OAK, hours: float = 1, **values: object) -> Roster:
    now = known.issued + timedelta(hours=hours)
    made = following(known, entries or known.entries, steward=known.steward, now=now)
    return signed_roster(replace(made, **values), key)[0]  # type: ignore[arg-type]


def standing(known: Roster, new: Roster, rotated: dict[str, tuple[bytes, ...]] | None = None) -> Standing:
    return follows(known, new, now=new.issued, rotated=rotated or {}).standing


def test_a_roster_is_read_as_it_was_written() -> None:
    joining = entry("pine", PINE, BEGINNING + timedelta(hours=73))
    roster = after(first(), entry("oak", OAK), joining)
    assert read_roster(read_block(write_block(write_roster(roster, OAK)))) == roster
    assert roster.rules == Rules(72, 365, 150, 10 * MEBIBYTE)
    assert [each.domain for each in roster.active(roster.issued)] == ["oak.example"]
    assert roster.entry("pine.example", BEGINNING + timedelta(hours=73)) == joining
    assert roster.entry("pine.example", BEGINNING + timedelta(hours=72)) is None


def test_f52_nobody_joins_sooner_than_the_notice() -> None:
    known = first()
    issued = known.issued + timedelta(hours=1)
    for since, expected in (
        (issued + timedelta(hours=72), Standing.NEXT),
        (issued + timedelta(hours=71), Standing.REFUSED),
        (2, Standing.REFUSED),
    ):
        assert standing(known, after(known, entry("oak", OAK), entry("pine", PINE, since))) is expected
    immediately = first(notice=0)
    assert standing(immediately, after(immediately, entry("oak", OAK), entry("pine", PINE, issued))) is Standing.NEXT


def test_a_chain_has_one_writer_and_no_gap() -> None:
    known = first()
    second = after(known)
    third = after(second)
    assert standing(known, second) is Standing.NEXT
    assert standing(second, second) is Standing.SAME
    assert standing(second, known) is Standing.OLDER
    assert standing(known, third) is Standing.AHEAD
    assert standing(known, after(known, key=THIEF)) is Standing.REFUSED
    assert standing(known, after(known, rules=Rules(notice=1))) is Standing.REFUSED
    earlier = {"issued": known.issued - timedelta(hours=1), "expires": known.expires - timedelta(hours=1)}
    assert standing(known, after(known, **earlier)) is Standing.REFUSED
    assert standing(second, after(second, prev=known.digest)) is Standing.FORK
    assert follows(known, second, now=second.issued - timedelta(hours=25), rotated={}).standing is Standing.REFUSED


def test_f81_two_rosters_of_one_serial_are_a_fork() -> None:
    known = first()
    one, other = after(known), after(known, title="Another Street")
    assert standing(one, other) is Standing.FORK
    assert standing(one, after(known, title="Another Street", key=THIEF)) is Standing.REFUSED


def test_a_successor_waits_for_the_end() -> None:
    known = after(first(notice=0), entry("oak", OAK), entry("pine", PINE, BEGINNING + timedelta(hours=1)))
    known = after(known)
    assert known.successor == "pine.example"
    entries = [each for each in known.entries if each.domain == "pine.example"]
    for days, expected in ((89, Standing.REFUSED), (91, Standing.NEXT)):
        made = following(known, entries, steward="pine.example", now=known.issued + timedelta(days=days))
        assert standing(known, signed_roster(made, PINE)[0]) is expected


def test_a_new_key_needs_the_servers_own_word() -> None:
    known = first()
    changed = after(known, replace(known.entries[0], key=PINE.public))
    assert standing(known, changed) is Standing.AHEAD
    assert standing(known, changed, {"oak.example": (PINE.public,)}) is Standing.NEXT


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("serial:1", "serial:0"),
        ("|<all.oak.example>|", "|<all.pine.example>|"),
        ("notice=72", "notice=-1"),
        ("steward:oak.example", "steward:elm.example"),
        ("expires:2027-02-20", "expires:2027-03-20"),
        ("entry:", "bridge:"),
        ("issued:2026-11-22T10:00:00Z", "issued:2026-11-22T10:00:00+00:00"),
        ("title:Plum Street", "title:Plum Street\nextra:field"),
    ],
)
def test_a_roster_that_makes_no_sense(old: str, new: str) -> None:
    block = write_block(write_roster(first(), OAK))
    assert old in block
    with pytest.raises(Unreadable):
        read_roster(read_block(block.replace(old, new)))


def test_a_list_joins_and_everybody_hears_of_it(street: Village, oak: Server, pine: Server, birch: Server) -> None:
    street.befriend(oak, pine)
    street.befriend(oak, birch)
    street.found(oak, pine, notice=72)
    street.people.clear()
    assert oak.active() == pine.active() == ["oak.example"]
    street.wait(hours=72)
    assert oak.active() == pine.active() == ["oak.example", "pine.example"]
    street.join(oak, birch)
    told = {mail.to: text_of(mail) for mail in street.people if mail.to.startswith("ana@")}
    assert told.keys() == {f"ana@{name}.people.example" for name in ("oak", "pine", "birch")}
    assert "birch.example" in told["ana@pine.people.example"]
    assert "28 November" in told["ana@pine.people.example"]
    assert "all-plum@pine.example" in told["ana@pine.people.example"]
    assert "oak.example" in told["ana@birch.people.example"]
    street.wait(hours=72)
    for server in (oak, pine, birch):
        assert server.active() == ["oak.example", "pine.example", "birch.example"]
    assert oak.roster() == pine.roster() == birch.roster()


def test_news_come_once_to_each_member(street: Village, oak: Server, pine: Server) -> None:
    street.befriend(oak, pine)
    street.found(oak, pine)
    for _ in range(3):
        pine.accept()
        street.carry()
    assert len([mail for mail in street.people if mail.to == "ana@oak.people.example"]) == 1


def test_a_server_that_is_linked_with_another_member_alone(
    street: Village, oak: Server, pine: Server, birch: Server
) -> None:
    """The steward asks by way of those who are in already."""
    elm = street.server("elm")
    street.befriend(oak, pine, birch, elm, oak)
    street.found(oak, pine, elm, birch)
    assert birch.roster().entries == oak.roster().entries
    assert elm.roster() == birch.roster() == pine.roster() == oak.roster()
    assert birch.active() == ["oak.example", "pine.example", "elm.example", "birch.example"]


def test_somebody_who_is_not_linked_at_all_is_not_asked(street: Village, oak: Server, pine: Server) -> None:
    street.found(oak)
    with pytest.raises(Problem, match="no link"):
        oak.invite(pine)
    assert oak.read(lambda session: space_view(session, oak.space(session), street.now))["invited"] == []


def test_only_the_steward_asks_and_only_the_asked_join(
    street: Village, oak: Server, pine: Server, birch: Server
) -> None:
    street.befriend(oak, pine, birch)
    street.found(oak, pine)
    with pytest.raises(Problem, match="only the steward"):
        pine.invite(birch)
    with pytest.raises(ValueError, match="not enough values"):
        birch.accept()


def test_a_roster_that_was_lost_is_asked_for(street: Village, oak: Server, pine: Server, birch: Server) -> None:
    street.befriend(oak, pine)
    street.befriend(oak, birch)
    street.found(oak, pine)
    street.lost = lambda mail: mail.domain == "pine.example"
    street.join(oak, birch)
    assert pine.roster().serial == 2
    street.lost = lambda _: False
    oak.write(lambda session: rosters.reissue(session, oak.host, oak.space(session), oak.roster().entries, street.now))
    street.carry()
    assert pine.roster() == oak.roster() == birch.roster()


def test_f53_leaving_is_at_once(street: Village, oak: Server, pine: Server, birch: Server) -> None:
    street.befriend(oak, pine, birch, oak)
    street.found(oak, pine, birch)
    street.lost = lambda mail: mail.domain == "oak.example"
    pine.leave(erase=True)
    street.carry()
    states = birch.read(lambda session: entries_of(session, birch.roster(), street.now))
    assert {each["domain"]: each["state"] for each in states}["pine.example"] == "left"
    street.lost = lambda _: False
    with pytest.raises(Problem):
        street.join(birch, pine)


def test_the_next_roster_is_without_who_left(street: Village, oak: Server, pine: Server, birch: Server) -> None:
    street.befriend(oak, pine, birch, oak)
    street.found(oak, pine, birch)
    pine.leave()
    street.carry()
    assert oak.active() == birch.active() == ["oak.example", "birch.example"]
    street.wait(minutes=1)
    street.join(oak, pine)
    assert oak.active() == pine.active() == ["oak.example", "birch.example", "pine.example"]


def test_f53_a_server_that_is_taken_out(street: Village, oak: Server, pine: Server, birch: Server) -> None:
    street.befriend(oak, pine, birch, oak)
    street.found(oak, pine, birch)
    street.people.clear()
    with pytest.raises(Problem, match="only the steward"):
        birch.write(
            lambda session: spaces.remove(session, birch.host, birch.space(session), "pine.example", street.now)
        )
    oak.write(lambda session: spaces.remove(session, oak.host, oak.space(session), "pine.example", street.now))
    street.carry()
    assert oak.active() == birch.active() == ["oak.example", "birch.example"]
    assert pine.read(pine.space).left_at is not None
    assert [mail.to for mail in street.people] == ["op@pine.people.example"]


def test_a_second_list_of_a_server(street: Village, oak: Server, pine: Server) -> None:
    street.befriend(oak, pine)
    street.found(oak, pine)
    for name in ("choir", "choir-plum"):
        pine.write(lambda session, name=name: lists.create_list(session, name=name, title=name, now=street.now))
    oak.invite(pine, "choir")
    street.carry()
    with pytest.raises(Problem, match="has to be free"):
        pine.accept("choir")
    pine.write(lambda session: lists.remove_list(session, list_id=3, now=street.now))
    street.wait(minutes=1)
    pine.accept("choir")
    street.carry()
    assert [entry.list_id for entry in oak.roster().entries[1:]] == ["<all.pine.example>", "<choir.pine.example>"]
    assert oak.roster() == pine.roster()


def test_a_steward_that_leaves_hands_over(street: Village, oak: Server, pine: Server, birch: Server) -> None:
    street.befriend(oak, pine, birch, oak)
    street.found(oak, pine, birch)
    oak.leave()
    street.carry()
    assert pine.roster() == birch.roster()
    assert pine.roster().steward == "pine.example"
    assert pine.active() == ["pine.example", "birch.example"]


def test_rosters_are_renewed_and_inherited(street: Village, oak: Server, pine: Server, birch: Server) -> None:
    street.befriend(oak, pine, birch, oak)
    street.found(oak, pine, birch)
    street.wait(days=50)
    for server in (oak, pine, birch):
        server.write(lambda session, server=server: rosters.renew_rosters(session, server.host, street.now))
    street.carry()
    assert oak.roster() == pine.roster() == birch.roster()
    assert oak.roster().serial == 4
    street.wait(days=91)
    for server in (pine, birch):
        server.write(lambda session, server=server: rosters.renew_rosters(session, server.host, street.now))
    street.carry()
    assert pine.roster() == birch.roster()
    assert (pine.roster().steward, pine.active()) == ("pine.example", ["pine.example", "birch.example"])


def test_f81_a_fork_freezes_the_space(street: Village, oak: Server, pine: Server, birch: Server) -> None:
    """A steward that tells one neighbour this and the other one that."""
    street.befriend(oak, pine, birch, oak)
    street.found(oak, pine, birch)
    street.people.clear()
    known, twin = oak.roster(), 4
    for name, other in (("pine", pine), ("birch", birch)):
        us = oak.read(lambda session: ourselves(session, oak.host, street.now)).us
        made = following(known, known.entries, steward="oak.example", now=street.now)
        _, block = signed_roster(replace(made, title=f"For {name}"), us.key)
        oak.write(lambda session, other=other, block=block: send(session, oak, other, block))
    street.carry()
    for server in (pine, birch):
        space = server.read(lambda session, server=server: server.space(session))
        assert space.frozen_at is not None
        assert server.roster().serial == twin
        assert server.active() == ["oak.example", "pine.example", "birch.example"]
    alarmed = {mail.to for mail in street.people if "two different lists" in text_of(mail)}
    assert alarmed == {f"op@{name}.people.example" for name in ("oak", "pine", "birch")}


def send(session: Session, server: Server, other: Server, block: Control) -> None:
    peer = peers.peer_at(session, other.domain)
    assert peer is not None
    send_over(session, server.host, ourselves(session, server.host, server.now).us, peer, block, server.now)


def test_a_space_explains_itself(street: Village, oak: Server, pine: Server, birch: Server) -> None:
    street.befriend(oak, pine)
    street.befriend(oak, birch)
    street.found(oak, pine, notice=24)
    oak.invite(birch)
    view = oak.read(lambda session: space_view(session, oak.space(session), street.now))
    told = "\n".join(told_of_space(view))
    assert "all of oak.example gets every post" in told
    assert "all of pine.example joins on 23 November 2026" in told
    assert "all of birch.example was asked on 22 November 2026" in told
    picture = drawn(oak.read(lambda session: graph_of(session, oak.space(session), "oak.example", street.now)))
    assert picture.count("<circle") == 2 + 1, "and the ring"
    assert picture.count("<line") == 1
    assert ">pine.example</text>" in picture
