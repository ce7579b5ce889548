"""Four real daemons in a circle, and a space that all of them are in."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

from tests.dns_server import DnsServer, dns_server
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
