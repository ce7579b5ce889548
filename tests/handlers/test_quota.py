"""What providers say to an account that has sent its share, and what only sounds like it."""

from __future__ import annotations

import pytest

from handlers.quota import softened
from handlers.reply import Reply

LIMITS = [
    (550, "5.4.5", "Daily user sending limit exceeded. For more information on Gmail sending limits go to"),
    (550, "5.4.5", "Daily SMTP relay sending quota exceeded for this customer"),
    (554, "5.2.0", "STOREDRV.Submission.Exception:SubmissionQuotaExceededException"),
    (550, "5.1.90", "Your message can't be sent because you've reached your daily limit for message recipients"),
    (550, "", "You have sent too many mails, try again tomorrow"),
    (554, "5.7.1", "Sending rate limit exceeded"),
    (550, "5.7.1", "too many recipients"),
]
OTHERS = [
    (250, "2.0.0", "OK, daily sending limit 500"),
    (452, "4.5.3", "Too many recipients"),
    (552, "5.2.2", "The account has exceeded its daily quota"),
    (552, "5.3.4", "Message size exceeds fixed limit"),
    (550, "5.1.1", "No such user here"),
    (552, "5.2.3", "message exceeds the recipient's size limit"),
    (550, "5.7.1", "blocked by policy"),
]


@pytest.mark.parametrize(("code", "enhanced", "text"), LIMITS)
def test_a_limit_for_today_is_no_refusal(code: int, enhanced: str, text: str) -> None:
    softer = softened(Reply(code, enhanced, text))
    assert (softer.code, softer.enhanced[:2], softer.text) == (452, "4.", text)


@pytest.mark.parametrize(("code", "enhanced", "text"), OTHERS)
def test_everything_else_stays_as_it_was_said(code: int, enhanced: str, text: str) -> None:
    reply = Reply(code, enhanced, text)
    assert softened(reply) is reply
