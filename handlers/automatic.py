"""Was a message sent by a program rather than by a person? (RFC 3834 §2, §5; spec/people.md §1.1)"""

from __future__ import annotations

import re

from handlers.incoming import Envelope
from handlers.message import Message

_MARKS = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-fc-machinegenerated")
_SUBJECTS = (  # how mail programs of many languages begin the subject of an answer that they write alone
    "auto:", "autoreply", "auto-reply", "auto reply", "automatic reply", "out of office", "out of the office",
    "abwesenheit", "automatische antwort", "automatisch antwoord", "réponse automatique", "absence du bureau",
    "respuesta automática", "fuera de la oficina", "risposta automatica", "fuori sede", "resposta automática",
    "autosvar", "automatiskt svar", "frånvaro", "automaattinen vastaus", "poissa", "odpowiedź automatyczna",
    "automatická odpověď", "automatikus válasz", "răspuns automat", "автоматический ответ", "автоответ",
    "otomatik yanıt", "自动回复", "自動回覆", "自動応答", "자동 회신",
)  # fmt: skip
_COMMENT = re.compile(r"\([^()]*\)")


def is_automatic(envelope: Envelope, message: Message) -> bool:
    """By signs that only programs give. `X-Auto-Response-Suppress` is none: people's programs send it too."""
    return not envelope.sender or is_report(message) or _says_so(message)


def is_report(message: Message) -> bool:
    """A bounce, a read receipt or a complaint (RFC 6522 §3)."""
    content_type = message.raw_value("content-type") or b""
    return content_type.lstrip().lower().startswith(b"multipart/report")


def has_automatic_subject(message: Message) -> bool:
    """Its subject begins as automatic answers do; believed only of an answer to a message of ours."""
    return message.subject.strip().casefold().startswith(_SUBJECTS)


def _says_so(message: Message) -> bool:
    submitted = _word(message.value("auto-submitted"))
    if submitted not in {"", "no"}:
        return True
    if _word(message.value("precedence")) in {"auto_reply", "auto-reply"}:
        return True
    return any(_word(message.value(mark)) not in {"", "no"} for mark in _MARKS)


def _word(value: str | None) -> str:
    """The first word of a field, in lower case: no comments, no parameters (RFC 3834 §5)."""
    return _COMMENT.sub("", value or "").partition(";")[0].strip().lower()
