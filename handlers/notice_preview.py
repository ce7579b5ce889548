"""Every notice as somebody would get it, made of its examples: nobody has to be written to for it."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8

from handlers.address import Mailbox
from handlers.facts import Host
from handlers.letter_words import words_of
from handlers.notice import Notice, NoticeKind, notice
from handlers.notice_examples import EXAMPLES, READER, WRITTEN
from handlers.reasons import told
from storage.models import MailingList

_NOW = datetime(2026, 11, 22, 7, tzinfo=UTC)
_HOST = Host("oak.example", "Oak Street", "olu@example.org", "en", "Europe/Stockholm", ())
_FAMILY = MailingList(id=1, name="family", title="The Lindqvist–Okafor family", created_at=_NOW)
_FROM_SERVER = frozenset(
    {NoticeKind.MANY_BACK, NoticeKind.REFUSED, NoticeKind.PROBE, NoticeKind.PEER_ASKS, NoticeKind.PEER_NEWS}
)


def previews(kind: NoticeKind, language: str, *, reader: str = READER) -> tuple[EmailMessage, ...]:
    """One mail for each example. language: of the reader (BCP 47)."""
    made = []
    for example in EXAMPLES[kind]:
        reason = example.get("reason")
        values = {**example, "reason": told(reason, words_of(language))} if isinstance(reason, str) else example
        letter = Notice(
            kind,
            Mailbox(reader, "rose@example.org"),
            language,
            None if kind in _FROM_SERVER else _FAMILY,
            reply_to=f"postmaster@{_HOST.domain}" if kind in _FROM_SERVER else f"family-k7m2q9xwab@{_HOST.domain}",
            values=values,
            quoted=WRITTEN if values.get("written") else "",
        )
        raw = notice(letter, _HOST, message_id="<n.k7m2q9xwab@oak.example>", now=_NOW)
        made.append(message_from_bytes(raw, EmailMessage, policy=SMTPUTF8))
    return tuple(made)


def text_in(mail: EmailMessage, subtype: str) -> str:
    """Its "plain" or "html" part."""
    part = mail.get_body((subtype,))
    return str(part.get_content()).replace("\r\n", "\n") if part else ""
