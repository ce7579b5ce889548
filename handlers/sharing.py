"""A member says whether her posts may leave for other servers. It holds at once, for those to come."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.facts import Facts, id_of
from handlers.incoming import Incoming, Verdict
from handlers.outcome import ACCEPTED, ChangeSharing, Outcome
from handlers.peer.consent import Share
from handlers.plain_words import Command
from handlers.policy import awaiting_author, held, writer
from storage.models import Status

SHARES: Mapping[Command, Share] = {
    Command.SHARE_ALWAYS: Share.ALWAYS,
    Command.SHARE_NEVER: Share.NEVER,
    Command.SHARE_ASK: Share.ASK,
}
_HERE = (Status.ACTIVE, Status.PAUSED)


def decide_sharing(incoming: Incoming, facts: Facts, share: Share) -> Outcome:
    """What she asks for at an address for help, or in answer to a notice or a letter."""
    who, membership = writer(incoming, facts), facts.membership
    if membership is None or membership.status not in _HERE:
        return held(facts, f"{who} asks for help, and is no member under this address.", ask_hourly=facts.is_known)
    if incoming.authentication.verdict is not Verdict.ALIGNED:
        return awaiting_author(facts, f"We cannot tell whether it is really {who} who says what may be shared.")
    return Outcome(ACCEPTED, (ChangeSharing(id_of(membership), share),))
