"""`serve` in a process of its own that dies at a named point, as if by kill -9.

A point is a step that the receiver or the deliverer tells its `checkpoint`, or "before" or "after" a function of the
journey. The processes are forked from one that has everything imported, so that a start takes a moment.
"""

from __future__ import annotations

import inspect
import multiprocessing
import os
import re
import signal
from collections.abc import Callable
from functools import partial, reduce, wraps
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from organic_mail import daemon
from organic_mail.part import Part

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.wire.crashing"])

NEVER = ""
RECEIVER_STEPS = ("parsed", "authenticated", "decided", "written", "committed")
DELIVERER_STEPS = ("claimed", "copies made", "sending", "answered", "settled")
AT_START = ("organic_mail.deliver:Deliverer._prepare", "storage.queue:take_back")
FUNCTIONS = (
    "organic_mail.smtp_session:MailSession.smtp_EHLO",
    "organic_mail.smtp_session:MailSession.smtp_MAIL",
    "organic_mail.smtp_session:MailSession.smtp_RCPT",
    "organic_mail.smtp_session:MailSession.smtp_DATA",
    "organic_mail.smtp_session:MailSession._content",
    "organic_mail.smtp_session:DataReader.feed",
    "organic_mail.smtp_session:DataReader.result",
    "organic_mail.receive:Receiver.recipient",
    "organic_mail.receive:Receiver.receive",
    "organic_mail.receive:Receiver._decided",
    "organic_mail.receive:decide",
    "organic_mail.receive:pack",
    "organic_mail.receive:apply",
    "organic_mail.apply:remember",
    "organic_mail.publishing:store_content",
    "organic_mail.apply:publish_part",
    "storage.posts:file_post",
    "storage.posts:store_post",
    "organic_mail.publishing:record",
    "storage.writer:GroupWriter._run_all",
    "sqlalchemy.engine.base:RootTransaction.commit",
    "storage.queue:claim",
    "organic_mail.deliver:not_wanted",
    "organic_mail.deliver:made_copies",
    "organic_mail.copies:SharedBytes.get",
    "organic_mail.senders:Senders.put",
    "organic_mail.smtp_client:Connection.greet",
    "organic_mail.smtp_client:Connection.send",
    "organic_mail.smtp_client:Connection._hand_over",
    "organic_mail.smtp_client:Connection._write_blocks",
    "organic_mail.smtp_wire:Wire.write",
    "organic_mail.smtp_wire:Wire.data_received",
    "organic_mail.deliver:answered",
    "organic_mail.settling:Settling._write",
    "organic_mail.settling:_write_down",
    "storage.queue:settle",
    "organic_mail.senders:Senders.settled",
)
POINTS = (
    *RECEIVER_STEPS,
    *DELIVERER_STEPS,
    *(f"{side} {place}" for place in (*AT_START, *FUNCTIONS) for side in ("before", "after")),
)


def start(home: Path, point: str = NEVER, count: int = 1) -> tuple[Any, int]:
    """The process, and the port where it takes mail: 0 when it died before it was ready.

    It dies when it reaches `point` for the `count`th time.
    """
    hearing, saying = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_serve, args=(str(home), point, count, saying))
    process.start()
    saying.close()
    with os.fdopen(os.dup(hearing.fileno())) as output:
        said = output.readline()
    hearing.close()
    ready = re.fullmatch(r"ready smtp=127\.0\.0\.1:(\d+).*\n", said)
    return process, int(ready[1]) if ready else 0


def _serve(home: str, point: str, count: int, saying: Connection) -> None:
    with (Path(home) / "serve.log").open("ab") as log:
        os.dup2(log.fileno(), 2)
    os.dup2(saying.fileno(), 1)
    saying.close()
    _arm(point, count)
    raise SystemExit(daemon.serve(Path(home), parts=frozenset(Part)))


def _arm(point: str, count: int) -> None:
    left = count

    def die_at(reached: str) -> None:
        nonlocal left
        left -= reached == point
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for module, name in (("organic_mail.receive", "Receiver"), ("organic_mail.deliver", "Deliverer")):
        setattr(daemon, name, partial(getattr(import_module(module), name), checkpoint=die_at))
    if ":" in point:
        place = point.partition(" ")[2]
        module, _, names = place.partition(":")
        *owners, name = names.split(".")
        owner = reduce(getattr, owners, import_module(module))
        setattr(owner, name, _watched(getattr(owner, name), place, die_at))


def _watched(function: Callable[..., Any], place: str, die_at: Callable[[str], None]) -> Callable[..., Any]:
    @wraps(function)
    def call(*words: Any, **more: Any) -> Any:
        die_at(f"before {place}")
        result = function(*words, **more)
        die_at(f"after {place}")
        return result

    @wraps(function)
    async def call_and_wait(*words: Any, **more: Any) -> Any:
        die_at(f"before {place}")
        result = await function(*words, **more)
        die_at(f"after {place}")
        return result

    return call_and_wait if inspect.iscoroutinefunction(function) else call
