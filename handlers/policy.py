"""Who may write what to whom: small rules in a fixed order, the first one that answers decides (contract §4).

A rule gets the message and what storage knows, and gives an Outcome, or None to leave it to the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from handlers.address import Mailbox, address_key, parse_mailboxes
from handlers.automatic import has_automatic_subject, is_automatic
from handlers.calendar import calendar_answer
from handlers.facts import Facts, id_of
from handlers.header_rules import RuleAction, rule_for
from handlers.incoming import Incoming, Verdict
from handlers.message import Message
from handlers.outcome import ACCEPTED, Hold, Mute, Note, Outcome, React, Withdraw
from handlers.reply import Reply
from handlers.route import Kind, in_domain
from storage.models import Awaits, Posting, Role, Status, Strangers

Rule = Callable[[Incoming, Facts], Outcome | None]

MOST_RECEIVED = 100  # RFC 5321 §6.3
MOST_RECEIVED_OF_OURS = 50

_LOOPING = Reply(554, "5.4.6", "This email has gone round in a circle, so we have stopped it here")
_NO_AUTHOR = Reply(
    550, "5.6.0", "We could not read who wrote this email. Please send it again with one address in From"
)
_NOT_PROVEN = Reply(550, "5.7.26", "We could not make sure who sent this email, and its domain wants it refused then")
_DNS_TROUBLE = Reply(451, "4.7.5", "We cannot make sure who sent this email just now. Please try again later")
_OUR_DOMAIN = Reply(550, "5.7.1", "This email says that it comes from us, and we did not send it")
_MAY_WRITE = (Status.ACTIVE, Status.PAUSED)
_NAMING = ("to", "cc", "resent-to", "resent-cc")
_RUN_THE_LIST = (Role.MODERATOR, Role.OWNER)


def own_list_loop(incoming: Incoming, facts: Facts) -> Outcome | None:
    """A copy of this very list has come back to it (RFC 2919 §3)."""
    if facts.mailing_list is None or list_id(facts) not in _list_ids(incoming):
        return None
    return dropped(facts, f"A copy of {facts.mailing_list.name}'s own mail came back to it. It was not sent again.")


def too_many_received(incoming: Incoming, facts: Facts) -> Outcome | None:
    hops = len(incoming.message.all("received"))
    ours = any(name.endswith(f".{facts.host.domain}") for name in _list_ids(incoming))
    if hops <= (MOST_RECEIVED_OF_OURS if ours else MOST_RECEIVED):
        return None
    return refused(incoming, facts, _LOOPING, "it has gone round in a circle")


def automatic(incoming: Incoming, facts: Facts) -> Outcome | None:
    """Bounces, receipts and out-of-office mails are never posted and never answered."""
    is_answer = facts.answers_ours and has_automatic_subject(incoming.message)
    if not is_answer and not is_automatic(incoming.envelope, incoming.message):
        return None
    return dropped(facts, f"An automatic email from {writer(incoming, facts)} was set aside.")


def answer_to_invitation(incoming: Incoming, facts: Facts) -> Outcome | None:
    """A calendar's "accepted" is for who invited. It is kept, because a person may have written a word with it."""
    answer = calendar_answer(incoming.message)
    if answer is None:
        return None
    text = f"{writer(incoming, facts)} answered an invitation with {answer}. It was not posted."
    return Outcome(ACCEPTED, (Note("dropped", text, facts.list_id, facts.member_id, keep=True),))


def other_lists_mail(incoming: Incoming, facts: Facts) -> Outcome | None:
    """What another list sends to all of its own readers; not a member who writes to us and to it."""
    if all(not name or name.endswith(f".{facts.host.domain}") for name in _list_ids(incoming)):
        return None
    sent_from = address_key(incoming.envelope.sender).rpartition("@")[2]
    by_author = facts.author is not None and address_key(facts.author.address).rpartition("@")[2] == sent_from
    if by_author and (_is_named(incoming) or facts.host.mailbox is not None):
        return None
    return dropped(facts, f"An email of another list came to {incoming.route.address}. It was not sent on.")


def automatic_to_people(incoming: Incoming, facts: Facts) -> Outcome | None:
    """The same where people are written to: they can read it, but it is not forwarded, so that nothing goes round."""
    if not is_automatic(incoming.envelope, incoming.message):
        return None
    return held(facts, f"An automatic email came to {incoming.route.address}.", ask=False)


def no_single_author(incoming: Incoming, facts: Facts) -> Outcome | None:
    if facts.author is not None:
        return None
    return refused(incoming, facts, _NO_AUTHOR, "it does not say who wrote it")  # RFC 5322 §3.6.2


def our_own_domain(incoming: Incoming, facts: Facts) -> Outcome | None:
    if facts.author is None or incoming.authentication.signed_by_us:
        return None
    if not in_domain(facts.author.address, facts.host.domain):
        return None
    return refused(incoming, facts, _OUR_DOMAIN, "it says that it comes from us, and we did not send it")


def not_proven(incoming: Incoming, facts: Facts) -> Outcome | None:
    match incoming.authentication.verdict:
        case Verdict.REFUSED:
            return refused(incoming, facts, _NOT_PROVEN, "nothing proves who sent it")
        case Verdict.UNCERTAIN:
            return Outcome(_DNS_TROUBLE)
        case _:
            return None


def banned(incoming: Incoming, facts: Facts) -> Outcome | None:
    """Leaving, and writing to the people who run the list, stay open to everybody."""
    if not facts.is_banned:
        return None
    text = (
        "We take no email from your address, so yours has not been shared. "
        f"Is that a mistake? Then write to {owner_address(facts)}"
    )
    return refused(incoming, facts, Reply(550, "5.7.1", text), "the address is banned")


def header_rules(incoming: Incoming, facts: Facts) -> Outcome | None:
    """What the list says about a field of the header, such as the mark of a filter for spam."""
    rule = rule_for(facts.mailing_list.header_rules, incoming.message) if facts.mailing_list else None
    match rule.action if rule else None:
        case RuleAction.HOLD:
            reason = f"Its header has what this list wants to read first: {rule}."
            return Outcome(ACCEPTED, (Hold(reason, facts.list_id, facts.member_id, ask_hourly=True),))
        case RuleAction.REFUSE:
            text = f"This list does not take such an email. Is that a mistake? Then write to {owner_address(facts)}"
            return refused(incoming, facts, Reply(550, "5.7.1", text), f"its header has {rule}")
        case RuleAction.DISCARD:
            return dropped(facts, f"An email from {writer(incoming, facts)} was not shared: its header has {rule}.")
    return None


def reaction(incoming: Incoming, facts: Facts) -> Outcome | None:
    """A heart is counted; it goes to nobody, and nobody is asked about it."""
    if facts.reaction is None:
        return None
    given, post, who = facts.reaction.reaction, facts.reaction.post, writer(incoming, facts)
    if facts.member is None or not _may_write(facts):
        return dropped(facts, f"A reaction came from {who}.") if facts.answers_member else None
    if post is None:
        return dropped(facts, f"{who} reacted to something that we do not know.") if given.by_program else None
    if incoming.authentication.verdict is not Verdict.ALIGNED:
        return dropped(facts, f"A reaction came in the name of {who}, and we cannot tell who really sent it.")
    post_id, member_id = id_of(post), id_of(facts.member)
    action = React(post_id, member_id, given.emoji) if given.emoji else Withdraw(post_id, member_id)
    return Outcome(ACCEPTED, (action,))


def muting(incoming: Incoming, facts: Facts) -> Outcome | None:
    """It is quiet for her alone, and nobody is told."""
    if facts.muting is None or facts.member is None or not _may_write(facts):
        return None
    if incoming.authentication.verdict is not Verdict.ALIGNED:
        return dropped(facts, f"{writer(incoming, facts)} wants a conversation muted, and we cannot tell who it is.")
    return Outcome(ACCEPTED, (Mute(id_of(facts.member), facts.muting.thread_id, facts.muting.muted),))


def says_nothing(incoming: Incoming, facts: Facts) -> Outcome | None:
    """An answer without a word or a picture of its own: a slip of the finger (spec/people.md §1.1)."""
    if not facts.is_empty:
        return None
    return dropped(facts, f"{writer(incoming, facts)} sent an answer with nothing in it.")


def not_a_member(incoming: Incoming, facts: Facts) -> Outcome | None:
    if _may_write(facts):
        return None
    asked = facts.answers_member
    if asked is not None and facts.member is None and not facts.said_not_hers:
        reason = f"It answers an email that {asked.name} got, from an address that we do not know."
        hold = Hold(reason, facts.list_id, awaits=Awaits.ADDRESS, maybe_of=asked.id)
        return Outcome(ACCEPTED, (hold,))
    match facts.mailing_list.strangers if facts.mailing_list else Strangers.REFUSED:
        case Strangers.HELD:
            hold = Hold(
                "It comes from an address that is no member's.", facts.list_id, facts.member_id, ask_hourly=True
            )
            return Outcome(ACCEPTED, (hold,))
        case Strangers.DISCARDED:
            return dropped(facts, f"An email from {writer(incoming, facts)}, who is no member, was not shared.")
        case Strangers.REFUSED:
            pass
    text = (
        "We do not know this email address, so your email has not been shared. Are you a member? Please send it "
        f"again from the address where you get our letters. Or write to {owner_address(facts)} and ask to add this one"
    )
    return refused(incoming, facts, Reply(550, "5.7.1", text), "no member has this address")


def announcements_only(incoming: Incoming, facts: Facts) -> Outcome | None:
    if _posting(facts) is not Posting.ANNOUNCE or _runs_the_list(facts):
        return None
    text = (
        "This list only brings news, so your email has not been shared. "
        f"To write to the people who run it: {owner_address(facts)}"
    )
    return refused(incoming, facts, Reply(550, "5.7.1", text), "only the people who run the list write to it")


def not_surely_hers(incoming: Incoming, facts: Facts) -> Outcome | None:
    if incoming.authentication.verdict is not Verdict.UNVERIFIED:
        return None
    return awaiting_author(facts, f"We cannot tell whether it really comes from {writer(incoming, facts)}.")


def not_addressed(incoming: Incoming, facts: Facts) -> Outcome | None:
    """A blind copy: whoever answers it would not answer the list. What comes from another list of ours is none.

    Mail that names nobody at all is let through: it is what scripts and scanners write, to this address alone.
    """
    if incoming.route.kind is not Kind.LIST or incoming.authentication.signed_by_us or facts.host.mailbox:
        return None
    if _is_named(incoming) or not any(incoming.message.all(name) for name in _NAMING):
        return None
    return held(facts, "The address of the list stands in neither To nor Cc.", tell_author=True)


def marked_as_spam(incoming: Incoming, facts: Facts) -> Outcome | None:
    """By a mail server of ours; anybody else's mark is only the writing of a stranger."""
    mark = incoming.message.value("x-spam-flag") if incoming.authentication.by_our_relay else None
    if mark is None or mark.strip().lower() != "yes":
        return None
    reason = "Our mail server takes it for spam."
    return Outcome(ACCEPTED, (Hold(reason, facts.list_id, facts.member_id, ask_hourly=True),))


def emergency(incoming: Incoming, facts: Facts) -> Outcome | None:  # noqa: ARG001
    """Owners too: it may be an owner's mailbox that somebody else has got into."""
    if facts.mailing_list is None or not facts.mailing_list.emergency:
        return None
    reason = "Just now every email to this list is read before it goes out."
    return Outcome(ACCEPTED, (Hold(reason, facts.list_id, facts.member_id, ask_hourly=True, tell_author=True),))


def too_many_posts(incoming: Incoming, facts: Facts) -> Outcome | None:
    most = facts.host.posts_per_hour
    if not most or facts.posts_last_hour < most:
        return None
    reason = f"{writer(incoming, facts)} has written more than {most} emails in an hour."
    return Outcome(ACCEPTED, (Hold(reason, facts.list_id, facts.member_id, ask_hourly=True),))


def moderated_member(incoming: Incoming, facts: Facts) -> Outcome | None:
    if facts.reads_by is None or not facts.reads_by.moderated:
        return None
    return held(facts, f"What {writer(incoming, facts)} writes is read before it goes out.", tell_author=True)


def first_post(incoming: Incoming, facts: Facts) -> Outcome | None:
    """Until one of hers has gone out (spec/people.md §3.6)."""
    if facts.mailing_list is None or not facts.mailing_list.first_posts_held:
        return None
    if facts.has_posted or _runs_the_list(facts):
        return None
    return held(facts, f"It is the first email that {writer(incoming, facts)} writes here.", tell_author=True)


def moderated(incoming: Incoming, facts: Facts) -> Outcome | None:  # noqa: ARG001
    if _posting(facts) is not Posting.MODERATED or _runs_the_list(facts):
        return None
    if facts.reads_by is not None and facts.reads_by.trusted:
        return None
    return held(facts, "Every email to this list is read before it goes out.", tell_author=True)


SAFE: tuple[Rule, ...] = (no_single_author, our_own_domain, not_proven)
"""What holds for everything that a person can write."""

POSTING: tuple[Rule, ...] = (
    own_list_loop,
    too_many_received,
    automatic,
    answer_to_invitation,
    other_lists_mail,
    *SAFE,
    banned,
    header_rules,
    reaction,
    muting,
    not_a_member,
    says_nothing,
    announcements_only,
    not_surely_hers,
    not_addressed,
    marked_as_spam,
    emergency,
    too_many_posts,
    moderated_member,
    first_post,
    moderated,
)
COMMANDS: tuple[Rule, ...] = (too_many_received, automatic, answer_to_invitation, *SAFE)
PEOPLE: tuple[Rule, ...] = (too_many_received, automatic_to_people, *SAFE)


def first_answer(rules: tuple[Rule, ...], incoming: Incoming, facts: Facts) -> Outcome | None:
    for rule in rules:
        outcome = rule(incoming, facts)
        if outcome is not None:
            return outcome
    return None


def refused(incoming: Incoming, facts: Facts, reply: Reply, why: str) -> Outcome:
    text = f"An email from {writer(incoming, facts)} to {incoming.route.address} was refused: {why}."
    return Outcome(reply, (Note("refused", text, facts.list_id, facts.member_id),))


def dropped(facts: Facts, text: str) -> Outcome:
    return Outcome(ACCEPTED, (Note("dropped", text, facts.list_id, facts.member_id),))


def held(
    facts: Facts, reason: str, *, ask: bool = True, ask_hourly: bool = False, tell_author: bool = False
) -> Outcome:
    hold = Hold(reason, facts.list_id, facts.member_id, ask=ask, ask_hourly=ask_hourly, tell_author=tell_author)
    return Outcome(ACCEPTED, (hold,))


def awaiting_author(facts: Facts, reason: str, *, leaving: bool = False) -> Outcome:
    """Held until she in whose name it came says, from the address that we know, that she wrote it."""
    hold = Hold(reason, facts.list_id, facts.member_id, awaits=Awaits.AUTHOR, leaving=leaving)
    return Outcome(ACCEPTED, (hold,))


def too_late(incoming: Incoming, facts: Facts) -> Outcome:
    """The letter of ours that it answers has expired."""
    text = f"Our letter to you is too old to be answered this way. Please write to {owner_address(facts)} instead"
    return refused(incoming, facts, Reply(550, "5.7.1", text), "the letter that it answers is too old")


def writer(incoming: Incoming, facts: Facts) -> str:
    """Name and address, for the operator's eyes."""
    author = facts.author
    if author is None:
        return incoming.envelope.sender or "a mail server"
    name = "".join(letter for letter in author.name if letter.isprintable())[:80]
    return f"{name} <{author.address}>" if name else author.address


def owner_address(facts: Facts) -> str:
    """Where a person reads what is written to this list's people."""
    mailing_list = facts.mailing_list
    return f"{mailing_list.name}-owner@{facts.host.domain}" if mailing_list else f"postmaster@{facts.host.domain}"


def list_id(facts: Facts) -> str:
    """RFC 2919 §2, in lower case; "" where there is no list."""
    return f"{facts.mailing_list.name}.{facts.host.domain}" if facts.mailing_list else ""


def is_author(facts: Facts, keys: Collection[str]) -> bool:
    """Does From hold one of these addresses (as keys)?"""
    return facts.author is not None and address_key(facts.author.address) in keys


def _list_ids(incoming: Incoming) -> set[str]:
    """What stands in angle brackets in List-Id fields, else the whole of them."""
    message = incoming.message
    found: set[str] = set()
    for field in message.all("list-id"):
        text = message.field_bytes(field).partition(b":")[2].decode("ascii", "replace").lower()
        found.add("".join(text.rpartition("<")[2].partition(">")[0].split()))
    return found


def _is_named(incoming: Incoming) -> bool:
    """Does the address that it came to stand in To or Cc?"""
    named = (mailbox for name in _NAMING for mailbox in _mailboxes(incoming.message, name))
    return any(address_key(mailbox.address) == incoming.route.address for mailbox in named)


def _mailboxes(message: Message, name: str) -> list[Mailbox]:
    value = message.value(name)
    return parse_mailboxes(value) if value else []


def _posting(facts: Facts) -> Posting | None:
    return facts.mailing_list.posting if facts.mailing_list else None


def _may_write(facts: Facts) -> bool:
    """What reaches her, also through another list, she may answer."""
    return facts.reads_by is not None and facts.reads_by.status in _MAY_WRITE


def _runs_the_list(facts: Facts) -> bool:
    return facts.membership is not None and facts.membership.role in _RUN_THE_LIST
