"""A member wants to hear no more of one conversation, or to hear of it again (spec/people.md §3.3, §3.5).

Only an answer that is one of these phrases as a whole is taken for one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from handlers import mime
from handlers.message import Message
from handlers.written import written_text_of

_MUTE = frozenset({
    "mute", "mute this", "mute this one", "mute it", "enough of this", "enough of this one", "no more of this",
    "stumm", "stummschalten", "stumm schalten", "genug davon", "tysta", "tysta den", "tysta den här", "muet", "muette",
    "mettre en sourdine", "sourdine", "ignorer", "silenciar", "silencia", "silenciar esto", "silenzia", "silencieux",
    "dempen", "השתק", "השתקה", "כתם", "كتم", "اكتم",
})  # fmt: skip
_UNMUTE = frozenset({
    "unmute", "unmute this", "unmute this one", "unmute it", "nicht mehr stumm", "stumm aus", "stummschaltung aufheben",
    "sluta tysta", "avtysta", "ne plus ignorer", "réactiver", "enlever la sourdine", "dejar de silenciar",
    "no silenciar", "riattiva", "niet meer dempen", "בטל השתקה", "ביטול השתקה", "إلغاء الكتم",
})  # fmt: skip
_POLITE = frozenset({
    "please", "thanks", "thank", "you", "bitte", "danke", "tack", "merci", "gracias", "por", "favor", "svp", "תודה",
    "בבקשה", "شكرا", "شكرًا",
})  # fmt: skip
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_LONGEST_LINE = 60
_LONGEST_READ = 64 * 1024  # bytes of a part, with the quote below it
_FAREWELL_WORDS = 4  # "Love, Grandma" may stand below


@dataclass(frozen=True, slots=True)
class Muting:
    """`muted` False: she wants to hear of it again. number: of the conversation in a letter, 0 where none is named."""

    muted: bool
    number: int = 0


def read_muting(text: str) -> Muting | None:
    """What a text says as a whole; None for almost every one."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or len(" ".join(lines[1:]).split()) > _FAREWELL_WORDS:
        return None
    return _read_line(lines[0])


def muting_in(message: Message) -> Muting | None:
    """The same of a whole answer; for most of them that is seen by their first line.

    Raises MalformedMessage over the caps of spec/mail.md §2.2.
    """
    part = next((each for each in mime.parts(message) if each.content_type in ("text/plain", "text/html")), None)
    if part is None or part.body_end - part.body_start > _LONGEST_READ:
        return None
    if part.content_type == "text/plain":
        first = next((line for line in mime.text(message, part).splitlines() if line.strip()), "")
        if _read_line(first) is None:
            return None
    return read_muting(written_text_of(message.raw))


def _read_line(line: str) -> Muting | None:
    if len(line) > _LONGEST_LINE:
        return None
    words = [word for word in _WORD.findall(unicodedata.normalize("NFC", line).casefold()) if word not in _POLITE]
    number = 0
    if len(words) > 1 and words[-1].isdecimal() and len(words[-1]) < 3:
        number = int(words.pop())
    phrase = " ".join(words)
    if phrase in _MUTE:
        return Muting(muted=True, number=number)
    return Muting(muted=False, number=number) if phrase in _UNMUTE else None
