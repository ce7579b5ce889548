"""What a reader may ask for in an answer to a letter: more of it, photos, letters at another pace.

Only a message that is one of these phrases as a whole is taken for one (spec/people.md §3.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from handlers.letter_answer import Placed
from handlers.plain_words import Command, Place, said
from storage.models import DeliveryMode, Status

_DELIVERIES = {
    Command.EACH: DeliveryMode.EACH,
    Command.DAILY: DeliveryMode.DAILY,
    Command.WEEKLY: DeliveryMode.WEEKLY,
}
_STATUSES = {Command.PAUSE: Status.PAUSED, Command.BACK: Status.ACTIVE}


@dataclass(frozen=True, slots=True)
class Wish:
    """delivery: the pace she wants; else more of conversation `number` (0: of the letter), or its photos."""

    delivery: DeliveryMode | None = None
    status: Status | None = None  # PAUSED or ACTIVE
    number: int = 0
    photos: bool = False


def wish_in(placed: Sequence[Placed], subject: str) -> Wish | None:
    """None for almost every answer. An empty one may have its word in a new Subject."""
    if len(placed) > 1:
        return None
    return read_wish(placed[0].text if placed else subject)


def read_wish(text: str) -> Wish | None:
    found = said(text, Place.LETTER)
    if found is None:
        return None
    pace = pace_of(found.command)
    if pace is not None:
        return pace
    is_photos = found.command is Command.PHOTOS
    return Wish(number=found.number, photos=is_photos) if is_photos or found.command is Command.MORE else None


def pace_of(command: Command) -> Wish | None:
    """None: it says nothing of when letters shall come."""
    if command in _DELIVERIES:
        return Wish(delivery=_DELIVERIES[command])
    return Wish(status=_STATUSES[command]) if command in _STATUSES else None
