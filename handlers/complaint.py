"""Somebody pressed "spam": reports of mail providers about copies of ours (ARF, RFC 5965).

Providers leave out whom they are about, so that is read from what only one person's copy has: its return path, its
List-Unsubscribe and the private entry of its References.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from handlers import mime
from handlers.address import parse_mailboxes
from handlers.dsn import status_groups
from handlers.facts import ComplaintFacts, Facts, Host, id_of
from handlers.incoming import Incoming, Verdict
from handlers.message import MalformedMessage, Message
from handlers.mime import Part
from handlers.outcome import ACCEPTED, Complained, Note, Outcome
from handlers.policy import held
from handlers.token import (
    PrivateReference,
    VerpAddress,
    normal_token,
    read_private_reference,
    read_unsubscribe_token,
    read_verp,
)
from storage.models import Status

MOST_HEADER = 64 * 1024
_REPORT = "message/feedback-report"
_RETURNED = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers"})
_NO_COMPLAINT = frozenset({"not-spam", "auth-failure"})  # RFC 6430 §2, RFC 6591 §3.1
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_LOCAL = re.compile(r"[a-z0-9][a-z0-9._+-]{2,63}(?=@)", re.I)
_PAGE = re.compile(r"/u/([a-z0-9-]{30,80})", re.I)
_ID = re.compile(r"<[^<>\s]{3,250}>")
_OWN_ID = re.compile(rf"^message-id:\s*({_ID.pattern})", re.I | re.M)
_HERE = (Status.ACTIVE, Status.PAUSED)


@dataclass(frozen=True, slots=True)
class Clues:
    """What a report tells about whose copy it was, the surest first. The first four are signed or secret."""

    sent: tuple[VerpAddress, ...]
    membership_ids: tuple[int, ...]
    references: tuple[PrivateReference, ...]
    leave_tokens: tuple[str, ...]
    recipients: tuple[str, ...]  # as the provider names them
    message_ids: tuple[str, ...]


def clues(message: Message, host: Host, today: date) -> Clues | None:
    """None for what is no complaint."""
    try:
        all_parts = mime.parts(message)
    except MalformedMessage:
        return None
    fields = _report_fields(message, all_parts)
    if fields is None or fields.get("feedback-type", "").strip().lower() in _NO_COMPLAINT:
        return None
    header = "\n".join([*fields.values(), *_returned_headers(message, all_parts)])
    locals_ = list(dict.fromkeys(_LOCAL.findall(header)))
    verps = [read_verp(host.secrets, local, today) for local in locals_]
    pages = [read_unsubscribe_token(host.secrets, token) for token in _PAGE.findall(header)]
    references = [read_private_reference(host.secrets, each) for each in dict.fromkeys(_ID.findall(header))]
    tokens = [normal_token(re.split(r"[-+]", local)[-1]) for local in locals_]
    recipients = parse_mailboxes(fields.get("original-rcpt-to", ""))
    return Clues(
        sent=tuple(each for each in verps if each),
        membership_ids=tuple(each for each in pages if each is not None),
        references=tuple(each for each in references if each),
        leave_tokens=tuple(each for each in tokens if each),
        recipients=tuple(box.address for box in recipients),
        message_ids=tuple(_OWN_ID.findall(header)),
    )


def decide_complaint(incoming: Incoming, facts: Facts, found: ComplaintFacts) -> Outcome:
    """Never a post, and never told to anybody with its content."""
    if not found.sure and incoming.authentication.verdict is not Verdict.ALIGNED:
        reason = "A complaint came about an email of ours, and we cannot tell whether it is a true one."
        return held(facts, reason, ask=False)
    if found.membership.status not in (*_HERE, Status.INVITED):
        text = f"{found.member.name} marked an email of ours as spam, and gets none any more."
        return Outcome(ACCEPTED, (Note("complaint", text, found.membership.list_id, found.member.id),))
    return Outcome(ACCEPTED, (Complained(id_of(found.membership)),))


def _report_fields(message: Message, all_parts: tuple[Part, ...]) -> dict[str, str] | None:
    for part in all_parts:
        if part.content_type == _REPORT:
            return next(status_groups(mime.decoded(message, part)[:MOST_HEADER]), {})
    return None


def _returned_headers(message: Message, all_parts: tuple[Part, ...]) -> Iterator[str]:
    """Of what was complained about; not its body, in which others are quoted."""
    for part in all_parts:
        if part.content_type in _RETURNED:
            header = re.split(rb"\r?\n\r?\n", mime.decoded(message, part).lstrip(), maxsplit=1)[0]
            yield _FOLD.sub(b"", header[:MOST_HEADER]).decode("latin-1")
