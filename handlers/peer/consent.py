"""May a post leave for a space? Its author says so, and what it answers does (spec/federation.md §2.6)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum

SHORTEST_QUOTE = 200
"""Letters of equal text by which a post repeats another one."""
_MARKS = re.compile(r"(?m)^[ \t]*(?:>[ \t]*)+")
_WORDS = re.compile(r"\w+")


class Share(StrEnum):
    """What an author says of her posts, everywhere or for one space."""

    NEVER = "never"
    ASK = "ask"
    ALWAYS = "always"


class Fate(StrEnum):
    """Of a post that was written to a space; at home it is in any case."""

    LEAVES = "leaves"
    ASKS = "asks"  # its author, who may let it stay
    STAYS_AT_HER_WISH = "never"
    STAYS_WITH_ITS_PARENT = "answer"  # a reply never travels further than what it answers


def fate_of(share: Share, *, parent_stayed: bool, repeats_a_home_post: bool) -> Fate:
    """`parent_stayed`: it answers a post of this list that never left."""
    if parent_stayed:
        return Fate.STAYS_WITH_ITS_PARENT
    if share is Share.NEVER:
        return Fate.STAYS_AT_HER_WISH
    return Fate.LEAVES if share is Share.ALWAYS and not repeats_a_home_post else Fate.ASKS


def repeats_one_of(text: str, others: Iterable[str], *, at_least: int = SHORTEST_QUOTE) -> bool:
    """Have `text` and one of the others so many letters in common, whatever their quote marks and line breaks?

    Linear in all of them.
    """
    plain = _plain(text)
    windows = {plain[start : start + at_least] for start in range(len(plain) - at_least + 1)}
    if not windows:
        return False
    for other in others:
        theirs = _plain(other)
        if any(theirs[start : start + at_least] in windows for start in range(len(theirs) - at_least + 1)):
            return True
    return False


def _plain(text: str) -> str:
    """Its letters alone: programs break lines anywhere."""
    folded = unicodedata.normalize("NFC", _MARKS.sub("", text)).casefold()
    return "".join(_WORDS.findall(folded))
