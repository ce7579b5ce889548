"""Logos are no photos, and what is doubtful is one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.decoration import Seen, is_decoration

SHAPES = 0x0F0F_3C3C_5A5A_99AA
PHOTO = Seen(1200, 900, 300_000, 90, SHAPES, attached=False)
UNKNOWN = {"cut": False, "mails": 1, "ours": ()}


@pytest.mark.parametrize(
    ("changes", "signs"),
    [
        ({}, {"cut": True}),
        ({"width": 150, "height": 90}, {}),
        ({"width": 1, "height": 1, "size": 43, "attached": True}, {}),  # a tracking pixel
        ({"width": 600, "height": 8, "size": 900, "colours": 1}, {}),  # which only takes room
        ({"size": 15_000, "colours": 16}, {}),
        ({"width": 300, "height": 80, "size": 15_000}, {}),
        ({"width": 400, "height": 400, "size": 9_000, "colours": 4, "attached": True}, {"mails": 2}),
        ({}, {"mails": 3}),
        ({"width": 900, "height": 300, "attached": True}, {"mails": 3}),
        ({}, {"ours": [1, SHAPES ^ 0b1111]}),
        ({"width": 0, "height": 0, "size": 15_000}, {}),  # nobody could open it
    ],
)
def test_each_sign_will_do(changes: dict[str, int], signs: dict[str, object]) -> None:
    assert is_decoration(replace(PHOTO, **changes), **(UNKNOWN | signs))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "signs"),
    [
        ({}, {}),
        ({}, {"mails": 2, "ours": [SHAPES ^ 0b11111]}),
        ({"attached": True}, {"mails": 9}),  # the same photo again and again
        ({"size": 14_000, "width": 320, "height": 240}, {}),  # made small by a phone
        ({"size": 2_000, "width": 300, "height": 300, "colours": 2, "attached": True}, {}),  # a code to be scanned
        ({"width": 4032, "height": 3024}, {"ours": [SHAPES]}),  # larger than what we send
        ({"fingerprint": 0}, {"ours": [0]}),  # by night
        ({"fingerprint": 2**64 - 1}, {"ours": [2**64 - 1]}),
        ({"width": 0, "height": 0}, {"mails": 9}),
        ({"width": 0, "height": 0, "size": 9_000, "attached": True}, {}),
    ],
)
def test_what_is_doubtful_is_a_photo(changes: dict[str, int], signs: dict[str, object]) -> None:
    assert not is_decoration(replace(PHOTO, **changes), **(UNKNOWN | signs))  # type: ignore[arg-type]
