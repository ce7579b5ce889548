"""Private mail: one member writes to another by her alias, and neither sees the other's address (contract §3)."""

from __future__ import annotations

from handlers.facts import Facts, PrivateFacts, id_of
from handlers.incoming import Incoming, Verdict
from handlers.outcome import ACCEPTED, Block, Hold, NotArrived, Note, Outcome, SendPrivately, Unblock
from handlers.plain_words import PairCommand, pair_command_in
from handlers.policy import (
    SAFE,
    Rule,
    answer_to_invitation,
    automatic,
    banned,
    dropped,
    first_answer,
    no_single_author,
    other_lists_mail,
    reaction,
    refused,
    too_many_received,
    writer,
)
from handlers.post import own_message_id, shown_ids
from handlers.reply import Reply
from storage.models import Awaits

_TOO_MANY = Reply(451, "4.7.1", "You have written very many emails in an hour. Please try again later")


def decide_private(incoming: Incoming, facts: Facts, private: PrivateFacts) -> Outcome:
    outcome = first_answer(_RULES, incoming, facts)
    if outcome is not None:
        return outcome
    member, mailing_list = facts.member, facts.mailing_list
    if member is None or mailing_list is None:
        return _stranger(incoming, facts)
    if incoming.authentication.verdict is not Verdict.ALIGNED:
        reason = f"We cannot tell whether it really comes from {writer(incoming, facts)}."
        return Outcome(ACCEPTED, (Hold(reason, None, member.id, awaits=Awaits.AUTHOR, ask=False),))
    reader, writer_id = private.reader, id_of(member)
    match pair_command_in(incoming.message):
        case PairCommand.BLOCK:
            return Outcome(ACCEPTED, (Block(writer_id, id_of(reader)),))
        case PairCommand.UNBLOCK:
            return Outcome(ACCEPTED, (Unblock(writer_id, id_of(reader)),))
        case None:
            pass
    if private.blockers:
        return _blocked(incoming, facts, private, hers=writer_id in private.blockers)
    if not private.is_reachable:
        text = f"We cannot reach the mailbox of {reader.name or 'this member'} just now. Please try another way"
        return refused(incoming, facts, Reply(550, "5.2.1", text), "the mailbox cannot be reached")
    if facts.host.posts_per_hour and private.written_lately >= facts.host.posts_per_hour:
        return Outcome(_TOO_MANY)
    message, host = incoming.message, facts.host
    shown = shown_ids([message.message_id], host, facts.hiding) if message.message_id else ()
    sent = SendPrivately(
        list_id=id_of(mailing_list),
        writer_id=writer_id,
        reader_id=id_of(reader),
        message_id=next(iter(shown), own_message_id(message, host)),
        original_message_id=message.message_id,
    )
    return Outcome(ACCEPTED, (sent,))


def our_copy_came_back(incoming: Incoming, facts: Facts) -> Outcome | None:
    """What goes out from us never comes to an alias: somebody's mailbox sends it round."""
    if not incoming.authentication.signed_by_us:
        return None
    return dropped(facts, f"A copy of ours came back to {incoming.route.address}. It was not sent again.")


def _stranger(incoming: Incoming, facts: Facts) -> Outcome:
    """The answer does not tell whether anybody is there (contract §4)."""
    asked = facts.answers_member
    if asked is not None and facts.member is None and not facts.said_not_hers:
        reason = f"It answers a private email that {asked.name} got, from an address that we do not know."
        hold = Hold(reason, None, awaits=Awaits.ADDRESS, maybe_of=asked.id, ask=False)
        return Outcome(ACCEPTED, (hold,))
    text = (
        "We do not know this email address, so your email has not been passed on. Private mail comes only from "
        "people who share a list. Are you a member? Please send it again from the address where you get our letters"
    )
    return refused(incoming, facts, Reply(550, "5.7.1", text), "the two share no list")


def _blocked(incoming: Incoming, facts: Facts, private: PrivateFacts, *, hers: bool) -> Outcome:
    name = private.reader.name or "this member"
    if hers:
        text = f"You wanted no private mail between you and {name}. To change that, write one word to them: unblock"
    else:
        text = f"{name} takes no private mail from you just now. What you write to everyone still gets there"
    return refused(incoming, facts, Reply(550, "5.7.1", text), "there is no private mail between the two")


def not_passed_on(incoming: Incoming, facts: Facts, private: PrivateFacts, reply: Reply) -> Outcome:
    """It cannot be refused, because somebody else got it; and nobody else is to read it."""
    member, mailing_list = facts.member, facts.mailing_list
    if member is None or mailing_list is None or incoming.authentication.verdict is not Verdict.ALIGNED:
        text = f"A private email from {writer(incoming, facts)} was not passed on: {reply.text}."
        return Outcome(ACCEPTED, (Note("dropped", text, None, facts.member_id),))
    told = NotArrived(id_of(mailing_list), id_of(member), id_of(private.reader), incoming.message.subject, reply.text)
    return Outcome(ACCEPTED, (told,))


_RULES: tuple[Rule, ...] = (
    too_many_received,
    no_single_author,
    our_copy_came_back,
    automatic,
    answer_to_invitation,
    other_lists_mail,
    *SAFE,
    banned,
    reaction,
)
