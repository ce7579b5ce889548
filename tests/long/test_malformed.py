"""Malformed mails by the ten thousand through the whole of intake, with other seeds than the quick test."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from handlers.incoming import Envelope
from storage import shunts
from tests.fuzz.malformed import malformed
from tests.fuzz.test_malformed import OURS, TO, with_sound_lines
from tests.wire.community import community

MAILS = 10_000


@pytest.mark.parametrize("seed", range(100, 105))
def test_received_one_by_one(seed: int, sqlite_template: Path, tmp_path: Path) -> None:
    with community(sqlite_template, tmp_path) as people:
        for number, (name, raw) in enumerate(malformed(seed, MAILS)):
            envelope = Envelope("anna@home.example", (TO[number % len(TO)],))
            reply = asyncio.run(people.receiver.receive(envelope, with_sound_lines(raw)))
            assert (reply.code, reply.enhanced) not in OURS, (name, reply)
        assert people.database.read(shunts.shunt_rows) == []
