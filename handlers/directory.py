"""What a member asks to know: who is here, what we keep about her, the rules, help; and to be forgotten.

Each is answered to the asker alone, and only where it is sure who asks: nothing is told to who writes in her name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

from handlers.facts import Facts, id_of
from handlers.incoming import Incoming, Verdict
from handlers.outcome import (
    ACCEPTED,
    Action,
    Outcome,
)
from handlers.plain_words import Command, read_answer
from handlers.policy import awaiting_author, dropped, held, writer
from handlers.wishes import AskToForget, Explain, SendDirectory, SetLine, WishData
from handlers.written import written_text_of
from storage.models import Membership, Status
from storage.models_questions import Question

LONGEST_LINE = 200
"""Characters of what a member writes about herself for the list of members."""

_HERE = (Status.ACTIVE, Status.PAUSED)
_WORDS = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_LEAVE_OUT = frozenset({
    "leave me out", "take me out", "remove me", "do not list me", "don't list me", "not me", "hide me",
    "lass mich weg", "lasst mich weg", "nicht aufführen", "streich mich", "ohne mich",
    "utelämna mig", "ta bort mig", "inte jag", "ne pas me lister", "retirez-moi", "retire-moi", "pas moi",
    "no me incluyas", "no me incluyan", "quítame", "yo no",
})  # fmt: skip
_THANKS = frozenset({
    "thanks", "thank", "you", "ok", "okay", "great", "danke", "vielen", "dank", "tack", "så", "mycket", "merci",
    "beaucoup", "gracias", "muchas",
})  # fmt: skip


def decide_who(incoming: Incoming, facts: Facts) -> Outcome:
    """Who of this list agreed to be listed: for members of it alone."""
    return _for_members(incoming, facts, lambda membership: SendDirectory(id_of(membership)))


def decide_my_data(incoming: Incoming, facts: Facts) -> Outcome:
    return _for_members(incoming, facts, lambda membership: WishData(membership.member_id, membership.list_id))


def decide_forget_me(incoming: Incoming, facts: Facts) -> Outcome:
    """She is asked once more, at the address that we know."""
    return _for_members(incoming, facts, lambda membership: AskToForget(membership.member_id, membership.list_id))


def decide_rules(incoming: Incoming, facts: Facts) -> Outcome:
    return _explained(incoming, facts, rules=True)


def decide_help(incoming: Incoming, facts: Facts) -> Outcome:
    return _explained(incoming, facts, rules=False)


def decide_line(incoming: Incoming, facts: Facts, question: Question) -> Outcome:
    """The answer to the list of members: her own line as she wants it, or that she wants none."""
    membership, who = facts.membership, writer(incoming, facts)
    if membership is None or membership.status not in _HERE or membership.member_id != question.member_id:
        return held(facts, f"{who} answered the list of members that we sent somebody else.")
    if incoming.authentication.verdict is not Verdict.ALIGNED:
        return awaiting_author(facts, f"We cannot tell whether it is really {who} who answers.")
    written = written_text_of(incoming.message.raw)
    words = _words(written)
    if all(word in _THANKS for word in words):
        return dropped(facts, f"{who} answered the list of members, and wants no change.")
    if wants_no_line(written):
        return Outcome(ACCEPTED, (SetLine(id_of(membership), is_listed=False),))
    line = "" if read_answer(written) and len(words) == 1 else line_of(written)
    return Outcome(ACCEPTED, (SetLine(id_of(membership), is_listed=True, line=line),))


def wants_no_line(written: str) -> bool:
    """Does an answer to the list of members say no more than to take her out of it?"""
    words = _words(written)
    says_no = read_answer(written) is False
    asked_out = " ".join(words[1:] if says_no else words)
    return asked_out in _LEAVE_OUT or (says_no and not asked_out)


REQUESTS: Mapping[Command, Callable[[Incoming, Facts], Outcome]] = {
    Command.WHO: decide_who,
    Command.MY_DATA: decide_my_data,
    Command.FORGET_ME: decide_forget_me,
    Command.RULES: decide_rules,
    Command.HELP: decide_help,
}
"""What is answered and changes nothing."""


def line_of(text: str) -> str:
    """The first paragraph as one line: what stands below it is a farewell."""
    paragraph = re.split(r"\n[ \t]*\n", unicodedata.normalize("NFC", text.strip()).replace("\r\n", "\n"))[0]
    shown = "".join(letter if letter.isprintable() else " " for letter in paragraph)
    return " ".join(shown.split())[:LONGEST_LINE].rstrip()


def _words(text: str) -> list[str]:
    return _WORDS.findall(unicodedata.normalize("NFC", text[: 2 * LONGEST_LINE]).casefold())


def _for_members(incoming: Incoming, facts: Facts, action: Callable[[Membership], Action]) -> Outcome:
    membership, who = facts.membership, writer(incoming, facts)
    if membership is None or membership.status not in _HERE:
        return _explained(incoming, facts, rules=False)
    if incoming.authentication.verdict is not Verdict.ALIGNED:
        return awaiting_author(facts, f"We cannot tell whether it is really {who} who asks.")
    return Outcome(ACCEPTED, (action(membership),))


def _explained(incoming: Incoming, facts: Facts, *, rules: bool) -> Outcome:
    """To everybody who surely has the address: strangers learn how to join, and no more."""
    author, who = facts.author, writer(incoming, facts)
    is_member = facts.membership is not None and facts.membership.status in _HERE
    if incoming.authentication.verdict is not Verdict.ALIGNED:
        if is_member:
            return awaiting_author(facts, f"We cannot tell whether it is really {who} who asks.")
        return dropped(facts, f"{who} asks for help, and we cannot tell whether it is really them.")
    if author is None or facts.mailing_list is None or facts.is_banned:
        return dropped(facts, f"{who} asks for help, and was not answered.")
    member_id = facts.member_id if is_member else None
    return Outcome(ACCEPTED, (Explain(id_of(facts.mailing_list), author.address, member_id, rules),))
