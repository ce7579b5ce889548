"""A member says how she wants her mail: each, daily, weekly, none for now, or again. It holds at once."""

from __future__ import annotations

from handlers.facts import Facts, id_of
from handlers.incoming import Incoming, Verdict
from handlers.letter_command import Wish, pace_of
from handlers.outcome import ACCEPTED, Action, ChangeDelivery, GoOn, Outcome, Pause
from handlers.plain_words import Place, said_in
from storage.models import DeliveryMode, Status

_HERE = (Status.ACTIVE, Status.PAUSED)


def decide_pace(incoming: Incoming, facts: Facts) -> Outcome | None:
    """What she asks for at an address for help; None when that is something else, or it is not surely she."""
    membership = facts.membership
    if membership is None or membership.status not in _HERE:
        return None
    if incoming.authentication.verdict is not Verdict.ALIGNED:
        return None
    found = said_in(incoming.message, Place.US)
    wish = pace_of(found.command) if found else None
    return Outcome(ACCEPTED, (paced(wish, id_of(membership)),)) if wish else None


def paced(wish: Wish, membership_id: int) -> Action:
    if wish.status is Status.PAUSED:
        return Pause(membership_id)
    if wish.status is Status.ACTIVE:
        return GoOn(membership_id)
    return ChangeDelivery(membership_id, wish.delivery or DeliveryMode.DAILY)
