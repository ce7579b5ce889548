"""What a post came with and its copies do not have: how it is written down, and what readers are told of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from handlers.header_field import plain_text

_TOO_BIG = {
    "en": "Too big for this email: {files}. Please ask {author}.",
    "de": "Zu groß für diese E-Mail: {files}. Bitte frag {author} danach.",
    "sv": "För stort för det här mejlet: {files}. Fråga gärna {author}.",
    "fr": "Trop gros pour cet e-mail : {files}. Demande à {author}.",
    "es": "Demasiado grande para este correo: {files}. Pídeselo a {author}.",
}
_UNREADABLE = {
    "en": "We could not open this, so it is not here: {files}. Please ask {author}.",
    "de": "Das konnten wir nicht öffnen, darum fehlt es hier: {files}. Bitte frag {author} danach.",
    "sv": "Det här kunde vi inte öppna, så det är inte med: {files}. Fråga gärna {author}.",
    "fr": "Nous n'avons pas pu ouvrir ceci, qui n'est donc pas ici : {files}. Demande à {author}.",
    "es": "Esto no lo pudimos abrir, así que falta aquí: {files}. Pídeselo a {author}.",
}
_PROGRAM = {
    "en": "Programs can do harm, so we took this out: {files}. Please ask {author}.",
    "de": "Programme können schaden, darum haben wir das herausgenommen: {files}. Bitte frag {author} danach.",
    "sv": "Program kan göra skada, så vi tog bort det här: {files}. Fråga gärna {author}.",
    "fr": "Un programme peut faire du tort, nous avons donc enlevé ceci : {files}. Demande à {author}.",
    "es": "Un programa puede hacer daño, por eso quitamos esto: {files}. Pídeselo a {author}.",
}
_NAMED = 3  # files in a sentence; the others are counted


class Why(StrEnum):
    TOO_BIG = "too big"
    UNREADABLE = "unreadable"  # it could not be opened, and so not be rid of what it tells about places
    PROGRAM = "program"


_SENTENCES = {Why.TOO_BIG: _TOO_BIG, Why.UNREADABLE: _UNREADABLE, Why.PROGRAM: _PROGRAM}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One file."""

    name: str
    size: int  # bytes
    why: Why


def packed_left_out(files: Sequence[LeftOut]) -> str:
    """For storage.cleaned."""
    return json.dumps([asdict(each) for each in files]) if files else ""


def unpacked_left_out(text: str) -> tuple[LeftOut, ...]:
    return tuple(LeftOut(each["name"], each["size"], Why(each["why"])) for each in json.loads(text)) if text else ()


def left_out_lines(files: Sequence[LeftOut], *, author: str, language: str) -> list[str]:
    """What the readers of a copy are told. `language`: one that we have such a line in."""
    lines: list[str] = []
    for why, sentences in _SENTENCES.items():
        of_this_kind = [each for each in files if each.why is why]
        if of_this_kind:
            lines.append(sentences[language].format(files=named(of_this_kind), author=author))
    return lines


def named(files: Sequence[LeftOut]) -> str:
    """lake.mov (17 MB), party.mov (12 MB), + 2"""
    shown = [f"{plain_text(each.name)} ({shown_size(each.size)})" for each in files[:_NAMED]]
    more = len(files) - len(shown)
    return ", ".join([*shown, f"+ {more}"] if more else shown)


def only_too_big(files: Iterable[LeftOut]) -> list[LeftOut]:
    return [each for each in files if each.why is Why.TOO_BIG]


def shown_size(size: int) -> str:
    """17 MB, as people say it."""
    if size >= 10**6:
        return f"{round(size / 10**6)} MB"
    return f"{max(1, round(size / 1000))} kB"
