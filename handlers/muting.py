"""A member wants to hear no more of one conversation, or to hear of it again (spec/people.md §3.3, §3.5).

Only an answer that says so as a whole is taken for that.
"""

from __future__ import annotations

from dataclasses import dataclass

from handlers.message import Message
from handlers.plain_words import Command, Place, Said, said, said_in


@dataclass(frozen=True, slots=True)
class Muting:
    """`muted` False: she wants to hear of it again. number: of the conversation in a letter, 0 where none is named."""

    muted: bool
    number: int = 0


def read_muting(text: str) -> Muting | None:
    """What an answer to a letter says as a whole; None for almost every one."""
    return _muting(said(text, Place.LETTER))


def muting_in(message: Message) -> Muting | None:
    """The same of a whole answer to a post.

    Raises MalformedMessage over the caps of spec/mail.md §2.2.
    """
    return _muting(said_in(message, Place.ANSWER))


def _muting(found: Said | None) -> Muting | None:
    if found is None or found.command not in (Command.MUTE, Command.UNMUTE):
        return None
    return Muting(found.command is Command.MUTE, found.number)
