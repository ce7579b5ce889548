"""A member says how she wants her mail: each, daily, weekly, none for now, or again. It holds at once."""

from __future__ import annotations

from handlers.facts import Facts, id_of
from handlers.incoming import Incoming, Verdict
from handlers.letter_command import Wish, pace_of
from handlers.outcome import ACCEPTED, Action, ChangeDelivery, GoOn, Outcome, Pause
from handlers.plain_words import Command
from handlers.policy import awaiting_author, held, writer
from storage.models import DeliveryMode, Status

PACES = frozenset({Command.EACH, Command.DAILY, Command.WEEKLY, Command.PAUSE, Command.BACK})
_HERE = (Status.ACTIVE, Status.PAUSED)


def decide_pace(incoming: Incoming, facts: Facts, command: Command) -> Outcome:
    """What she asks for at an address for help, or in answer to a notice."""
    who, membership, wish = writer(incoming, facts), facts.reads_by, pace_of(command)
    if wish is None or membership is None or membership.status not in _HERE:
        return held(facts, f"{who} asks for help, and is no member under this address.", ask_hourly=facts.is_known)
    if incoming.authentication.verdict is not Verdict.ALIGNED:
        return awaiting_author(facts, f"We cannot tell whether it is really {who} who asks for mail at another pace.")
    return Outcome(ACCEPTED, (paced(wish, id_of(membership)),))


def paced(wish: Wish, membership_id: int) -> Action:
    if wish.status is Status.PAUSED:
        return Pause(membership_id)
    if wish.status is Status.ACTIVE:
        return GoOn(membership_id)
    return ChangeDelivery(membership_id, wish.delivery or DeliveryMode.DAILY)
