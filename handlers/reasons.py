"""Why something waits or did not arrive: written down in English, for the log, and told in the reader's language."""

from __future__ import annotations

import re

from handlers.letter_words import Words

REASONS = (
    "Every email to this list is read before it goes out.",
    "Just now every email to this list is read before it goes out.",
    "What %(who)s writes is read before it goes out.",
    "It is the first email that %(who)s writes here.",
    "What comes from other servers is read before it goes out.",
    "%(who)s has written more than %(most)s emails in an hour.",
    "Our mail server takes it for spam.",
    "Its header has what this list wants to read first: %(rule)s.",
    "The address of the list stands in neither To nor Cc.",
    "It comes from an address that is no member's.",
    "It answers an email that %(who)s got, from an address that we do not know.",
    "It answers a private email that %(who)s got, from an address that we do not know.",
    "We cannot tell whether it really comes from %(who)s.",
    "We cannot tell whether it is really %(who)s who decides.",
    "We cannot tell whether it is really %(who)s who asks to leave.",
    "We cannot tell whether it is really %(who)s who asks.",
    "We cannot tell whether it is really %(who)s who answers.",
    "%(who)s asks to join.",
    "%(who)s asks to join, and somebody has to say yes.",
    "%(who)s asks to join, and we cannot tell whether it is really them.",
    "%(who)s asks to leave, and is no member under this address.",
    "%(who)s asks for help.",
    "%(who)s asks for help, and is no member under this address.",
    "We cannot tell whether it is really %(who)s who asks for mail at another pace.",
    "We cannot tell whether it is really %(who)s who says what may be shared.",
    "%(who)s wrote to %(address)s.",
    "%(who)s answered our question with neither yes nor no.",
    "%(who)s answered the invitation with neither yes nor no.",
    "%(who)s answered a question that we asked somebody else.",
    "%(who)s answered a question that is no longer open.",
    "%(who)s answered an invitation that is no longer open.",
    "%(who)s answered a goodbye that is no longer open.",
    "%(who)s answered our question whether emails shall come again.",
    "%(who)s answered a letter of ours at its return address.",
    "%(who)s answered what we sent to %(other)s at another address.",
    "%(who)s answered the list of members that we sent somebody else.",
    '%(who)s asks for help, perhaps for "%(command)s".',
    "That is not what was meant.",
    "%(who)s did not say whether her email may leave for the space.",
    "The member was asked, and has not answered in a week.",
    "An automatic email came to %(address)s.",
    "A complaint came about an email of ours, and we cannot tell whether it is a true one.",
    "It came by way of the mailbox. Here it was to be refused: %(text)s.",
    "Its other recipients took it. Here it was to be refused: %(text)s.",
    "%(who)s takes no private mail from you just now. What you write to everyone still gets there.",
    "You wanted no private mail between you and %(who)s. To change that, write one word to them: unblock.",
    "We cannot reach the mailbox of %(who)s just now. Please try another way.",
    "You have written very many emails in an hour. Please try again later.",
)
_PATTERNS = {
    reason: re.compile("".join(
        f"(?P<{piece}>.+?)" if place % 2 else re.escape(piece)
        for place, piece in enumerate(re.split(r"%\((\w+)\)s", reason))
    ) + "(?: (?P<rest>.+))?")
    for reason in REASONS
}  # fmt: skip


def told(reason: str, words: Words) -> str:
    """What one of REASONS says, or some of them in a row; anything else as it is."""
    for english, pattern in _PATTERNS.items():
        found = pattern.fullmatch(reason)
        if found:
            fields = {name: words.own(text) for name, text in found.groupdict().items() if text}
            rest = f" {told(found['rest'], words)}" if found["rest"] else ""
            return words.say(english, **fields) + rest
    return reason
