"""Answers by programs of one country or one language, and by rarer ones: their texts stand in written_regional.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.bench.written_parts import ADDRESS, FAMILY, TITLE, WHO, Wording, answer_text, folded, quoted


def regional_texts() -> list[dict[str, str]]:
    """Each with its program, language, style and text."""
    found: list[dict[str, str]] = tomllib.loads(
        Path(__file__).with_name("written_regional.toml").read_text(encoding="utf-8")
    )["mail"]
    return found


def filled_in(template: str, wording: Wording) -> str:
    return template.format(
        answer=answer_text(wording),
        one=wording.answer[0],
        other=wording.answer[1],
        quoted=quoted(wording.letter),
        close=quoted(wording.letter).replace("> ", ">"),
        twice=quoted(wording.letter).replace("> ", ">> "),
        half=quoted(wording.letter[:4]),
        rest=quoted(wording.letter[4:]),
        letter="\n".join(folded(wording.letter)),
        who=WHO,
        address=ADDRESS,
        family=FAMILY,
        title=TITLE,
    )
