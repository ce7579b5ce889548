"""Names and sentences in plain Latin letters, for where nothing else can be written."""

from __future__ import annotations

import unicodedata

_LETTERS = {
    # Letters that do not fall apart into a base letter and a mark, and German vowels as Germans write them out
    "ä": "ae", "ö": "oe", "ü": "ue", "å": "a", "æ": "ae", "œ": "oe", "ø": "oe", "ł": "l", "đ": "d", "ð": "d",
    "ß": "ss", "þ": "th", "ħ": "h", "ı": "i", "ŋ": "ng", "ŧ": "t", "ə": "e",
    # Cyrillic
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "yo", "ж": "zh", "з": "z", "и": "i", "й": "y",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "h", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya",
    "є": "ye", "і": "i", "ї": "yi", "ґ": "g", "ў": "u", "ђ": "dj", "ј": "j", "љ": "lj", "њ": "nj", "ћ": "c", "џ": "dz",
    # Greek
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l",
    "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "u", "φ": "f",
    "χ": "ch", "ψ": "ps", "ω": "o",
}  # fmt: skip
_SIGNS = {
    "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "‘": "'", "’": "'", "‚": "'", "ʼ": "'", "´": "'", "“": '"',
    "”": '"', "„": '"', "«": '"', "»": '"', "·": "-", "•": "-", "×": "x",
    "\N{FIRST STRONG ISOLATE}": "", "\N{POP DIRECTIONAL ISOLATE}": "",
}  # fmt: skip
_TABLE = str.maketrans(
    {**_LETTERS, **{upper.upper(): low.title() for upper, low in _LETTERS.items() if upper != "ß"}, **_SIGNS}
)


def in_latin(text: str) -> str:
    """`text` with what ASCII lacks written out ("Öberg" → "Oeberg", "–" → "-"); other scripts stay as they are."""
    written = unicodedata.normalize("NFC", text).translate(_TABLE)
    bare = "".join(each for each in unicodedata.normalize("NFKD", written) if not unicodedata.combining(each))
    return bare.translate(_TABLE)  # letters that had a mark of their own, as Greek vowels have
