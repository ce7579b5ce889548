"""Is there room for more mail? When the disk is nearly full none is taken in, so that what is here can go out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import structlog

_SHARE = 20
"""On a small disk a twentieth of it must be free, whatever the setting says (spec/mail.md §3.6)."""
_LOOK_EVERY = 5.0  # seconds

log = structlog.get_logger()


class Usage(Protocol):
    """Bytes, as shutil.disk_usage gives them."""

    @property
    def total(self) -> int: ...
    @property
    def free(self) -> int: ...


def is_low(usage: Usage, wanted: int) -> bool:
    """Less than `wanted` bytes are free; a disk so small that this is more than a twentieth of it needs just that."""
    return usage.free < min(wanted, usage.total // _SHARE)


class FreeSpace:
    """Looks at most once in five seconds, so that asking costs nothing. `clock`: seconds that never go back."""

    def __init__(self, folder: Path, wanted: int, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._wanted = wanted
        self._clock = clock
        self._look_at = clock()
        self._enough = True

    def enough(self) -> bool:
        """Also when nobody can tell: then the database says what is wrong, at the end of the mail."""
        now = self._clock()
        if now >= self._look_at:
            self._look_at = now + _LOOK_EVERY
            before, self._enough = self._enough, self._measured()
            if self._enough != before:
                log.warning("the disk has room again" if self._enough else "the disk is nearly full: mail is put off")
        return self._enough

    def _measured(self) -> bool:
        try:
            return not is_low(shutil.disk_usage(self._folder), self._wanted)
        except OSError:
            return True
