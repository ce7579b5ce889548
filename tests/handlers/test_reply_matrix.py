"""What receivers of today answer, and whom each answer speaks against (spec: mail §3.4, §5.2 R14).

Codes are those of the receivers; the words are ours, in their manner.
"""

from __future__ import annotations

import pytest

from handlers.bounce import fault_of
from handlers.dsn import Failure
from handlers.reply import parse_reply
from handlers.retry import Fault, classify
from handlers.score import weight
from storage.models import DeliveryState

SENT, LATER, FAILED = DeliveryState.SENT, DeliveryState.DEFERRED, DeliveryState.FAILED
HARD, SOFT, OURS, MESSAGE = Fault.ADDRESS_HARD, Fault.SOFT, Fault.OURS, Fault.MESSAGE

GMAIL = [
    ("250 2.0.0 OK  1763800000 a1-20020a05.12 - gsmtp", SENT, None),
    ("550 5.1.1 The account that you wrote to does not exist. Look for typing mistakes - gsmtp", FAILED, HARD),
    ("550 5.2.1 The account that you wrote to is disabled - gsmtp", FAILED, HARD),
    ("550 5.2.1 The person you wrote to gets mail at a rate that stops further messages - gsmtp", FAILED, HARD),
    ("553 5.1.2 We could not find the domain of the recipient - gsmtp", FAILED, HARD),
    ("553 5.1.3 The address of the recipient is no valid RFC 5321 address - gsmtp", FAILED, HARD),
    ("552 5.2.2 The inbox of the recipient is out of storage space - gsmtp", FAILED, SOFT),
    ("452 4.2.2 The inbox of the recipient is out of storage space - gsmtp", LATER, SOFT),
    ("450 4.2.1 The person gets mail too quickly. Please send later - gsmtp", LATER, SOFT),
    ("421 4.7.0 Try again later, closing connection - gsmtp", LATER, OURS),
    ("421 4.7.28 An unusual rate of unsolicited mail comes from your address - gsmtp", LATER, OURS),
    ("421 4.7.26 This mail is unauthenticated, which is a risk - gsmtp", LATER, OURS),
    ("421 4.7.32 The From domain is not aligned with SPF or DKIM - gsmtp", LATER, OURS),
    ("421 4.3.0 Temporary trouble of the system - gsmtp", LATER, None),
    ("451 4.3.0 Mail server could not look it up just now - gsmtp", LATER, None),
    ("451 4.5.0 SMTP protocol violation - gsmtp", LATER, None),
    ("550 5.7.1 Our system takes this message for unsolicited mail - gsmtp", FAILED, OURS),
    ("550 5.7.1 The address sending this has no PTR record - gsmtp", FAILED, OURS),
    ("550 5.7.25 The sending address has no PTR record set - gsmtp", FAILED, OURS),
    ("550 5.7.26 Your mail is blocked because the sender is unauthenticated - gsmtp", FAILED, OURS),
    ("550 5.7.27 SPF did not pass for the sender - gsmtp", FAILED, OURS),
    ("550 5.7.28 There is an unusual rate of mail from your network - gsmtp", FAILED, OURS),
    ("550 5.7.29 This message was not sent over TLS - gsmtp", FAILED, OURS),
    ("550 5.7.30 DKIM did not pass for the sender - gsmtp", FAILED, OURS),
    ("550 5.7.32 The From domain is not aligned with SPF or DKIM - gsmtp", FAILED, OURS),
    ("552 5.3.4 Your message is larger than our limit - gsmtp", FAILED, MESSAGE),
    ("552 5.7.0 The content of this message is a possible risk - gsmtp", FAILED, OURS),
    ("554 5.6.0 Mail message is malformed - gsmtp", FAILED, MESSAGE),
    ("550 5.4.5 The daily limit of SMTP relay is reached - gsmtp", FAILED, OURS),
    ("503 5.5.1 Bad sequence of commands - gsmtp", FAILED, OURS),
    ("530 5.7.0 Must issue a STARTTLS command first - gsmtp", LATER, OURS),
]
YAHOO = [
    ("250 ok dirdel", SENT, None),
    ("554 delivery error: dd This user doesn't have a yahoo.com account (rose@yahoo.com) [0]", FAILED, HARD),
    ("554 delivery error: dd Sorry, your message cannot be delivered. This mailbox is disabled", FAILED, HARD),
    ("552 1 Requested mail action aborted, mailbox not found", FAILED, HARD),
    ("554 delivery error: dd Requested mail action aborted: exceeded storage, mailbox full", FAILED, SOFT),
    ("421 4.7.0 [TSS04] Messages from 192.0.2.9 are deferred because of complaints", LATER, OURS),
    ("421 4.7.1 [TSS09] All messages from 192.0.2.9 are deferred", LATER, OURS),
    ("421 4.16.55 [TSS11] Message deferred", LATER, None),
    ("451 Message temporarily deferred - [160]", LATER, None),
    ("451 4.3.2 Internal trouble reading data", LATER, None),
    ("553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.9, it is on a block list", FAILED, OURS),
    ("553 5.7.2 [TSS09] All messages from 192.0.2.9 are refused for good", FAILED, OURS),
    ("554 5.7.9 Message not accepted for policy reasons", FAILED, OURS),
    ("554 Message not allowed - [PH01] Email not accepted for policy reasons", FAILED, OURS),
    ("550 5.7.9 This mail is blocked because the sender is unauthenticated", FAILED, OURS),
    ("550 5.7.26 Unauthenticated email from yahoo.com is not accepted by its DMARC policy", FAILED, OURS),
    ("550 relaying denied for <rose@yahoo.com>", FAILED, OURS),
    ("501 Syntax of the address is wrong", FAILED, OURS),
]
MICROSOFT = [
    ("250 2.6.0 <1@oak.example> [InternalId=1] Queued mail for delivery", SENT, None),
    ("550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)", FAILED, HARD),
    ("550 5.1.1 RESOLVER.ADR.RecipNotFound; not found", FAILED, HARD),
    ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", FAILED, HARD),
    ("550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", FAILED, HARD),
    ("554 5.2.1 The mailbox of the recipient cannot be used", FAILED, HARD),
    ("554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException", FAILED, SOFT),
    ("452 4.2.2 The mailbox is over its quota", LATER, SOFT),
    ("432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", LATER, None),
    ("451 4.7.500 Server busy. Please try again later from 192.0.2.9", LATER, OURS),
    ("451 4.7.650 The mail server 192.0.2.9 has been temporarily rate limited due to IP reputation", LATER, OURS),
    ("421 4.3.2 The maximum number of concurrent connections is reached", LATER, None),
    ("421 RP-001 The mail server reached the rate limit for its reputation", LATER, OURS),
    ("451 4.4.0 DNS query failed", LATER, None),
    ("450 4.7.26 Service does not accept messages that fail SPF and DKIM", LATER, OURS),
    ("550 5.7.1 Unfortunately, messages from 192.0.2.9 weren't sent. S3140 block list", FAILED, OURS),
    ("550 SC-001 Mail rejected by Outlook.com for policy reasons", FAILED, OURS),
    ("550 DY-001 Mail rejected for policy reasons: dynamic addresses", FAILED, OURS),
    ("550 OU-002 Mail rejected for policy reasons", FAILED, OURS),
    ("550 5.7.508 Access denied, 192.0.2.9 has exceeded permitted limits", FAILED, OURS),
    ("550 5.7.509 Access denied, sending domain does not pass DMARC verification and has reject", FAILED, OURS),
    ("550 5.7.511 Access denied, banned sender 192.0.2.9", FAILED, OURS),
    ("550 5.7.515 Access denied, sending domain does not meet the required authentication level", FAILED, OURS),
    ("550 5.7.606 Access denied, banned sending IP 192.0.2.9", FAILED, OURS),
    ("550 5.7.703 Your message cannot be delivered because a part of it is on a block list", FAILED, OURS),
    ("550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required", FAILED, OURS),
    ("550 5.7.124 RESOLVER.RST.SenderNotInAllowedSendersList", FAILED, OURS),
    ("554 5.4.14 Hop count exceeded, possible mail loop", FAILED, OURS),
    ("552 5.3.4 Message size exceeds fixed maximum message size", FAILED, MESSAGE),
    ("554 5.6.1 Body type not supported by remote host", FAILED, MESSAGE),
    ("501 5.1.7 Sender address is no valid address", FAILED, OURS),
]
APPLE = [
    ("250 2.5.0 Ok", SENT, None),
    ("550 5.1.1 unknown or illegal alias: rose@icloud.com", FAILED, HARD),
    ("550 5.1.6 recipient no longer on server", FAILED, HARD),
    ("552 5.2.2 rose@icloud.com is over quota", FAILED, SOFT),
    ("450 4.2.2 rose@icloud.com is over quota", LATER, SOFT),
    ("451 4.7.1 [HME1] message rejected for local policy, try again", LATER, OURS),
    ("421 4.7.0 too many connections from your address", LATER, OURS),
    ("550 5.7.0 Blocked, see the postmaster page", FAILED, OURS),
    ("550 5.7.1 [CS01] Message rejected due to local policy", FAILED, OURS),
    ("554 5.7.1 [HM08] Message rejected due to local policy", FAILED, OURS),
    ("554 5.7.8 [HM16] your message was rejected: DMARC", FAILED, OURS),
    ("552 5.3.4 Message size exceeds the limit", FAILED, MESSAGE),
]
EVERYBODY = [
    ("250 2.0.0 Ok: queued as 4Qw", SENT, None),
    ("252 2.1.5 Cannot verify, but will take it", SENT, None),
    ("550 5.1.1 <rose@elm.example>: Recipient address rejected: User unknown in local recipient table", FAILED, HARD),
    ("550 5.1.1 <rose@elm.example>... User unknown", FAILED, HARD),
    ("550 Unrouteable address: unknown user", FAILED, HARD),
    ("550-Verification failed\r\n550 no such user here", FAILED, HARD),
    ("550 no such recipient", FAILED, HARD),
    ("550 Invalid recipient <rose@elm.example>", FAILED, HARD),
    ("551 5.1.6 User has moved to elsewhere, and we forward nothing", FAILED, HARD),
    ("550 sorry, no mailbox here by that name. (#5.1.1)", FAILED, HARD),
    ("550 5.2.1 Mailbox is closed", FAILED, HARD),
    ("556 5.1.10 Recipient address has null MX", FAILED, HARD),
    ("521 5.2.1 This server takes no mail", FAILED, HARD),
    ("552 5.2.2 Disk quota exceeded", FAILED, SOFT),
    ("554 5.2.0 Mailbox is broken", FAILED, SOFT),
    ("452 4.2.2 Over quota", LATER, SOFT),
    ("450 4.2.0 <rose@elm.example>: Recipient address rejected: Greylisted", LATER, SOFT),
    ("451 4.7.1 Greylisting in action, please come back later", LATER, OURS),
    ("450 4.1.8 Sender address rejected: Domain not found", LATER, OURS),
    ("451 4.3.5 Server configuration problem", LATER, None),
    ("452 4.3.1 Insufficient system storage", LATER, None),
    ("421 4.4.2 timeout exceeded", LATER, None),
    ("454 4.7.1 Relay access denied", LATER, OURS),
    ("554 5.7.1 <rose@elm.example>: Relay access denied", FAILED, OURS),
    ("554 5.7.1 Service unavailable; client host [192.0.2.9] blocked using a list", FAILED, OURS),
    ("550 5.7.23 SPF validation failed", FAILED, OURS),
    ("550 5.7.1 rejected by DMARC policy of oak.example", FAILED, OURS),
    ("554 5.7.1 Spam message rejected", FAILED, OURS),
    ("550 Message was classified as spam", FAILED, OURS),
    ("550 Sender address rejected", FAILED, OURS),
    ("535 5.7.8 Authentication credentials are not good", LATER, OURS),
    ("502 5.5.2 command not recognized", FAILED, OURS),
    ("554 5.4.6 Too many hops", FAILED, MESSAGE),
    ("552 5.2.3 Message exceeds the limit of the mailbox", FAILED, MESSAGE),
    ("554 5.6.3 Conversion required but not supported", FAILED, MESSAGE),
    ("552 message too big", FAILED, MESSAGE),
]
MATRIX = [*GMAIL, *YAHOO, *MICROSOFT, *APPLE, *EVERYBODY]


def words_of(line: str) -> list[bytes]:
    return [each.encode() for each in line.split("\r\n")]


def test_there_are_enough_of_them() -> None:
    assert len({line for line, _, _ in MATRIX}) >= 120


@pytest.mark.parametrize(("line", "state", "fault"), MATRIX, ids=[line[:60] for line, _, _ in MATRIX])
def test_a_reply_means_what_its_writer_meant(line: str, state: DeliveryState, fault: Fault | None) -> None:
    found = classify(parse_reply(words_of(line)))
    assert (found.state, found.fault) == (state, fault)


@pytest.mark.parametrize("line", [line for line, state, fault in MATRIX if fault is OURS and state is FAILED])
def test_nobody_is_scored_for_what_is_our_fault(line: str) -> None:
    """Neither as a reply, nor when another server tells us of it in a report."""
    reply = parse_reply(words_of(line))
    assert weight(classify(reply).fault or OURS) == 0.0
    told = Failure("rose@elm.example", True, reply.enhanced or "5.0.0", " ".join(line.split()))
    assert fault_of(told) is OURS


@pytest.mark.parametrize("line", [line for line, state, fault in MATRIX if fault is HARD and state is FAILED])
def test_a_report_of_a_refusal_means_the_same(line: str) -> None:
    told = Failure("rose@elm.example", True, parse_reply(words_of(line)).enhanced, " ".join(line.split()))
    assert fault_of(told) is HARD
