"""Emoji as people see them: one picture, however many characters it is made of (Unicode Technical Standard 51)."""

from __future__ import annotations

import re

_PICTURE = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935"
    "\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
)
_SKINS = "\U0001f3fb-\U0001f3ff"
_UNIT = f"{_PICTURE}[\ufe0e\ufe0f]?[{_SKINS}]?(?:[\U000e0020-\U000e007e]+\U000e007f)?"
_ONE = f"(?:[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_UNIT}(?:\u200d{_UNIT})*)"
_EMOJI = re.compile(_ONE)
_ALL = re.compile(rf"(?:{_ONE}[\s!.,\u200b]*)+")
_SKIN = re.compile(f"[{_SKINS}]")
_TYPED = {"+1": "\N{THUMBS UP SIGN}", "<3": "\N{HEAVY BLACK HEART}\ufe0f", "&lt;3": "\N{HEAVY BLACK HEART}\ufe0f"}
_MOST = 20  # of them in a row; a longer picture is drawn on purpose


def only_emoji(text: str) -> str:
    """The first emoji of a text that is nothing but emoji, without its skin colour; "" for any other text."""
    words = text.strip()
    if words in _TYPED:
        return _TYPED[words]
    if not words or len(words) > 10 * _MOST or _ALL.fullmatch(words) is None:
        return ""
    found = _EMOJI.findall(words)
    return without_skin(found[0]) if len(found) <= _MOST else ""


def one_emoji(text: str) -> str:
    """The same for a text that is exactly one."""
    return without_skin(text) if _EMOJI.fullmatch(text) else ""


def first_emoji(text: str) -> str:
    """The first one anywhere in a text, "" where there is none."""
    found = _EMOJI.search(text)
    return without_skin(found[0]) if found else ""


def without_skin(emoji: str) -> str:
    """So that hands of all colours are counted together."""
    return _SKIN.sub("", emoji)
