"""Which language somebody's mail program speaks: the line that it wrote above what it quoted of ours tells."""

from __future__ import annotations

import re
from itertools import pairwise

from handlers import mime
from handlers.message import Message
from handlers.written_mark import is_attribution

_LONGEST_READ = 64 * 1024
_MOST_LINES = 60
_LONGEST_LINE = 320
# English programs are used everywhere, so they tell nothing; Swedish "kl 08:14" tells it from its neighbours' "skrev".
_WROTE = {
    "de": re.compile(r"\b(?:schrieb|schreibt)\b", re.IGNORECASE),
    "es": re.compile(r"\bescribió\b", re.IGNORECASE),
    "fr": re.compile(r"\ba écrit\b", re.IGNORECASE),
    "sv": re.compile(r"\bkl \d.*\bskrev\b", re.IGNORECASE),
}


def client_language(message: Message) -> str | None:
    """One of our languages; None where nothing is quoted, or in words that do not tell."""
    part = next((part for part in mime.parts(message) if part.content_type == "text/plain"), None)
    if part is None or part.body_end - part.body_start > _LONGEST_READ:
        return None
    lines = [line.strip() for line in mime.text(message, part).splitlines()[:_MOST_LINES]]
    for before, line in pairwise(["", *lines]):
        if not line.endswith(":") or len(line) > _LONGEST_LINE:
            continue
        wrapped = f"{before[:_LONGEST_LINE]} {line}"  # programs break it after some seventy letters
        if is_attribution(wrapped, before_quote=False):
            return next((language for language, wrote in _WROTE.items() if wrote.search(wrapped)), None)
    return None
