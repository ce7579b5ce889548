"""What the people of a list want said in its letters, as settings of `list set`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlmodel import Session

OWN_WORDS = ("tell_owners", "welcome", "goodbye", "rules")
LONGEST = 4000
"""Characters; a letter of ours is short."""


def own_words(text: str) -> str:
    """Text as it is, or what stands in @FILE. Raises ValueError."""
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"{text[1:]} cannot be read as UTF-8 text; name another file") from None
    if len(text) > LONGEST:
        raise ValueError(f"it has {len(text)} characters; write at most {LONGEST}")
    return text.strip()


def words_said(said: Mapping[str, Any]) -> dict[str, Any]:
    """As storage.list_words.set_words wants it."""
    found: dict[str, Any] = {key: said[key] for key in ("tell_owners", "rules") if key in said}
    for key, is_sent in (("welcome", "welcomes"), ("goodbye", "goodbyes")):
        if key in said:
            found[is_sent] = said[key] != "off"
            if said[key] != "off":
                found[key] = "" if said[key] == "on" else said[key]
    return found


def described_words(session: Session, list_id: int) -> dict[str, str]:
    from storage.list_words import words_of_list

    said = words_of_list(session, list_id)
    return {
        "tell_owners": "yes" if said.tell_owners else "no",
        "welcome": (said.welcome or "on") if said.welcomes else "off",
        "goodbye": (said.goodbye or "on") if said.goodbyes else "off",
        "rules": said.rules,
    }
