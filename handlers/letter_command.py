"""What a reader may ask for in an answer to a letter: more of it, photos, letters at another pace.

Only a message that is one of these phrases as a whole is taken for one (spec/people.md §3.3).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from handlers.letter_answer import Placed
from storage.models import DeliveryMode, Status

_MORE = frozenset({"more", "mehr", "plus", "más", "mas", "mer", "mera", "עוד", "المزيد"})
_PHOTOS = frozenset({
    "photos", "photo", "pictures", "fotos", "foto", "bilder", "foton", "images", "תמונות", "תמונה", "صور", "صورة",
})  # fmt: skip
_DELIVERIES = {
    DeliveryMode.EACH: ("each", "einzeln", "jede", "varje", "chaque", "cada", "כל אחד", "كل رسالة"),
    DeliveryMode.DAILY: ("daily", "täglich", "dagligen", "quotidien", "diario", "יומי", "يومي"),
    DeliveryMode.WEEKLY: (
        "weekly", "once a week", "wöchentlich", "veckovis", "hebdomadaire", "semanal", "שבועי", "أسبوعي",
    ),
}  # fmt: skip
_STATUSES = {
    Status.PAUSED: ("pause", "holiday", "on holiday", "pausieren", "urlaub", "paus", "vacances", "pausa", "vacaciones",
                    "הפסקה", "חופשה", "إيقاف مؤقت", "إجازة"),
    Status.ACTIVE: ("back", "i am back", "i'm back", "zurück", "bin zurück", "ich bin zurück", "tillbaka",
                    "jag är tillbaka", "de retour", "je suis de retour", "he vuelto", "estoy de vuelta", "vuelvo",
                    "חזרתי", "عدت"),
}  # fmt: skip
_PAUSES = {phrase: status for status, phrases in _STATUSES.items() for phrase in phrases}
_MODES = {phrase: mode for mode, phrases in _DELIVERIES.items() for phrase in phrases}
_POLITE = frozenset({
    "please", "thanks", "thank", "you", "bitte", "danke", "tack", "merci", "gracias", "por", "favor", "svp", "תודה",
    "בבקשה", "شكرا", "شكرًا",
})  # fmt: skip
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_LONGEST = 60
_FAREWELL_WORDS = 4  # "Love, Grandma" may stand below


@dataclass(frozen=True, slots=True)
class Wish:
    """delivery: the pace she wants; else more of conversation `number` (0: of the letter), or its photos."""

    delivery: DeliveryMode | None = None
    status: Status | None = None  # PAUSED or ACTIVE
    number: int = 0
    photos: bool = False


def wish_in(placed: Sequence[Placed], subject: str) -> Wish | None:
    """None for almost every answer. An empty one may have its word in a new Subject."""
    if len(placed) > 1:
        return None
    return read_wish(placed[0].text if placed else subject)


def read_wish(text: str) -> Wish | None:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or len(lines[0]) > _LONGEST or len(" ".join(lines[1:]).split()) > _FAREWELL_WORDS:
        return None
    words = _WORD.findall(unicodedata.normalize("NFC", lines[0]).casefold())
    words = [word for word in words if word not in _POLITE]
    phrase = " ".join(words)
    if phrase in _MODES:
        return Wish(delivery=_MODES[phrase])
    if phrase in _PAUSES:
        return Wish(status=_PAUSES[phrase])
    if not words or len(words) > 2 or words[0] not in _MORE | _PHOTOS:
        return None
    if len(words) == 2 and not (words[1].isdecimal() and len(words[1]) < 3):
        return None
    number = int(words[1]) if len(words) == 2 else 0
    photos = words[0] in _PHOTOS
    return None if photos and not number else Wish(number=number, photos=photos)
