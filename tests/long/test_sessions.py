"""A thousand sessions at once, each with a post of 4 kB (spec/mail.md §5.2 R10)."""

from __future__ import annotations

import asyncio
import time

from tests.wire.command_line import Operator, empty_home, om
from tests.wire.community import mail
from tests.wire.test_floods import family, forget_peak, memory, serving

__all__ = ["empty_home", "family", "om"]

SESSIONS = 1_000
SECONDS = 30
MEMORY = 300 * 2**20


async def session(port: int, number: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    raw = mail("x" * 60 + "\r\n" + ("y" * 62 + "\r\n") * 60, message_id=f"<{number}@home.example>")
    commands = [b"EHLO client.example", b"MAIL FROM:<anna@home.example>", b"RCPT TO:<family@oak.example>", b"DATA"]
    await last_line(reader)
    for command in commands:
        writer.write(command + b"\r\n")
        await last_line(reader)
    writer.write(raw + b".\r\n")
    answer = await last_line(reader)
    writer.close()
    return answer[:3]


async def last_line(reader: asyncio.StreamReader) -> bytes:
    while (line := await reader.readline())[3:4] == b"-":
        pass
    return line


async def all_at_once(port: int) -> list[bytes]:
    return await asyncio.gather(*(session(port, number) for number in range(SESSIONS)))


def test_all_are_answered(family: Operator) -> None:
    with serving(family, connections=2 * SESSIONS) as running:
        forget_peak(running.process.pid)
        began = time.monotonic()
        answers = asyncio.run(all_at_once(running.port))
        assert time.monotonic() - began < SECONDS
        assert memory(running.process.pid, "VmHWM") < MEMORY
    assert answers == [b"250"] * SESSIONS
