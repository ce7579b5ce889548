"""Short answers and commands as people write them, in any language that we know (spec/people.md §3.3).

Only a message that is nothing but one of these phrases is a command: "Stop it Tom" stays a post.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from enum import StrEnum

from handlers import mime
from handlers.message import Message
from handlers.written import written_text_of
from storage.models import DeliveryMode

_YES = frozenset({
    "yes", "yep", "yeah", "ok", "okay", "ja", "jo", "joo", "jah", "jā", "oui", "si", "sí", "sì", "sim", "da", "да",
    "так", "tak", "ano", "áno",
    "igen", "kyllä", "taip", "evet", "ναι", "כן", "نعم", "हाँ", "はい", "是", "好", "네", "hai",
})  # fmt: skip
_NO = frozenset({
    "no", "nope", "nein", "nej", "nei", "nee", "non", "não", "ne", "nem", "nie", "ni", "нет", "ні", "ei", "hayır",
    "όχι", "לא", "لا", "नहीं", "いいえ", "不", "아니요",
})  # fmt: skip
_THUMB_UP, _THUMB_DOWN = "\N{THUMBS UP SIGN}", "\N{THUMBS DOWN SIGN}"


class Command(StrEnum):
    """What a member, or somebody who wants to be one, can ask of us."""

    STOP = "stop"
    JOIN = "join"
    HELP = "help"
    EACH = "each"
    DAILY = "daily"
    WEEKLY = "weekly"
    PAUSE = "pause"
    BACK = "back"
    MUTE = "mute"
    UNMUTE = "unmute"
    MORE = "more"
    PHOTOS = "photos"
    WHO = "who"
    MY_DATA = "my_data"
    FORGET_ME = "forget_me"
    RULES = "rules"


class PairCommand(StrEnum):
    """What one member says about private mail from another."""

    BLOCK = "block"
    UNBLOCK = "unblock"


_PHRASES = {
    Command.STOP: (
        "stop", "unsubscribe", "unsubscribe me", "leave", "leave list", "take me off", "take me off the list",
        "take me off this list", "remove me", "remove me from the list", "sign off", "signoff",
        "abmelden", "abbestellen", "austreten", "stopp", "avsluta", "avregistrera", "avregistrera mig",
        "désabonner", "désinscrire", "me désabonner", "désabonnez-moi", "désinscription", "baja", "darme de baja",
        "dar de baja", "disiscrivi", "disiscrivimi", "cancellami", "afmelden", "uitschrijven", "cancelar inscrição",
        "afmeld", "frameld", "avmeld", "meld meg av", "poista listalta", "wypisz", "wypisz mnie", "odhlásit",
        "отписаться", "отпишите меня", "відписатися", "abonelikten çık", "退会", "退订", "退訂", "구독 취소",
        "הפסק", "להפסיק", "توقف",
    ),
    Command.JOIN: (
        "subscribe", "subscribe me", "join", "join list", "sign me up", "add me", "let me join",
        "anmelden", "beitreten", "abonnieren", "gå med", "prenumerera", "inscrire", "m'inscrire", "inscription",
        "s'abonner", "rejoindre", "suscribir", "suscribirme", "alta", "iscrivi", "iscrivimi", "aanmelden",
        "inschrijven", "inscrever", "tilmeld", "bli med", "liity", "zapisz mnie", "přihlásit", "подписаться",
        "підписатися", "入会", "订阅", "訂閱", "구독",
    ),
}  # fmt: skip
_COMMANDS = {phrase: command for command, phrases in _PHRASES.items() for phrase in phrases}
_PAIR_PHRASES = {
    PairCommand.BLOCK: (
        "block", "block them", "block him", "block her", "blockieren", "blockiere", "sperren", "blockera", "spärra",
        "bloquer", "bloque", "bloquear", "bloquea", "blocca", "bloccare", "blokkeren", "blokkeer", "blokér", "blokker",
        "estä", "zablokuj", "zablokować", "zablokovat", "blokovat", "blochează", "letilt", "letiltás", "engelle",
        "заблокировать", "заблокируй", "заблокувати", "μπλοκάρισμα", "חסום", "חסימה", "حظر", "屏蔽", "封鎖", "ブロック",
        "차단",
    ),
    PairCommand.UNBLOCK: (
        "unblock", "unblock them", "unblock him", "unblock her", "entsperren", "nicht mehr blockieren", "avblockera",
        "débloquer", "débloque", "desbloquear", "desbloquea", "sblocca", "sbloccare", "deblokkeren", "deblokkeer",
        "fjern blokering", "opphev blokkering", "poista esto", "odblokuj", "odblokować", "odblokovat", "deblochează",
        "feloldás", "engeli kaldır", "разблокировать", "разблокируй", "розблокувати", "ξεμπλοκάρισμα", "בטל חסימה",
        "إلغاء الحظر", "取消屏蔽", "解除封鎖", "ブロック解除", "차단 해제",
    ),
}  # fmt: skip
_PAIR_COMMANDS = {phrase: command for command, phrases in _PAIR_PHRASES.items() for phrase in phrases}
_DELIVERIES = {
    DeliveryMode.EACH: ("each", "einzeln", "varje", "chaque", "cada"),
    DeliveryMode.DAILY: ("daily", "täglich", "dagligen", "quotidien", "diario", "dagelijks"),
    DeliveryMode.WEEKLY: ("weekly", "wöchentlich", "veckovis", "hebdomadaire", "semanal", "wekelijks"),
}
_MODES = {word: mode for mode, words in _DELIVERIES.items() for word in words}
_POLITE = frozenset({
    "please", "thanks", "thank", "you", "hello", "hi", "dear", "bitte", "danke", "hallo", "tack", "hej", "merci",
    "bonjour", "svp", "por", "favor", "gracias", "hola", "grazie", "ciao", "alsjeblieft", "bedankt", "olá", "obrigado",
})  # fmt: skip
_FIRST_WORD = re.compile(r"[^\W_]+")
_WORD = re.compile(r"[\w'-]+")
_LONGEST_LINE = 60
_LONGEST_READ = 64 * 1024
_FAREWELL_WORDS = 4  # "Love, Grandma" may stand below a command


def read_answer(text: str) -> bool | None:
    """Yes, no, or neither: what the first word says."""
    plain = unicodedata.normalize("NFC", text).casefold().strip()
    if plain.startswith(_THUMB_UP):
        return True
    if plain.startswith(_THUMB_DOWN):
        return False
    word = _FIRST_WORD.search(plain)
    if word is None or word.start() > 3:
        return None
    return True if word[0] in _YES else False if word[0] in _NO else None


def answer_in(message: Message) -> bool | None:
    """What was written, else the Subject, read as an answer (spec/people.md §1.1)."""
    return read_answer(written_text_of(message.raw).strip() or message.subject)


def words_behind_answer(message: Message) -> str:
    """What stands behind the first word of what was written: the reason for a no."""
    text = written_text_of(message.raw).strip()
    word = _FIRST_WORD.search(text)
    return text[word.end() :].lstrip(" \t.,;:!-\N{EN DASH}\n").rstrip() if word else ""


def command_in(message: Message) -> Command | None:
    """The command that a message to everyone or to -help is as a whole; most are none, and that is seen quickly."""
    return _COMMANDS.get(_phrase_of(message, _COMMANDS))


def pair_command_in(message: Message) -> PairCommand | None:
    """The same of a message to one member alone."""
    return _PAIR_COMMANDS.get(_phrase_of(message, _PAIR_COMMANDS))


def read_command(text: str) -> Command | None:
    """One short line that is a command; below it at most a farewell."""
    return _COMMANDS.get(_whole_phrase(text))


def _phrase_of(message: Message, known: Collection[str]) -> str:
    """What the message says as a whole, "" where that is none of the `known` phrases for sure."""
    if not _begins_like_one(message, known):
        return ""
    written = written_text_of(message.raw).strip()
    return _whole_phrase(written or message.subject)


def _whole_phrase(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    farewell = [word for line in lines[1:] for word in line.split()]
    if not lines or len(farewell) > _FAREWELL_WORDS:
        return ""
    return _phrase(lines[0])


def read_delivery(message: Message) -> DeliveryMode | None:
    """How the author wants her mail: the first such word of the Subject, or of the first line that she wrote."""
    first_line = next(iter(written_text_of(message.raw).strip().splitlines()), "")
    words = _WORD.findall(f"{message.subject} {first_line}"[: 4 * _LONGEST_LINE].casefold())
    return next((_MODES[word] for word in words if word in _MODES), None)


def _begins_like_one(message: Message, known: Collection[str]) -> bool:
    """Is the first line that a reader sees a command, or nothing but the Subject there to read?"""
    parts = mime.parts(message)
    part = next((part for part in parts if part.content_type in ("text/plain", "text/html")), None)
    if part is None or part.body_end - part.body_start > _LONGEST_READ:
        return False
    if part.content_type == "text/html":
        return True
    for line in mime.text(message, part).splitlines():
        if line.strip():
            return _phrase(line) in known
    return True


def _phrase(line: str) -> str:
    """The words of a short line without politeness; "" for a long one, and for the words of a machine."""
    if len(line) > _LONGEST_LINE:
        return ""
    words = _WORD.findall(unicodedata.normalize("NFC", line).casefold())
    words = [word for word in words if word not in _POLITE]
    if words and words[-1] in _MODES:
        words.pop()
    return " ".join(words)
