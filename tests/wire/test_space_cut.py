"""A server that is cut off from the others of its space while they give it a post."""

from __future__ import annotations

from pathlib import Path

from tests.dns_server import DnsServer
from tests.wire.space_cut import cut_off_while_posts_flow


def test_cut_off_before_it_can_say_that_it_has_a_post(tmp_path: Path, dns_server: DnsServer) -> None:
    """The others give it that post again, and its members get it once."""
    cut_off_while_posts_flow(tmp_path, dns_server, "before the answer")
