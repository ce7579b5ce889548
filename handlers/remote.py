"""Private mail to somebody of another server: only from members, and never more than a person writes.

spec/federation.md §2.6. Neither sees the other's address, and no other server sees the mail.
"""

from __future__ import annotations

from handlers.facts import Facts, RemoteFacts, id_of
from handlers.incoming import Incoming, Verdict
from handlers.outcome import ACCEPTED, BlockRemote, Hold, Outcome, SendRemotely
from handlers.plain_words import PairCommand, pair_command_in
from handlers.policy import (
    SAFE,
    Rule,
    answer_to_invitation,
    automatic,
    banned,
    first_answer,
    no_single_author,
    other_lists_mail,
    refused,
    too_many_received,
    writer,
)
from handlers.private import our_copy_came_back
from handlers.reply import Reply
from storage.models import Awaits

MOST_A_DAY = 20
"""Private mails of one member to other servers (spec/federation.md §2.6)."""

_STRANGER = Reply(
    550,
    "5.7.1",
    "We do not know this email address, so your email has not been passed on. Private mail comes only from people "
    "who share a space. Are you a member? Please send it again from the address where you get our letters",
)
_TOO_MANY = Reply(451, "4.7.1", "You have written very many private emails today. Please try again tomorrow")


def decide_remote(incoming: Incoming, facts: Facts, remote: RemoteFacts) -> Outcome:
    outcome = first_answer(_RULES, incoming, facts)
    if outcome is not None:
        return outcome
    member, mailing_list, alias = facts.member, facts.mailing_list, incoming.route.alias
    if member is None or mailing_list is None:
        return refused(incoming, facts, _STRANGER, "the two share no space")
    if incoming.authentication.verdict is not Verdict.ALIGNED:
        reason = f"We cannot tell whether it really comes from {writer(incoming, facts)}."
        return Outcome(ACCEPTED, (Hold(reason, None, member.id, awaits=Awaits.AUTHOR, ask=False),))
    said = pair_command_in(incoming.message)
    if said is not None:
        return Outcome(ACCEPTED, (BlockRemote(alias, id_of(member), blocks=said is PairCommand.BLOCK),))
    if remote.is_blocked:
        text = f"You wanted no private mail between you and {remote.name}. To change that, write one word: unblock"
        return refused(incoming, facts, Reply(550, "5.7.1", text), "there is no private mail between the two")
    if remote.written_today >= MOST_A_DAY:
        return Outcome(_TOO_MANY)
    return Outcome(ACCEPTED, (SendRemotely(alias, id_of(member), id_of(mailing_list)),))


_RULES: tuple[Rule, ...] = (
    too_many_received,
    no_single_author,
    our_copy_came_back,
    automatic,
    answer_to_invitation,
    other_lists_mail,
    *SAFE,
    banned,
)
