"""Work that goes on when the client for whom it was begun has left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import structlog

log = structlog.get_logger()

T = TypeVar("T")


async def outlasting(work: Awaitable[T], *, seconds: float, otherwise: T) -> T:
    """The result of the work, or `otherwise` when it takes longer: a commit is never cancelled half way."""
    running = asyncio.ensure_future(work)
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.shield(running)
    except TimeoutError:
        running.add_done_callback(_log_failure)
        log.error("no decision in time", seconds=seconds)
        return otherwise
    except asyncio.CancelledError:
        running.add_done_callback(_log_failure)
        raise


def _log_failure(work: asyncio.Future[Any]) -> None:
    """For work whose client has left: nobody else would hear of it."""
    if not work.cancelled() and work.exception() is not None:
        log.error("a decision failed after its client had left", exc_info=work.exception())
