"""Three servers that share a space, for the tests that need no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.federation.travellers import in_one_space
from tests.federation.village import Server, Village, village


@pytest.fixture
def street(sqlite_template: Path, tmp_path: Path) -> Iterator[Village]:
    """oak, pine and birch, a chain of links, in the space plum."""
    with village(tmp_path, sqlite_template) as made:
        yield in_one_space(made, "oak", "pine", "birch")


@pytest.fixture
def oak(street: Village) -> Server:
    return street.servers["oak.example"]


@pytest.fixture
def pine(street: Village) -> Server:
    return street.servers["pine.example"]


@pytest.fixture
def birch(street: Village) -> Server:
    return street.servers["birch.example"]
