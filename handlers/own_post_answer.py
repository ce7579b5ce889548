"""An author answers a post of hers with "delete", or with "instead:" and other words (spec/people.md §3.5)."""

from __future__ import annotations

from handlers.facts import Facts, OwnPostFacts, id_of
from handlers.incoming import Incoming, Verdict
from handlers.outcome import ACCEPTED, Outcome
from handlers.own_post import ChangePost, SayUnchanged, TakeBack, TakeBackHeld, Unchanged
from handlers.policy import COMMANDS, POSTING, awaiting_author, first_answer, own_list_loop, writer
from storage.models import MailingList, Member

MOST_CHANGES = 20
"""Of one post in a day."""
_TAKING_BACK = (own_list_loop, *COMMANDS)


def decide_own_post(incoming: Incoming, facts: Facts, found: OwnPostFacts) -> Outcome:
    """What is taken back need not be read before; new words go the way of all that she writes."""
    is_change = found.text is not None and _why_not(found) is None
    outcome = first_answer(POSTING if is_change else _TAKING_BACK, incoming, facts)
    if outcome is not None:
        return outcome
    if incoming.authentication.verdict is not Verdict.ALIGNED:
        return awaiting_author(facts, f"We cannot tell whether it really comes from {writer(incoming, facts)}.")
    return Outcome(ACCEPTED, (own_post_action(facts, found),))


def own_post_action(facts: Facts, found: OwnPostFacts) -> TakeBack | TakeBackHeld | ChangePost | SayUnchanged:
    """Raises LookupError when `facts` names no list or no member."""
    if facts.mailing_list is None or facts.member is None:
        raise LookupError("only a member of a list has a post of her own")
    member_id = id_of(facts.member)
    why = _why_not(found)
    if why is not None:
        return _unchanged(why, facts.mailing_list, facts.member)
    if found.held is not None:
        return TakeBackHeld(id_of(found.held), member_id)
    if found.post is None:
        return _unchanged(Unchanged.UNKNOWN, facts.mailing_list, facts.member)
    if found.text is None:
        return TakeBack(id_of(found.post), member_id)
    return ChangePost(id_of(found.post), member_id, found.text)


def _why_not(found: OwnPostFacts) -> Unchanged | None:
    if found.post is not None and not found.is_hers:
        return Unchanged.OTHERS
    if found.text is None:
        return None
    if found.held is not None:
        return Unchanged.WAITS
    if found.post is not None and found.post.removed_at is not None:
        return Unchanged.UNKNOWN
    if not found.text:
        return Unchanged.EMPTY
    return Unchanged.OFTEN if found.changes_today >= MOST_CHANGES else None


def _unchanged(why: Unchanged, mailing_list: MailingList, member: Member) -> SayUnchanged:
    return SayUnchanged(why, id_of(mailing_list), id_of(member))
