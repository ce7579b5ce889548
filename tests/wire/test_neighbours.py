"""Two real daemons that become peers and share a space: over SMTP, with DNS, DKIM enforced."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dns_server import DnsServer
from tests.wire.daemons import until
from tests.wire.neighbours import Neighbour, Street, befriend


@pytest.fixture
def street(tmp_path: Path, dns_server: DnsServer) -> Street:
    return Street(tmp_path, dns_server)


@pytest.fixture
def oak(street: Street) -> Iterator[Neighbour]:
    made = street.neighbour("oak", lists=("garden",))
    with made.serving():
        yield made


@pytest.fixture
def pine(street: Street) -> Neighbour:
    return street.neighbour("pine", lists=("plum",))


def test_from_a_code_to_a_space_with_two_lists(oak: Neighbour, pine: Neighbour) -> None:
    """F01, and how the whole of it goes on the command line."""
    with pine.serving():
        befriend(oak, pine)
        oak("space", "create", "plum-street", "--list", "garden", "--title", "Plum Street", "--notice", "0")
        oak("space", "invite", "plum-street", "pine.example", "plum")
        pine("space", "accept", "plum-street", "--list", "plum")
        both = {"oak.example": "active", "pine.example": "active"}
        until(lambda: oak.entries("plum-street") == both)
        until(lambda: pine.entries("plum-street") == both)
    shown = pine.json("space", "show", "plum-street")
    assert (shown["name"], shown["serial"], shown["entries"][1]["list"]) == ("plum-street", 2, "plum")


def retried(*servers: Neighbour) -> bool:
    """Again and again: an attempt that was under way meanwhile notes its failure, and a later time, after a retry."""
    for server in servers:
        server("queue", "retry", "--all")
    return True


def test_killed_in_the_middle_of_everything(oak: Neighbour, pine: Neighbour) -> None:
    """Each step is taken while somebody is down, and waits till she is back."""
    code = oak("peer", "invite").strip()
    pine("peer", "accept", code)
    pine("peer", "approve", "oak.example", "--yes")
    with pine.serving() as running:
        until(lambda: pine.peers()["oak.example"] != "requested")
        running.end(signal.SIGKILL)
    oak("peer", "approve", "pine.example", "--yes")
    with pine.serving():
        until(lambda: retried(oak, pine) and oak.peers()["pine.example"] == pine.peers()["oak.example"] == "active")
    oak("space", "create", "plum-street", "--list", "garden", "--notice", "0")
    oak("space", "invite", "plum-street", "pine.example", "plum")
    with pine.serving() as running:
        oak("queue", "retry", "--all")
        pine("space", "accept", "plum-street", "--list", "plum")
        running.end(signal.SIGKILL)
    with pine.serving():
        until(lambda: retried(oak, pine) and oak.entries("plum-street").get("pine.example") == "active")
        until(lambda: retried(oak, pine) and pine.entries("plum-street").get("pine.example") == "active")
