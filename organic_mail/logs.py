"""The daemon's own log: one line of key=value for each event, on stderr, where systemd or a person reads it.

It never holds what people write to each other, and addresses only in a form that tells two of them apart
(spec/mail.md §2.6). What happened to a message is told by `organic-mail log` instead.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import re
import sys
from collections.abc import Iterator, MutableMapping
from typing import Any, NoReturn

import structlog

PRIVATE_KEYS = ("subject", "body", "raw", "text", "token")
_ADDRESS = re.compile(r"([^\s<>@\"'=,;:]{1,64})@([^\s<>@\"'=,;:]{1,255})")
_LONGEST = 2000  # characters of one value; of a traceback the end tells most


class Redaction:
    """Keeps people out of the log: g***@gmail.com#1f0a66c2. Without the key, nobody can tell whose number it is."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for name in PRIVATE_KEYS:
            event.pop(name, None)
        for name, value in event.items():
            if not isinstance(value, int | float | bool):
                event[name] = _ADDRESS.sub(self._masked, str(value)[-_LONGEST:])
        return event

    def _masked(self, found: re.Match[str]) -> str:
        number = hmac.digest(self._key, found[0].casefold().encode("utf-8"), hashlib.sha256).hex()[:8]
        return f"{found[1][0]}***@{found[2]}#{number}"


def start_log(key: bytes, *, debug: bool = False) -> None:
    """Everything that this process logs goes through here, also what libraries say. debug: addresses in full."""
    hide: list[Any] = [] if debug else [Redaction(key)]
    shared: list[Any] = [
        structlog.processors.format_exc_info,
        *hide,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder([]), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.LogfmtRenderer(key_order=["at", "level", "event"]),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    for chatty in ("mail.log", "mail.debug", "asyncio", "sqlalchemy", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if debug else logging.INFO),
        cache_logger_on_first_use=True,
    )


@contextlib.contextmanager
def without_log() -> Iterator[None]:
    """For parts of the daemon that a command uses: what they log would stand among its answers."""

    def drop(*_: Any) -> NoReturn:
        raise structlog.DropEvent

    before = structlog.get_config()
    if os.environ.get("ORGANIC_MAIL_DEBUG") != "1":
        structlog.configure(processors=[drop])
    try:
        yield
    finally:
        structlog.configure(**before)
