"""The daemon's end of the line to a worker that opens pictures: started for one mail, gone after it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import organic_mail
from handlers.part_splice import NewPart
from organic_mail.picture_worker import ANSWER, READY, REQUEST, UNREADABLE

PATIENCE = 150.0  # seconds for one answer: a worker that computes for so long has died of its limit, or soon will
START_SECONDS = 30.0
MOST_DEATHS = 3  # for one mail; whatever it holds beyond that is not opened

_ROOM = str(Path(organic_mail.__file__).parents[1])
_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from organic_mail.picture_worker import run; run()"
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}  # each arena takes 64 MB of the address space that it may have
_LARGEST_ANSWER = 64 * 2**20


class WorkerNotStarted(Exception):
    """Our own trouble: the mail waits."""


class PictureProcess:
    """Use it as a context from one event loop. A process is started with the first question."""

    def __init__(self) -> None:
        self._running: asyncio.subprocess.Process | None = None
        self._deaths = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, trouble: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def ask(
        self, what: bytes, data: bytes, *, content_type: str = "", longest: int = 0, quality: int = 0
    ) -> tuple[bytes, bytes]:
        """One of the worker's answers and what comes with it; UNREADABLE when it died of the question.

        Raises WorkerNotStarted.
        """
        if self._deaths >= MOST_DEATHS:
            return UNREADABLE, b""
        running = self._running or await self._started()
        kind = content_type.encode("ascii", "replace").replace(b"\n", b" ")
        try:
            async with asyncio.timeout(PATIENCE):
                return await _asked(running, REQUEST.pack(what, longest, quality, len(data)) + kind + b"\n" + data)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            self._deaths += 1
            await self._end()
            return UNREADABLE, b""

    async def _started(self) -> asyncio.subprocess.Process:
        try:
            self._running = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-c",
                _PROGRAM,
                _ROOM,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=_ENVIRONMENT,
            )
            async with asyncio.timeout(START_SECONDS):
                said = await _answers(self._running).readexactly(len(READY))
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as trouble:
            await self._end()
            raise WorkerNotStarted(f"the worker that opens pictures does not start: {trouble}") from trouble
        if said != READY:
            await self._end()
            raise WorkerNotStarted("the worker that opens pictures is another one: restart organic-mail serve")
        return self._running

    async def _end(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        with contextlib.suppress(ProcessLookupError):
            running.kill()
        await running.communicate()


def unpacked_parts(content: bytes) -> list[NewPart]:
    """What `picture_worker.packed_parts` packed."""
    parts: list[NewPart] = []
    at = 0
    while at < len(content):
        lines: list[str] = []
        for _ in range(3):
            end = content.index(b"\n", at)
            lines.append(content[at:end].decode("utf-8", "replace"))
            at = end + 1
        content_type, name, size = lines
        parts.append(NewPart(content[at : at + int(size)], content_type, name))
        at += int(size)
    return parts


async def _asked(running: asyncio.subprocess.Process, question: bytes) -> tuple[bytes, bytes]:
    if running.stdin is None:
        raise OSError("no way to the worker")
    running.stdin.write(question)
    await running.stdin.drain()
    status, size = ANSWER.unpack(await _answers(running).readexactly(ANSWER.size))
    if size > _LARGEST_ANSWER:
        raise OSError("a worker that answers so has been taken over")
    return status, await _answers(running).readexactly(size)


def _answers(running: asyncio.subprocess.Process) -> asyncio.StreamReader:
    if running.stdout is None:
        raise OSError("no way back from the worker")
    return running.stdout
