"""What the matrix of answers is built from: wordings of many languages, texts and pages in MIME."""

from __future__ import annotations

import base64
import textwrap
import tomllib
from html import escape
from pathlib import Path
from typing import Any

WHO = "Anna Berg (Family)"
ADDRESS = "anna.berg@oak.example"
TITLE = "The Berg family"
FAMILY = "family@oak.example"
SUBJECT = "Lake"
FOOTER = f"Everyone in {TITLE} reads your reply. To stop, write to family-leave@oak.example."
BOM = "\ufeff"  # an iPhone puts one before the text that it quotes
NAME = ("Rose Okafor", "12 Oak Street, 0171 5550123")


class Wording:
    """One language, its lines filled in."""

    def __init__(self, name: str, words: dict[str, Any]) -> None:
        self.name = name
        self.answer: list[str] = words["answer"]
        self.letter = [words["greeting"], "", words["letter"][0], "", words["letter"][1], "", words["love"], "", FOOTER]
        self.gmail, self.apple, self.thunderbird = (
            words[key].format(who=WHO, address=ADDRESS) for key in ("gmail", "apple", "thunderbird")
        )
        self.keys: list[str] = words["outlook"]
        values = (f"{WHO} <{ADDRESS}>", words["sent"], f"{TITLE} <{FAMILY}>", SUBJECT)
        self.head = [f"{key} {value}" for key, value in zip(self.keys, values, strict=True)]
        self.values = values
        self.dashes: str = words["dashes"]
        self.devices: list[str] = words["devices"]

    def is_written_leftwards(self) -> bool:
        return self.name in ("he", "ar")


def languages() -> list[Wording]:
    words = tomllib.loads(Path(__file__).with_name("written_languages.toml").read_text(encoding="utf-8"))
    return [Wording(name, one) for name, one in words.items()]


def plain(text: str, parameters: str = "") -> bytes:
    """A text as programs send it beyond ASCII: base64."""
    coded = base64.encodebytes(text.replace("\n", "\r\n").encode()).replace(b"\n", b"\r\n")
    kind = f"Content-Type: text/plain; charset=utf-8{parameters}\r\n".encode()
    return kind + b"Content-Transfer-Encoding: base64\r\n\r\n" + coded


def page(body: str) -> bytes:
    whole = f'<html><head><meta charset="utf-8"><style>p {{margin: 0}}</style></head><body>{body}</body></html>'
    coded = base64.encodebytes(whole.encode()).replace(b"\n", b"\r\n")
    kind = b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return kind + coded


def both(text: str, body: str) -> bytes:
    joined = b"".join(b"--=_b\r\n" + part + b"\r\n" for part in (plain(text), page(body)))
    return b'Content-Type: multipart/alternative; boundary="=_b"\r\n\r\n' + joined + b"--=_b--\r\n"


def folded(lines: list[str], mark: str = "", width: int = 72) -> list[str]:
    """Lines wrapped as programs do, each with its quote mark."""
    wrapped = [
        piece
        for line in lines
        for piece in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
    ]
    return [f"{mark}{line}".rstrip() for line in wrapped]


def quoted(lines: list[str]) -> str:
    return "\n".join(folded(lines, "> "))


def split_attribution(line: str) -> str:
    """Gmail breaks the line before the address, inside its brackets."""
    before, angle, after = line.partition("<")
    return f"{before}{angle}\n{after}" if angle else "\n".join(textwrap.wrap(line, 40, break_long_words=False))


def divs(lines: list[str]) -> str:
    return "".join(f"<div>{escape(line) or '<br>'}</div>" for line in lines)


def mso(lines: list[str]) -> str:
    return "".join(f"<p class=MsoNormal><span>{escape(line) or '<o:p>&nbsp;</o:p>'}</span></p>" for line in lines)


def answer_lines(wording: Wording) -> list[str]:
    return [wording.answer[0], "", wording.answer[1]]


def answer_text(wording: Wording) -> str:
    return "\n".join(folded(answer_lines(wording)))


def direction(wording: Wording) -> str:
    return "rtl" if wording.is_written_leftwards() else "ltr"


def outlook_head(wording: Wording) -> str:
    rows = zip(wording.keys, wording.values, strict=True)
    return "<br>".join(f"<b>{escape(key)}</b> {escape(value)}" for key, value in rows)
