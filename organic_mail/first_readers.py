"""Processes that read every message before the daemon does (design decision 7).

A message that makes a reader crash, loop or eat memory costs that reader its life, and nobody else anything. The
readers are forked while this program has neither keys nor database nor connections; a keeper forks another one for
each that dies. All of them end when the daemon ends, however that happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from handlers.first_reading import SAMPLE, read_through
from handlers.message import MalformedMessage

READERS = 2
CPU_SECONDS = 10
MEMORY = 512 * 2**20  # bytes of address space
PATIENCE = 20.0  # seconds; a reader that computes for so long was killed before
MOST_AT_ONCE = 16  # messages that one reader is given together
LARGEST_BATCH = 64 * 1024  # bytes of them

_LENGTH = struct.Struct("!Q")
_FINE, _MALFORMED, _FAULT = b"+", b"-", b"!"


class ReaderDied(Exception):
    """Of this message."""


class ReaderFault(Exception):
    """Reading it showed a fault of ours."""


class ReadersGone(Exception):
    """Nobody is left who could read."""


ReadFirst = Callable[[bytes], Awaitable[None]]
"""FirstReaders.read"""


async def nobody_reads(raw: bytes) -> None:
    """Where there are no such processes."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A message, and where its answer is awaited."""

    raw: bytes
    answer: asyncio.Future[bytes]

    def tell(self, answer: bytes | Exception) -> None:
        if self.answer.done():  # nobody awaits it any more
            return
        if isinstance(answer, Exception):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)


class FirstReaders:
    """Make it before threads, keys and connections are there; use `read` from one event loop.

    What comes while the readers are busy is given to the next one together: to wake a process costs more than to read
    a short mail. It answers each message by itself, so that one is known that it dies of; the others are read again.
    """

    def __init__(self) -> None:
        self._control, keepers = socket.socketpair()
        self._keeper = _forked_keeper(self._control, keepers)
        keepers.close()
        self._idle: list[socket.socket] = []
        self._waiting: deque[_Asked] = deque()
        self._working: set[asyncio.Task[None]] = set()

    async def read(self, raw: bytes) -> None:
        """Raises MalformedMessage, ReaderDied, ReaderFault or ReadersGone."""
        asked = _Asked(raw, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        self._start()
        answer = await asked.answer
        if answer.startswith(_MALFORMED):
            raise MalformedMessage(answer[1:].decode())
        if answer.startswith(_FAULT):
            raise ReaderFault(answer[1:].decode())

    def _start(self) -> None:
        if self._waiting and len(self._working) < READERS:
            work = asyncio.create_task(self._work())
            self._working.add(work)
            work.add_done_callback(self._end)

    def _end(self, work: asyncio.Task[None]) -> None:
        self._working.discard(work)
        if not work.cancelled():
            self._start()  # for what has come since it last looked

    async def _work(self) -> None:
        """Until nothing waits."""
        while batch := self._next_batch():
            try:
                await self._give(batch)
            except Exception as trouble:
                for asked in batch:
                    asked.tell(trouble)

    async def _give(self, batch: deque[_Asked]) -> None:
        """To a reader; what it has answered is taken out of the batch. Raises ReadersGone."""
        reader = self._idle.pop() if self._idle else await asyncio.to_thread(self._next_reader)
        try:
            await _ask(reader, batch)
        except BaseException as trouble:
            reader.close()  # where it still lives it sees that, and makes room for another one
            if not isinstance(trouble, TimeoutError | OSError | asyncio.IncompleteReadError):
                raise
            if batch:
                batch.popleft().tell(ReaderDied())
            self._waiting.extendleft(reversed(batch))
        else:
            self._idle.append(reader)

    def _next_batch(self) -> deque[_Asked]:
        """What waits longest, a large message alone."""
        batch: deque[_Asked] = deque()
        size = 0
        while self._waiting and len(batch) < MOST_AT_ONCE:
            size += len(self._waiting[0].raw)
            if batch and size > LARGEST_BATCH:
                break
            batch.append(self._waiting.popleft())
        return batch

    def close(self) -> None:
        self._control.close()
        for reader in self._idle:
            reader.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._keeper, 0)

    def _next_reader(self) -> socket.socket:
        _, connections, _, _ = socket.recv_fds(self._control, 1, 1)
        if not connections:
            raise ReadersGone
        connection = socket.socket(fileno=connections[0])
        connection.setblocking(False)
        return connection


@contextlib.contextmanager
def first_readers(*, wanted: bool) -> Iterator[ReadFirst]:
    """Until the end of the program."""
    if not wanted:
        yield nobody_reads
        return
    with contextlib.closing(FirstReaders()) as readers:
        yield readers.read


async def _ask(reader: socket.socket, batch: deque[_Asked]) -> None:
    """Tell each answer as soon as it comes. Raises TimeoutError, OSError or IncompleteReadError when the reader died.

    A batch fits into what the kernel keeps for a line, so that the reader never waits for us to take its answers.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE) as patience:
        await loop.sock_sendall(reader, b"".join(_LENGTH.pack(len(asked.raw)) + asked.raw for asked in batch))
        lines = b""
        while batch:
            while b"\n" not in lines:
                more = await loop.sock_recv(reader, 4096)
                if not more:
                    raise asyncio.IncompleteReadError(lines, None)
                lines += more
            answer, _, lines = lines.partition(b"\n")
            batch.popleft().tell(answer)
            patience.reschedule(loop.time() + PATIENCE)


def _forked_keeper(ours: socket.socket, control: socket.socket) -> int:
    """The keeper's process id."""
    read_through(SAMPLE)
    gc.collect()
    gc.freeze()  # what is shared stays shared
    keeper = os.fork()
    if keeper:
        gc.unfreeze()
        return keeper
    try:
        ours.close()
        _keep(control)
    finally:
        os._exit(0)


def _keep(control: socket.socket) -> None:
    """Fork readers, and hand the other end of each one's line to the daemon, until that is gone."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # they are for the daemon, which drains first
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    kept = control.fileno()
    os.closerange(3, kept)
    os.closerange(kept + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    for _ in range(READERS):
        _fork_reader(control)
    while True:
        os.wait()
        _fork_reader(control)


def _fork_reader(control: socket.socket) -> None:
    """Raises OSError when the daemon is gone."""
    daemons, ours = socket.socketpair()
    with daemons, ours:
        socket.send_fds(control, [b"."], [daemons.fileno()])
        if os.fork() == 0:
            daemons.close()
            control.close()
            _read_for_ever(ours)


def _read_for_ever(line: socket.socket) -> NoReturn:
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        with line.makefile("rb") as requests:
            while head := requests.read(_LENGTH.size):
                raw = requests.read(_LENGTH.unpack(head)[0])
                _limit_cpu()
                line.sendall(_answer(raw) + b"\n")
    finally:
        os._exit(0)


def _limit_cpu() -> None:
    """So many seconds more than it has used so far: the limit is for a message, not for a life."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + CPU_SECONDS, hard))


def _answer(raw: bytes) -> bytes:
    try:
        read_through(raw)
    except MalformedMessage as malformed:
        return _MALFORMED + " ".join(malformed.reason.split()).encode()
    except MemoryError:
        raise  # and die of it
    except Exception as fault:  # the operator finds the bytes in the shunt; their words stay out of the log
        return _FAULT + type(fault).__name__.encode()
    return _FINE
