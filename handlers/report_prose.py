"""Failure reports in prose: what mail servers wrote before, and beside, RFC 3464.

Our own reading goes from the surest sign to the weakest: report fields inside the text, X-Failed-Recipients, the
formats that flufl.bounce knows, and at last the addresses that stand alone in what the server itself wrote, above
the mail that came back.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator

from flufl.bounce import all_failures

from handlers import mime
from handlers.address import Mailbox, address_key, parse_mailboxes
from handlers.html_text import html_lines
from handlers.message import Message
from handlers.mime import Part

_ROBOTS = re.compile(
    r"^(?:mailer-?daemon|mail-?daemon|post_?master|mdaemon|postoffice|mailerdaemon|bounce[sd]?|mailadmin|mrd|"
    r"no-?reply|.*mail-?system|.*mail-?delivery.*)\b",
    re.I,
)
_REPORT_SUBJECT = re.compile(
    r"undeliver|non?t?[ -]deliver|deliver\w* (?:status|fail|problem|error|delay|report|notif|incomplete)|"
    r"returned? mail|return(?:ed)? to sender|mail(?: system)? (?:error|failure)|failure notice|"
    r"could ?n.t be (?:sent|delivered)|bounce|delivery has failed|mail delivery|non remis|unzustellbar|"
    r"unknown user|user unknown|warning: could not send|message status|"
    r"nicht zugestellt|не ?доставл|недоставл|no entregad|mancata consegna",
    re.I,
)
_CAME_BACK = re.compile(
    rb"^(?:[ \t>]*-{2,}.*\b(?:original|returned|unsent|copy of|header|included|undelivered|your message)\b.*|"
    rb"[ \t>|]*(?:Received|Return-Path|X-Received|DKIM-Signature)[ \t]*:.*|"
    rb"[ \t]*(?:Message headers? follow|Unsent message below|The header of the original|Below this line is a copy|"
    rb"Original message follows|(?:Your )?original message (?:headers?|follows)).*)\r?$",
    re.I | re.M,
)
_IN_TRANSCRIPT = re.compile(  # of an SMTP dialog: what was asked, or the answer with the address in it
    r"RCPT TO:\s*<([^\s<>]+@[^\s<>]+)>|^\s*(?:<<<\s*)?5\d\d (?:5\.\d+\.\d+ )?<([^\s<>]+@[^\s<>]+)>\.{3}", re.I | re.M
)
_ALONE = re.compile(
    r"^[\s*>|:\-]*(?:(?:to|rcpt to|recipients?|addressee|for|e-?mail|an|user|dest)\s*[:=]\s*)?"
    r"[<\"'(\[]*([\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+\.[\w-]+)[>\"')\].,]*(?=$|[\s:;.,])",
    re.I | re.M,
)
_ANYWHERE = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@(?:[\w-]+\.)+[\w-]+")
_LATE = re.compile(
    r"\bdelay(?:ed)?\b|will (?:be retried|keep trying|continue to (?:try|attempt))|retry time ?out exceeded|"
    r"warning message only|still trying|did not accept our requests|connection timed out|giving up\.|"
    r"host not reachable|"
    r"message expired|not yet been delivered|temporary (?:problem|failure)|will retry|Deferred:|undelivered for",
    re.I,
)
_REFUSAL = re.compile(r"(?<![\d.:])5\d\d(?![\d.])|(?<!\d)5\.[1-7]\.\d|user unknown|unknown user|no such user", re.I)
_EXPIRED = re.compile(r"4\.4\.[127]|retry time ?out exceeded|warning message only|message expired", re.I)
MOST_TEXT = 64 * 1024


def looks_like_report(message: Message) -> bool:
    """Does the header say that a mail server wrote this about mail that did not arrive?"""
    if message.value("x-failed-recipients") is not None:
        return True
    content_type = (message.value("content-type") or "").lower()
    if "multipart/report" in content_type and "disposition-notification" not in content_type:
        return "feedback-report" not in content_type
    author = (message.value("from") or "").strip()
    addresses = [box.address for box in parse_mailboxes(author)] or [author]
    return any(_ROBOTS.match(address) for address in addresses) or bool(_REPORT_SUBJECT.search(message.subject))


def is_from_robot(message: Message) -> bool:
    """Does the name in From belong to a mail server, as MAILER-DAEMON does?"""
    author = (message.value("from") or "").strip()
    return any(_ROBOTS.match(box.address) for box in parse_mailboxes(author))


def said_by_server(message: Message, all_parts: tuple[Part, ...]) -> str:
    """The text above the mail that came back."""
    texts = [part for part in all_parts if part.content_type == "text/plain" and part.disposition != "attachment"]
    pages = [part for part in all_parts if part.content_type == "text/html"]
    said = "\n".join(mime.text(message, part) for part in texts)
    if not said.strip() and pages:
        said = "\n".join(line.text for part in pages for line in html_lines(mime.text(message, part)))
    if not said.strip():
        said = message.body.decode("latin-1").replace("\r\n", "\n")
    came_back = _CAME_BACK.search(said.encode("utf-8", "replace"), 1)
    above = said.encode("utf-8", "replace")[: came_back.start()].decode("utf-8", "replace") if came_back else said
    return (above if _ANYWHERE.search(above) else said)[:MOST_TEXT]


def failures(message: Message, said: str) -> list[tuple[str, str]]:
    """(address, what was said of it) for every recipient that the prose of a report names; may be empty."""
    listed = parse_mailboxes(message.value("x-failed-recipients") or "")
    if listed:
        return [(box.address, said) for box in listed]
    dialog = list(dict.fromkeys(match[1] or match[2] for match in _IN_TRANSCRIPT.finditer(said)))
    if dialog:
        return [(address, _around(said, address)) for address in dialog]
    known = list(_known_formats(message.raw))
    known = [hit for hit in known if hit[0] in said] or known
    if known:
        return [(address, "delayed" if late else _around(said, address)) for address, late in known]
    return [(address, _around(said, address)) for address in _standing_alone(message, said)]


def says_late(said: str) -> bool:
    """Does this text speak of a delay, or of giving up because nobody answered, and of no refusal?"""
    if _EXPIRED.search(said):
        return not re.search(r"user unknown|unknown user|no such user", said, re.I)
    return bool(_LATE.search(said)) and not _REFUSAL.search(said)


def _known_formats(raw: bytes) -> Iterator[tuple[str, bool]]:
    """What flufl.bounce reads out of some thirty servers' own formats: (address, only late)."""
    try:
        late, failed = all_failures(email.message_from_bytes(raw[: 4 * MOST_TEXT]))
    except Exception:  # its detectors were written for reports, and stumble over a mail that is none
        return
    for found, is_late in ((failed, False), (late, True)):
        for spelled in sorted(found, key=str):
            address = spelled.decode("latin-1") if isinstance(spelled, bytes) else spelled
            if _ANYWHERE.fullmatch(address) and not _ROBOTS.match(address):
                yield address, is_late


def _standing_alone(message: Message, said: str) -> list[str]:
    """The addresses that open a line; failing that, those of the first sentence that has any."""
    ours = {address_key(box.address) for name in ("from", "to", "cc", "reply-to") for box in _boxes(message, name)}
    candidates = [match[1] for match in _ALONE.finditer(said)] or [
        match[0] for match in _ANYWHERE.finditer(said) if not _ROBOTS.match(match[0])
    ][:1]
    return list(dict.fromkeys(a for a in candidates if address_key(a) not in ours and not _ROBOTS.match(a)))


def _boxes(message: Message, name: str) -> list[Mailbox]:
    return parse_mailboxes(message.value(name) or "")


def _around(text: str, address: str) -> str:
    at = text.find(address)
    return text[max(at - 600, 0) : at + 1200] if at >= 0 else text[:1800]
