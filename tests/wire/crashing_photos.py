"""Delivers the due copies of a HOME and dies while photos are made ready, as if by kill -9: HOME STEP."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from organic_mail import cleaning_posts
from organic_mail.daemon import serve
from organic_mail.part import Part
from organic_mail.picture_process import PictureProcess


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(home: str, step: str) -> None:
    if step == "asked":
        PictureProcess.ask = die  # type: ignore[assignment]
    elif step == "made":
        cleaning_posts.keep_cleaned = die  # type: ignore[assignment]
    else:  # committed, and nothing sent yet
        plain = cleaning_posts.CleaningPosts.clean

        async def clean_and_die(self: Any, *facts: Any) -> None:
            await plain(self, *facts)
            die()

        cleaning_posts.CleaningPosts.clean = clean_and_die  # type: ignore[method-assign]
    serve(Path(home), parts=frozenset({Part.DELIVER}))


if __name__ == "__main__":
    main(*sys.argv[1:])
