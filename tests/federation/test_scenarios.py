"""The scenarios of spec/federation.md §3.3 in a small size; `tests/long` has them as large as the page asks."""

from __future__ import annotations

import pytest

from handlers.peer.relay import Taken
from handlers.peer.seal import seal_is_good
from handlers.peer.store import Event, LinkState, Way
from tests.federation.paper import on_paper
from tests.federation.scenarios import (
    backups,
    clocks,
    comings_and_goings,
    cut_apart,
    liars,
    new_keys,
    outages,
)
from tests.federation.schedules import check_claims
from tests.federation.simulator import DAY, HOUR, MINUTE, share


@pytest.mark.parametrize("seed", [1, 2])
def test_s1_servers_fail_for_hours(seed: int) -> None:
    network = outages(30, 8, seed)
    assert network.lost() == []
    assert network.doubles() == 0
    assert network.relays_per_post() <= 1.05 * network.bound
    delays = network.delays()
    assert share(delays, 0.95) <= 5 * MINUTE
    assert delays[-1] <= 15 * MINUTE
    assert share(network.delays_after_return(), 0.95) <= 60 * MINUTE
    assert network.waiting() == 0


def test_s2_servers_die() -> None:
    network = outages(20, 8, 1, for_good=True, until=31 * DAY + 2 * DAY, degree=4)
    assert network.lost() == []
    assert network.doubles() == 0
    dead = {server.domain for server in network.servers if server.is_dead}
    links = [link for each in network.servers if not each.is_dead for link in each.store.links() if link.peer in dead]
    assert links
    assert all(link.state is LinkState.DORMANT for link in links)
    assert not any(each.store.open_rows[peer] for each in network.servers if not each.is_dead for peer in dead)


def test_s3_halves_are_cut_apart() -> None:
    network = cut_apart(20, 8, 1)
    assert network.lost() == []
    assert network.doubles() == 0
    late = [at for arrivals in network.arrivals.values() for at in arrivals.values() if at > 48 * HOUR]
    assert late
    assert max(late) <= 50 * HOUR
    assert network.waiting() == 0


def test_s4_some_lie() -> None:
    network = liars(24, 8, 1, 3)
    good = network.servers[:-3]
    bad = {server.domain for server in network.servers[-3:]}
    assert not [(key, domain) for key, domain in network.lost() if key.origin not in bad and domain not in bad]
    assert network.doubles() == 0
    archived = [post for server in good for post in server.store.archive.values()]
    with on_paper():
        for post in archived:
            assert seal_is_good(post, network.by_domain[post.key.origin].key.public)
            assert post.seal.subject == "Apples" or post.key.origin in bad
    assert sum(server.taken[Taken.REFUSED] for server in good) > 0
    assert {mail.post.key.origin for server in good for mail, _ in server.store.aside} == bad
    assert sum(server.events[Event.EQUIVOCATION] for server in good) >= len(bad)
    assert sum(server.events[Event.FORGED] for server in good) > 0


def test_s5_backups_come_back() -> None:
    network, repeats = backups(20, 12, 1, 3)
    assert network.lost() == []
    assert network.doubles() == 0
    assert set(repeats) == {Way.MAY_REPEAT}, "members get again what was lost, and only inside the letter that says so"
    assert network.waiting() == 0


def test_s6_clocks_are_wrong() -> None:
    network = clocks(20, 12, 2, 3)
    wild = {server.domain for server in network.servers[-3:]}
    assert not [key for key, _ in network.lost() if key.origin not in wild]
    theirs = [key for key in network.posts if key.origin in wild]
    assert theirs
    for key in theirs:
        assert network.by_domain[key.origin].events[Event.REFUSED] > 0
        soonest = network.posts[key] + 4 * HOUR  # a clock that is two hours ahead reaches the 24 hours that we tolerate
        assert not [domain for domain, at in network.arrivals[key].items() if domain not in wild and at < soonest]


def test_s8_keys_change() -> None:
    network, forged = new_keys(20, 10, 1, 4)
    assert network.lost() == []
    assert len(forged) == 2
    assert not [key for key in forged for server in network.servers if (key.origin, key.post) in server.store.archive]
    assert sum(server.events[Event.COMPROMISED] for server in network.servers) > 0


def test_s9_servers_come_and_go() -> None:
    network, members = comings_and_goings(30, 15, 1, 5)
    posts = {post.key: post for server in network.servers for post in server.store.bytes_of.values()}
    assert len(posts) == 15
    for server in network.servers:
        for key, _ in server.store.delivered:
            assert server.domain in members[posts[key].seal.roster]
    staying = {server.domain for server in network.servers[5:-5]}
    assert not [key for key, domain in network.lost() if domain in staying and key.origin in staying]


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_s12_any_graph_and_schedule(first: int) -> None:
    for seed in range(first, first + 20):
        check_claims(seed)
