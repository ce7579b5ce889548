"""What was not shared in a day, for the people who look after that: lines of the log, by what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from handlers.letter_words import Words, words_of

MOST_LINES = 20
"""Of one kind; the log has the others."""


def daily_page(lines: Mapping[str, Sequence[str]], language: str) -> str:
    """`lines`: kind of the log -> texts, in the order to be shown."""
    words = words_of(language)
    return "\n\n".join(_section(words, kind, texts) for kind, texts in lines.items() if texts)


def _section(words: Words, kind: str, texts: Sequence[str]) -> str:
    shown = [_heading(words, kind), *texts[:MOST_LINES]]
    if len(texts) > MOST_LINES:
        more = len(texts) - MOST_LINES
        shown.append(words.count("and %(count)s more", "and %(count)s more", more))
    return "\n".join(shown)


def _heading(words: Words, kind: str) -> str:
    match kind:
        case "held":
            return words.say("Waits for somebody to decide:")
        case "refused":
            return words.say("Refused, and its author knows:")
        case "dropped":
            return words.say("Set aside in silence:")
        case "shunted":
            return words.say("We failed at this and kept it:")
        case "shortened":
            return words.say("Went out without a file:")
        case "paused":
            return words.say("Gets no mail any more:")
        case _:
            return words.say("Did not arrive:")
