"""Aliases of people who are forgotten: nobody else gets them, and nobody can read whose they were."""

from __future__ import annotations

from handlers.facts import Host
from handlers.token import address_marks


def alias_marks(host: Host, alias: str) -> tuple[str, ...]:
    """What stands for an alias, one for each secret, the first to be written."""
    return address_marks(host.secrets, f"{alias.lower()}@{host.domain}")
