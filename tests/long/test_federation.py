"""The scenarios of spec/federation.md §3.3 as large as the page asks, and its figures."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from time import process_time

import pytest

from handlers.peer.store import Event, LinkState, Way
from tests.federation.bad_peer import tried
from tests.federation.scenarios import (
    backups,
    clocks,
    comings_and_goings,
    cut_apart,
    liars,
    new_keys,
    outages,
)
from tests.federation.simulator import DAY, HOUR, MINUTE, Network, share


@pytest.fixture(autouse=True)
def cost() -> Iterator[None]:
    """What it took is shown with `pytest -s`."""
    began = process_time()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # GiB, of all tests so far
    print(f"  {process_time() - began:.0f} seconds of one processor, {peak:.2f} GiB at most")


def show(network: Network) -> None:
    delays, after = network.delays(), network.delays_after_return()
    print(f"\n  lost {len(network.lost())}, twice {network.doubles()}, rows that wait {network.waiting()}")
    print(f"  {network.relays_per_post():.0f} relay mails a post, bound {network.bound}")
    print(f"  p50 {share(delays, 0.5) / 60:.1f}, p95 {share(delays, 0.95) / 60:.1f}, max {delays[-1] / 60:.1f} minutes")
    print(f"  after a return p95 {share(after, 0.95) / 60:.1f} minutes")


def check_figures(network: Network, *, slowest: float = 15 * MINUTE) -> None:
    show(network)
    assert network.lost() == []
    assert network.doubles() == 0
    assert network.relays_per_post() <= 1.05 * network.bound
    delays = network.delays()
    assert share(delays, 0.95) <= 5 * MINUTE
    assert delays[-1] <= slowest
    assert share(network.delays_after_return(), 0.95) <= 60 * MINUTE


@pytest.mark.parametrize("seed", range(10))
def test_s1_a_hundred_servers(seed: int) -> None:
    network = outages(100, 40, seed)
    check_figures(network)
    assert network.waiting() == 0


def test_s1_a_thousand_servers() -> None:
    network = outages(1000, 200, 1)
    check_figures(network)
    assert network.waiting() == 0


def test_s2_a_tenth_dies() -> None:
    network = outages(1000, 50, 1, for_good=True)
    check_figures(network)


def test_s2_the_dead_are_given_up() -> None:
    network = outages(60, 40, 1, for_good=True, until=33 * DAY)
    show(network)
    assert network.lost() == []
    dead = {server.domain for server in network.servers if server.is_dead}
    living = [server for server in network.servers if not server.is_dead]
    links = [link for each in living for link in each.store.links() if link.peer in dead]
    assert links
    assert all(link.state is LinkState.DORMANT for link in links)
    assert not any(each.store.open_rows[peer] for each in living for peer in dead)


def test_s3_halves_are_cut_apart() -> None:
    network = cut_apart(120, 100, 1)
    show(network)
    assert network.lost() == []
    assert network.doubles() == 0
    late = [at for arrivals in network.arrivals.values() for at in arrivals.values() if at > 48 * HOUR]
    assert max(late) <= 50 * HOUR
    # Of each post that waited one copy is offered and wanted at some server of the other half, and then flows.
    assert network.offered_first >= 90


def test_s4_one_in_a_hundred_lies() -> None:
    network = liars(300, 30, 1, 3)
    show(network)
    bad = {server.domain for server in network.servers[-3:]}
    assert not [(key, domain) for key, domain in network.lost() if key.origin not in bad and domain not in bad]
    assert network.doubles() == 0
    good = network.servers[:-3]
    assert {mail.post.key.origin for server in good for mail, _ in server.store.aside} == bad
    assert sum(server.events[Event.EQUIVOCATION] for server in good) >= len(bad)


def test_s5_backups_come_back() -> None:
    network, repeats = backups(100, 60, 1, 5)
    show(network)
    assert network.lost() == []
    assert network.doubles() == 0
    assert set(repeats) == {Way.MAY_REPEAT}, "members get again what was lost, and only inside the letter that says so"


def test_s6_clocks_are_wrong() -> None:
    network = clocks(100, 60, 1, 3)
    show(network)
    wild = {server.domain for server in network.servers[-3:]}
    assert not [key for key, _ in network.lost() if key.origin not in wild]


def test_s7_ten_thousand_servers() -> None:
    check_figures(outages(10_000, 10, 1, until=50 * HOUR), slowest=20 * MINUTE)


def test_s8_fifty_keys_change() -> None:
    network, forged = new_keys(150, 60, 1, 50)
    show(network)
    assert network.lost() == []
    assert not [key for key in forged for server in network.servers if (key.origin, key.post) in server.store.archive]


def test_s9_thirty_come_and_thirty_go() -> None:
    network, members = comings_and_goings(120, 60, 1, 30)
    posts = {post.key: post for server in network.servers for post in server.store.bytes_of.values()}
    for server in network.servers:
        for key, _ in server.store.delivered:
            assert server.domain in members[posts[key].seal.roster]
    staying = {server.domain for server in network.servers[30:-30]}
    assert not [key for key, domain in network.lost() if domain in staying and key.origin in staying]


@pytest.mark.parametrize("seed", range(10, 15))
def test_ten_thousand_spoilt_mails(seed: int) -> None:
    assert sum(tried(seed, 2000).values()) == 2000
