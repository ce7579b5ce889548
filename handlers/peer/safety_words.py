"""Eight words for what two servers agreed on, so that two people can compare it by voice (spec/federation.md §2.2).

The 2,048 words are those that wallets use (BIP 39): chosen to be told apart by ear and by their first four letters.
"""

from __future__ import annotations

from functools import cache

from mnemonic import Mnemonic

WORDS = 8
_BITS = 11  # of a word


@cache
def _every_word() -> tuple[str, ...]:
    return tuple(Mnemonic("english").wordlist)


def safety_words(transcript: bytes) -> tuple[str, ...]:
    """For the first 88 bits of a digest."""
    number = int.from_bytes(transcript[: WORDS * _BITS // 8], "big")
    return tuple(_every_word()[number >> _BITS * (WORDS - 1 - i) & (1 << _BITS) - 1] for i in range(WORDS))


def shown_and_asked(transcript: bytes, *, ours: str, theirs: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What our operator reads out, and what she is told: nobody can approve by copying from the own screen."""
    words = safety_words(transcript)
    first, second = words[: WORDS // 2], words[WORDS // 2 :]
    return (first, second) if ours < theirs else (second, first)


def are_same(typed: str, asked: tuple[str, ...]) -> bool:
    """Commas and capitals do no harm."""
    return tuple(typed.replace(",", " ").casefold().split()) == asked
