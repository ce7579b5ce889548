"""Commands in plain words: how many are missed, how many posts are taken for one, and what a post costs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from time import process_time

from handlers.message import parse
from handlers.phrase_table import languages, phrases
from handlers.plain_words import Place, said_in
from tests.bench.measure import show
from tests.bench.written_mails import mails
from tests.handlers.command_sets import Case, commands, held_out, posts


def measure(_home: Path) -> None:
    begun = process_time()
    known = phrases()
    ms = 1000 * (process_time() - begun)
    show("phrases", languages=len(languages()), phrases=len(known.meanings), read_ms=ms)
    _show("commands", (*posts(), *commands()))
    _show("commands, kept aside", held_out())
    every = [parse(mail.raw) for mail in mails()]
    begun = process_time()
    false = sum(said_in(message, Place.ANSWER) is not None for message in every)
    show(
        "posts of the written matrix",
        posts=len(every),
        false=false,
        us_each=1e6 * (process_time() - begun) / len(every),
    )


def _show(name: str, cases: Iterable[Case]) -> None:
    every = list(cases)
    said = [case for case in every if case.said]
    unsaid = [case for case in every if not case.said]
    missed = [case for case in said if not case.is_read]
    false = [case for case in unsaid if not case.is_read]
    texts = len({case.text for case in unsaid})
    show(
        name,
        posts=texts,
        false=len(false),
        commands=len(said),
        missed=len(missed),
        missed_share=len(missed) / len(said),
    )
    for case in (*missed, *false):
        print(f"    {case.text!r}, {case.place}, {case.form}")
