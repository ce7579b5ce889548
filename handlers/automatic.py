"""Was a message sent by a program rather than by a person? (RFC 3834 §2, §5; spec/people.md §1.1)"""

from __future__ import annotations

import re
import unicodedata

from handlers.incoming import Envelope
from handlers.message import Message, remembered

_MARKS = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-mail-autoreply", "x-fc-machinegenerated")
_SUBJECTS = (  # how mail programs of many languages begin the subject of an answer that they write alone
    "auto:", "autoreply", "auto-reply", "auto reply", "autoresponse", "automatic reply", "automated reply",
    "out of office", "out of the office", "out-of-office", "vacation reply", "vacation:", "away from my mail",
    "abwesenheit", "abwesend:", "automatische antwort", "automatische rückantwort", "autoantwort", "urlaub:",
    "automatisch antwoord", "afwezig", "niet aanwezig",
    "réponse automatique", "réponse d'absence", "absence du bureau", "absent du bureau",
    "respuesta automática", "respuesta automatica", "fuera de la oficina", "resposta automàtica",
    "risposta automatica", "fuori sede", "fuori ufficio", "assente dall'ufficio",
    "resposta automática", "fora do escritório", "ausência do escritório", "ausente do escritório",
    "autosvar", "automatiskt svar", "automatisk svar", "frånvaro", "frånvarande", "fravær", "ikke til stede",
    "ikke på kontoret", "sjálfvirkt svar", "automaattinen vastaus", "poissa", "automaatvastus", "kontorist väljas",
    "odpowiedź automatyczna", "automatyczna odpowiedź", "poza biurem", "automatická odpověď", "automatická odpoveď",
    "mimo kancelář", "automatikus válasz", "házon kívül", "răspuns automat", "în afara biroului",
    "автоматический ответ", "автоответ", "нет на работе", "автоматична відповідь", "автоматичен отговор",
    "аутоматски одговор", "automatski odgovor", "samodejni odgovor", "αυτόματη απάντηση", "εκτός γραφείου",
    "otomatik yanıt", "ofis dışında", "automātiskā atbilde", "automatinis atsakymas", "מענה אוטומטי", "תשובה אוטומטית",
    "رد تلقائي", "خارج المكتب", "پاسخ خودکار", "स्वचालित उत्तर", "स्वत: उत्तर", "ตอบกลับอัตโนมัติ", "trả lời tự động",
    "balasan otomatis", "自动回复", "自動回覆", "自动答复", "自動応答", "自動返信", "不在通知",
    "자동 회신", "자동 응답", "부재중",
)  # fmt: skip
_LONGEST_PREFIX = 8
_COMMENT = re.compile(r"\([^()]*\)")


def is_automatic(envelope: Envelope, message: Message) -> bool:
    """By signs that only programs give. `X-Auto-Response-Suppress` is none: people's programs send it too."""
    return not envelope.sender or is_report(message) or _says_so(message)


def is_report(message: Message) -> bool:
    """A bounce, a read receipt or a complaint (RFC 6522 §3)."""
    content_type = message.raw_value("content-type") or b""
    return content_type.lstrip().lower().startswith(b"multipart/report")


def has_automatic_subject(message: Message) -> bool:
    """Its subject begins as automatic answers do; believed only of an answer to a message of ours.

    Some mail programs put their "Re:" before it.
    """
    subject = unicodedata.normalize("NFKC", message.subject).casefold().strip()
    if subject.startswith(_SUBJECTS):
        return True
    prefix, _, rest = subject.partition(":")
    return len(prefix) <= _LONGEST_PREFIX and rest.strip().startswith(_SUBJECTS)


def is_bulk(message: Message) -> bool:
    """Mail to many, by its own word: it may be for everyone here too, but nobody gets an answer to it."""
    return _word(message.value("precedence")) in {"list", "bulk", "junk"}


@remembered
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
