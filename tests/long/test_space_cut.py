"""A server that is cut off from the others of its space, in the middle of a mail and at its end, again and again."""

from __future__ import annotations

from pathlib import Path

from tests.dns_server import DnsServer, dns_server
from tests.wire.space_cut import cut_off_while_posts_flow

__all__ = ["dns_server"]


def test_cut_off_again_and_again(tmp_path: Path, dns_server: DnsServer) -> None:
    cut_off_while_posts_flow(tmp_path, dns_server, *("in the text", "before the answer") * 3)
