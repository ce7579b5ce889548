"""Mail that we write ourselves: short letters with one wanted answer (spec/people.md §3.6).

The words stand once, in templates/LANGUAGE/KIND.txt: the first paragraph is the subject. The HTML part shows the same
paragraphs in large type; a paragraph of one word is the word to answer with.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from enum import StrEnum
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from handlers.address import Mailbox
from handlers.facts import Host
from storage.models import MailingList

_OUR_LANGUAGE = "en"
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur", "yi"})
_LONGEST_VALUE = 200
_BLANK_LINES = re.compile(r"\n\s*\n")


class NoticeKind(StrEnum):
    INVITATION = "invitation"
    WELCOME = "welcome"
    BACK = "back"
    GOODBYE = "goodbye"
    WAITING = "waiting"  # to the author of what is held
    ASKED = "asked"  # to the people who decide about it
    NOT_SHARED = "not_shared"


@dataclass(frozen=True, slots=True)
class Notice:
    """One letter of ours. `values`: what its template names; every text in it may come from a stranger."""

    kind: NoticeKind
    recipient: Mailbox
    language: str  # of the recipient; where we have no words in it, English
    mailing_list: MailingList | None
    reply_to: str  # where an answer goes
    in_reply_to: str = ""  # the message that made us write, "" when no mail did
    values: Mapping[str, str | int | bool] = field(default_factory=dict)


def notice(letter: Notice, host: Host, *, message_id: str, now: datetime) -> bytes:
    """The complete message, unsigned, with lines that end in CRLF."""
    sender = _sender(letter.mailing_list, host)
    language, (subject, *paragraphs) = _words(letter, host)
    addresses = (sender.address, letter.recipient.address, letter.reply_to)
    message = EmailMessage(policy=SMTP if all(address.isascii() for address in addresses) else SMTPUTF8)
    message["From"] = _address(sender)
    message["To"] = _address(letter.recipient)
    message["Reply-To"] = _address(Mailbox("", letter.reply_to))
    message["Subject"] = subject
    message["Date"] = now
    message["Message-ID"] = message_id
    if letter.in_reply_to:
        message["In-Reply-To"] = letter.in_reply_to
        message["References"] = letter.in_reply_to
    message["Auto-Submitted"] = "auto-replied" if letter.in_reply_to else "auto-generated"  # RFC 3834 §5
    message["X-Auto-Response-Suppress"] = "OOF, AutoReply, RN, NRN"  # [MS-OXCMAIL] §2.1.3.2.20: bounces may come
    message.set_content("\n\n".join(paragraphs) + "\n", cte="quoted-printable")
    message.add_alternative(_page(language, subject, paragraphs), subtype="html", cte="quoted-printable")
    message.set_boundary(f"=_{hashlib.sha256(message_id.encode()).hexdigest()[:32]}")
    return message.as_bytes()


def _sender(mailing_list: MailingList | None, host: Host) -> Mailbox:
    if mailing_list is None:
        return Mailbox(host.name, f"organic@{host.domain}")
    return Mailbox(mailing_list.title, f"{mailing_list.name}@{host.domain}")


def _address(mailbox: Mailbox) -> Address:
    local, _, domain = mailbox.address.rpartition("@")
    return Address(display_name=_one_line(mailbox.name), username=local, domain=domain)


def _words(letter: Notice, host: Host) -> tuple[str, list[str]]:
    """The language that we have them in; the subject and the paragraphs."""
    mailing_list = letter.mailing_list
    name = _one_line(letter.recipient.name)
    known: dict[str, str | int | bool] = {
        "name": name,
        "greeting": f"Dear {name}," if name else "Hello,",
        "title": mailing_list.title if mailing_list else host.name,
        "owner": letter.reply_to,
    }
    if mailing_list:
        own = f"{mailing_list.name}{{}}@{host.domain}"
        known |= {"address": own.format(""), "owner": own.format("-owner"), "leave": own.format("-leave")}
    known |= letter.values
    clean = {key: _one_line(value) if isinstance(value, str) else value for key, value in known.items()}
    names = [f"{language}/{letter.kind}.txt" for language in _languages(letter.language)]
    template = _templates().select_template(names)
    paragraphs = _BLANK_LINES.split(template.render(clean).strip())
    return str(template.name).partition("/")[0], [" ".join(paragraph.split()) for paragraph in paragraphs]


def _languages(language: str) -> tuple[str, ...]:
    """From the most particular (RFC 4647 §3.4) to the one that we always have."""
    wanted = language.lower()
    return wanted, wanted.partition("-")[0], _OUR_LANGUAGE


def _page(language: str, subject: str, paragraphs: list[str]) -> str:
    direction = "rtl" if language.partition("-")[0] in _RIGHT_TO_LEFT else "ltr"
    page = _templates().get_template("notice.html")
    return page.render(language=language, direction=direction, subject=subject, paragraphs=paragraphs)


def _one_line(text: str) -> str:
    """No line breaks, no control characters, and not too much of it."""
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return plain if len(plain) <= _LONGEST_VALUE else plain[: _LONGEST_VALUE - 1] + "…"


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("handlers"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
