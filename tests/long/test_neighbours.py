"""Real daemons: four in a circle with a space that all of them are in, and two whose operators compare words."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

from tests.dns_server import DnsServer, dns_server
from tests.wire.command_line import Operator
from tests.wire.daemons import until
from tests.wire.neighbours import Street, befriend

__all__ = ["dns_server"]


def test_four_in_a_circle(tmp_path: Path, dns_server: DnsServer) -> None:
    """The steward has no link with the one opposite; those between carry its mail."""
    street = Street(tmp_path, dns_server)
    with contextlib.ExitStack() as running:
        circle = [street.neighbour(name, lists=("plum",)) for name in ("oak", "pine", "birch", "elm")]
        oak = circle[0]
        for neighbour in circle:
            running.enter_context(neighbour.serving())
        for one, other in itertools.pairwise([*circle, oak]):
            befriend(one, other)
        oak("space", "create", "plum-street", "--list", "plum", "--notice", "0")
        for guest in circle[1:]:
            oak("space", "invite", "plum-street", guest.domain, "plum")
            guest("space", "accept", "plum-street", "--list", "plum")
            until(lambda guest=guest: oak.entries("plum-street").get(guest.domain) == "active")
        everybody = {neighbour.domain: "active" for neighbour in circle}
        for neighbour in circle:
            until(lambda neighbour=neighbour: neighbour.entries("plum-street") == everybody)


def test_by_words(tmp_path: Path, dns_server: DnsServer) -> None:
    """What one operator reads out is what the other one is asked for."""
    street = Street(tmp_path, dns_server)
    oak, pine = street.neighbour("oak", peering="open"), street.neighbour("pine")
    with oak.serving(), pine.serving():
        pine("peer", "accept", "oak.example")
        until(lambda: oak.peers().get("pine.example") == "requested")
        assert "was answered" in oak("peer", "approve", "pine.example", "--yes")
        until(lambda: oak.peers()["pine.example"] == pine.peers()["oak.example"] == "revealed")
        refused = Operator(oak.home)("peer", "approve", "pine.example", "--yes")
        assert "words of the other operator are needed" in refused.err
        said = [line.strip() for line in refused.err.splitlines() if len(line.split()) == 4 and line.startswith("  ")]
        wrong = Operator(pine.home)("peer", "approve", "oak.example", typed="abandon ability able about\n")
        assert (wrong.code, "not the words" in wrong.err) == (1, True)
        right = Operator(pine.home)("peer", "approve", "oak.example", typed=f"{said[0]}\n")
        assert right.code == 0, right.err
        heard = [line.strip() for line in wrong.err.splitlines() if len(line.split()) == 4 and line.startswith("  ")]
        oak("peer", "approve", "pine.example", "--words", heard[0])
        until(lambda: oak.peers()["pine.example"] == pine.peers()["oak.example"] == "active")
