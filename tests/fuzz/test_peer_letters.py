"""Every mail of handshakes and spaces, broken in every way: nothing happens, or what the whole mail would have done."""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from handlers.incoming import Verdict
from handlers.message import MalformedMessage
from organic_mail import peering
from storage.models_peers import Peer, PeerInvite, PeerKey
from storage.models_spaces import Roster, Space, SpaceInvitation, SpaceLeave
from tests.federation.test_links import rotate
from tests.federation.village import Mail, Server, Village, village

SEEDS, TRIES = (range(4), 110) if os.environ.get("TEST_LONG") else (range(1), 8)  # of each of some 23 mails
TABLES = (Peer, PeerInvite, PeerKey, Roster, Space, SpaceInvitation, SpaceLeave)
MOMENTS = {"heard_at", "unproven"}  # what any mail over a link may change
PIECES = [
    b"", b"\r\n", b"\0", b"\xff\xfe", b"=00=0A", b":", b"|", b"<>", b"v:1\r\n", b"A" * 2000, b"type:roster\r\n",
    b"\xf0\x9f\x8d\x8e",
    b"-----BEGIN ORGANIC CONTROL-----\r\n", b"-----END ORGANIC CONTROL-----\r\n", b"9" * 40, b"-1", b"entry:a|b|c\r\n",
]  # fmt: skip


class Undone(Exception):
    """Ends a transaction of a test, and takes back all of it."""


@pytest.fixture
def street(sqlite_template: Path, tmp_path: Path) -> Iterator[Village]:
    with village(tmp_path, sqlite_template) as made:
        yield made


def known(session: Any) -> list[str]:
    """All that this part of storage knows."""
    session.flush()
    rows = [row.model_dump(exclude=MOMENTS) for table in TABLES for row in session.exec(select(table))]
    return sorted(f"{list(row.values())}" for row in rows)


def outcome(server: Server, raw: bytes, to: str, verdict: Verdict) -> list[str] | None:
    """What would be known after the mail; None where it cannot even be parsed."""
    found: list[str] = []

    def try_it(session: Any) -> None:
        server.take_in(session, raw, to, verdict=verdict)
        found.extend(known(session))
        raise Undone

    try:
        with pytest.raises(Undone):
            server.write(try_it)
    except MalformedMessage:
        return None
    return found


def broken(raw: bytes, chance: random.Random) -> bytes:
    """Bytes changed, cut out, put in or doubled; or a line of the block that says something else."""
    match chance.randrange(5):
        case 0:
            at = chance.randrange(len(raw))
            return raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :]
        case 1:
            start, end = sorted(chance.sample(range(len(raw) + 1), 2))
            return raw[:start] + raw[end:]
        case 2:
            at = chance.randrange(len(raw))
            return raw[:at] + chance.choice(PIECES) + raw[at:]
        case 3:
            lines = raw.splitlines(keepends=True)
            one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
            lines[one] = lines[other]
            return b"".join(lines)
        case _:
            values = list(re.finditer(rb"(?m)^[a-z.-]+:(.+?)\r$", raw))
            value = chance.choice(values)
            return raw[: value.start(1)] + chance.choice(PIECES) + raw[value.end(1) :]


def check(street: Village, mail: Mail, seen: Counter[str], seed: int) -> bool:
    """Just before it is handed over. False: it is not lost on its way."""
    server, chance = street.servers[mail.domain], random.Random(f"{seed} {mail.raw!r}")
    before = server.read(known)
    whole = outcome(server, mail.raw, mail.to, Verdict.ALIGNED)
    for _ in range(TRIES):
        raw = broken(mail.raw, chance)
        after = outcome(server, raw, mail.to, Verdict.ALIGNED)
        seen["nothing" if after in (None, before) else "something"] += 1
        assert after in (None, before) or same_but_for_chance(after, whole) or is_broken_off(mail, before, after), raw
    return False


def is_broken_off(mail: Mail, before: list[str], after: list[str] | None) -> bool:
    """A handshake whose pieces do not fit each other ends, and nothing else happens."""
    added, gone = set(after or ()) - set(before), set(before) - set(after or ())
    return (
        len(added) == len(gone) == 1
        and all(f"'{mail.sender}'" in row for row in added | gone)
        and all("'none'" in row for row in added)
    )


def same_but_for_chance(after: list[str] | None, whole: list[str] | None) -> bool:
    """Where nothing but what we chose at random, nonces and tokens, differs."""
    return after is not None and whole is not None and [chosen(row) for row in after] == [chosen(row) for row in whole]


def chosen(row: str) -> str:
    return re.sub(r"[A-Za-z0-9+/]{43}=|(?<=')[a-z2-7]{8,26}(?=')", "*", row)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_comes(street: Village, seed: int) -> None:
    """One of each mail, each in the state of things in which it comes."""
    oak, pine, birch = (street.server(name) for name in ("oak", "pine", "birch"))
    street.befriend(pine, birch)
    seen: Counter[str] = Counter()
    street.lost = lambda mail: check(street, mail, seen, seed)
    street.ask(oak, pine)
    street.carry()
    street.approve(oak, pine)
    street.approve(pine, oak)
    street.carry()
    street.found(oak, pine, birch)
    rotate(pine, street)
    street.carry()
    birch.leave()
    street.carry()
    oak.write(lambda session: peering.sever(session, oak.host, "pine.example", "", street.now))
    street.carry()
    assert seen["nothing"] > seen["something"]
    assert seen["something"]
