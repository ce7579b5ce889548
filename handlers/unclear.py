"""Words at an address for help that are no command: a person reads them, and a member hears that, or what is near."""

from __future__ import annotations

from handlers.emoji import only_emoji
from handlers.facts import Facts, id_of
from handlers.incoming import Incoming, Verdict
from handlers.outcome import ACCEPTED, AskWhatSheMeant, Outcome
from handlers.plain_words import nearly_said, only_thanks
from handlers.policy import dropped, held, writer
from handlers.written import written_text_of
from storage.models import Status

_HERE = (Status.ACTIVE, Status.PAUSED)
_LONGEST_QUOTE = 60


def decide_unclear(incoming: Incoming, facts: Facts) -> Outcome:
    """Nobody is answered who may be somebody else; who reads for her is asked once an hour, however much comes."""
    message, who = incoming.message, writer(incoming, facts)
    reason = f"{who} asks for help."
    is_here = facts.reads_by is not None and facts.reads_by.status in _HERE
    if facts.member is None or not is_here or incoming.authentication.verdict is not Verdict.ALIGNED:
        return held(facts, reason, ask_hourly=facts.is_known)
    text = written_text_of(message.raw).strip()
    if message.in_reply_to and text and (only_emoji(text) or only_thanks(text)):
        return dropped(facts, f"{who} sent her thanks.")
    near = nearly_said(message)
    if near is not None:
        said = next(iter((text or message.subject).splitlines()), "")[:_LONGEST_QUOTE]
        return Outcome(ACCEPTED, (AskWhatSheMeant(id_of(facts.member), near.command, said),))
    return held(facts, reason, ask_hourly=True, tell_author=True)
