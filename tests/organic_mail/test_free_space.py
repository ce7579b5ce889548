"""When a disk counts as full, and how often anybody looks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from organic_mail.free_space import FreeSpace, is_low

MB = 10**6


class Disk(NamedTuple):
    total: int
    free: int


@pytest.mark.parametrize(
    ("total", "free", "low"),
    [
        (2_000_000, 501, False),
        (2_000_000, 499, True),
        (1_000, 51, False),  # a small disk: a twentieth of it
        (1_000, 49, True),
        (1_000, 0, True),
    ],
)
def test_what_is_low(total: int, free: int, low: bool) -> None:
    assert is_low(Disk(total * MB, free * MB), 500 * MB) is low


def test_it_looks_every_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, free, looks = [100.0], [0], []

    def usage_of(folder: Path) -> Disk:
        looks.append(folder)
        return Disk(10**12, free[0])

    monkeypatch.setattr(shutil, "disk_usage", usage_of)
    space = FreeSpace(Path("/home"), 500 * MB, lambda: clock[0])
    assert [space.enough() for _ in range(3)] == [False] * 3
    free[0] = 10**11
    assert not space.enough()
    clock[0] += 5
    assert space.enough()
    assert looks == [Path("/home")] * 2


def test_a_disk_that_cannot_be_asked_is_left_to_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def usage_of(folder: Path) -> Disk:
        raise OSError

    monkeypatch.setattr(shutil, "disk_usage", usage_of)
    assert FreeSpace(Path("/home"), 500 * MB, lambda: 0.0).enough()
