"""Processes that read first: what they tell, what they survive, and that they end with the daemon."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from handlers.message import MalformedMessage
from organic_mail import first_readers
from organic_mail.first_readers import FirstReaders, ReaderDied, ReaderFault, ReadersGone
from storage import shunts
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import community, mail
from tests.wire.daemons import PATIENCE, daemon, until

__all__ = ["empty_home", "om"]

HTML = mail("<p>Hello</p>\r\n", Content_Type="text/html")


def children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def gone(process: int) -> bool:
    """Also when nobody has asked yet how it ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def behave(raw: bytes) -> None:
    """What the readers of these tests do."""
    if b"malformed" in raw:
        raise MalformedMessage("This email has\ntwo of something")
    if b"fault" in raw:
        raise RecursionError(raw)
    if b"crash" in raw:
        os.kill(os.getpid(), signal.SIGSEGV)
    if b"memory" in raw:
        kept = [bytearray(2**20)]
        while True:
            kept.append(bytearray(kept[-1] * 2))
    while b"loop" in raw:
        pass


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> Iterator[FirstReaders]:
    monkeypatch.setattr(first_readers, "read_through", behave)
    monkeypatch.setattr(first_readers, "CPU_SECONDS", 1)
    with closing(FirstReaders()) as made:
        yield made


def read(readers: FirstReaders, *mails: bytes) -> list[BaseException | None]:
    async def all_of_them() -> list[BaseException | None]:
        return await asyncio.gather(*map(readers.read, mails), return_exceptions=True)

    return asyncio.run(all_of_them())


def test_real_reading() -> None:
    with closing(FirstReaders()) as readers:
        deep = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 500
        fine, large, malformed = read(readers, HTML, mail("x" * 5_000_000), deep)
    assert (fine, large) == (None, None)
    assert isinstance(malformed, MalformedMessage)


def test_many_at_once(readers: FirstReaders) -> None:
    found = read(readers, *(b"malformed" if number % 3 == 0 else b"fine" * 30_000 for number in range(60)))
    assert [isinstance(one, MalformedMessage) for one in found] == [number % 3 == 0 for number in range(60)]
    assert str(found[0]) == "This email has two of something"


def test_a_fault_of_ours_is_told_without_the_words_of_the_mail(readers: FirstReaders) -> None:
    (fault,) = read(readers, b"fault and secret words")
    assert isinstance(fault, ReaderFault)
    assert str(fault) == "RecursionError"


@pytest.mark.parametrize("bomb", [b"crash", b"loop", b"memory"])
def test_a_bomb_costs_one_reader(readers: FirstReaders, bomb: bytes) -> None:
    found = read(readers, b"fine", bomb, b"fine", b"fine", b"fine")
    assert [type(one) for one in found] == [type(None), ReaderDied, *[type(None)] * 3]


@pytest.mark.parametrize("place", [0, 1, 5, 15])
def test_of_many_that_are_read_together_only_the_bomb_is_blamed(readers: FirstReaders, place: int) -> None:
    mails = [b"fine"] * 40
    mails[place] = b"crash"
    found = read(readers, *mails)
    assert [type(one) for one in found] == [ReaderDied if at == place else type(None) for at in range(40)]


def test_one_that_nobody_awaits_any_more_takes_its_blame_with_it(readers: FirstReaders) -> None:
    async def leave_a_bomb() -> list[BaseException | None]:
        bomb = asyncio.create_task(readers.read(b"crash"))
        others = [asyncio.create_task(readers.read(b"fine")) for _ in range(10)]
        await asyncio.sleep(0)
        bomb.cancel()
        return await asyncio.gather(*others, return_exceptions=True)

    assert asyncio.run(leave_a_bomb()) == [None] * 10


@pytest.mark.parametrize("number", [1, 2])
def test_one_that_comes_when_all_have_just_ended_is_read(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(first_readers, "READERS", number)

    async def read_again_and_again(readers: FirstReaders) -> None:
        for _ in range(50):
            await readers.read(HTML)

    async def all_of_them(readers: FirstReaders) -> None:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(read_again_and_again(readers) for _ in range(number)))

    with closing(FirstReaders()) as readers:
        asyncio.run(all_of_them(readers))


def test_large_ones_between_small_ones(readers: FirstReaders) -> None:
    large = b"fine" * 1_000_000
    found = read(readers, b"fine", large, b"malformed", b"malformed" + large, b"fine", large)
    assert [isinstance(one, MalformedMessage) for one in found] == [False, False, True, True, False, False]


def test_more_bombs_than_readers(readers: FirstReaders) -> None:
    found = read(readers, *[b"crash"] * 7, b"fine")
    assert [type(one) for one in found] == [ReaderDied] * 7 + [type(None)]


def test_without_a_keeper_nobody_reads(readers: FirstReaders) -> None:
    os.kill(readers._keeper, signal.SIGKILL)
    os.waitpid(readers._keeper, 0)
    found = read(readers, *[b"crash"] * 2, b"fine")
    assert isinstance(found[2], ReadersGone)


def test_what_kills_a_reader_is_refused_the_second_time_and_kept(
    sqlite_template: Path, tmp_path: Path, readers: FirstReaders
) -> None:
    bomb = mail("crash")
    with community(sqlite_template, tmp_path) as people:
        people.receiver._read_first = readers.read
        assert people.receive(mail()) == (250, "2.0.0")
        assert people.receive(bomb) == (451, "4.3.0")
        assert people.database.read(shunts.shunt_rows) == []
        for _ in range(2):
            assert people.receive(bomb) == (554, "5.6.0")
        (kept,) = people.database.read(shunts.shunt_rows)
        assert kept.shunt.reason == "Reading this mail takes too much time or memory."
        assert people.receive(mail("fault")) == (451, "4.3.0")
        assert len(people.posts()) == 1


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_they_end_with_the_daemon(how: int, om: Operator) -> None:
    with daemon(om.home) as running:
        (keeper,) = children(running.process.pid)
        until(lambda: len(children(keeper)) == first_readers.READERS)  # it forks them while the daemon gets ready
        readers = children(keeper)
        running.end(how)
        until(lambda: all(map(gone, [keeper, *readers])))


def test_memory_of_all_together(om: Operator) -> None:
    om("list", "create", "family")
    om("member", "add", "family", "Anna <anna@home.example>", "--confirmed", "--quiet")
    with daemon(om.home) as running:
        assert running.send(HTML) == 250
        until(running.copies)
        (keeper,) = children(running.process.pid)
        until(lambda: len(children(keeper)) == first_readers.READERS)
        total = sum(map(proportional, [running.process.pid, keeper, *children(keeper)]))
    assert total < 120 * 2**20


def proportional(process: int) -> int:
    """Bytes; what processes share is counted once."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
