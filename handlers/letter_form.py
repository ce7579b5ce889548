"""The two forms of a letter: HTML with its style in each tag, and a text to be read aloud (spec/people.md §2.4, §2.6).

Nothing in either is loaded from anywhere: pictures are parts of the mail, and buttons are mail addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import css_inline

from handlers.letter_page import NAME_MARK, Entry, HowTo, Page, Remembered, Said, how_to
from handlers.letter_words import Words
from handlers.template import one_line, templates


@dataclass(frozen=True, slots=True)
class _Line:
    """One paragraph of the end of a letter, with what she may write, or the address that it speaks of."""

    text: str
    written: str = ""
    address: str = ""


def letter_html(page: Page) -> str:
    words = page.words
    text = (
        templates()
        .get_template("letter.html")
        .render(
            page=page,
            greeting=page.greeting.partition(NAME_MARK),
            contents_heading=words.say("In this letter:"),
            thanks_heading=words.say("Hearts for you:"),
            answer_word=words.word("button", "Answer everyone"),
            heart_word=words.word("button", "Send a heart"),
            footer=_footer(page),
        )
    )
    html: str = _inliner().inline(text)
    return html


def letter_text(page: Page) -> str:
    """No rulers, no marks of quoting; numbers as they are spoken, addresses last."""
    words = page.words
    paragraphs = [f"{page.greeting} {page.summary}", *page.explanations]
    contents = [f"{entry.number}. {_ended(entry.title)} {_ended(entry.detail)}" for entry in page.entries]
    if contents:
        paragraphs.append("\n".join([words.say("In this letter:"), *contents]))
    for entry in page.entries:
        paragraphs += _spoken(entry, words, may_answer=page.may_answer)
    if page.thanks:
        paragraphs.append("\n".join([words.say("Hearts for you:"), *map(_ended, page.thanks)]))
    if page.memory:
        paragraphs += _remembered(page.memory, words)
    if page.rest:
        paragraphs.append("\n".join([page.rest_heading, *map(_ended, page.rest)]))
        paragraphs += _noted((), page.rest_how)
    paragraphs += [f"{line.text} {line.written or line.address}".strip() for line in _footer(page)]
    return "\n\n".join(paragraphs) + "\n"


def _spoken(entry: Entry, words: Words, *, may_answer: bool) -> list[str]:
    first = entry.first
    opening = [f"{entry.number}. {_ended(entry.title)}"]
    opening += filter(None, (entry.asks and _ended(entry.asks), entry.context))
    opening.append(words.say("%(name)s wrote %(when)s:", name=words.own(first.author), when=first.when))
    told = ["\n".join([*opening, *first.paragraphs[:1]]), *first.paragraphs[1:], *_beside(first, words)]
    for answer in entry.answers:
        who = words.say("%(name)s answered:", name=words.own(answer.author))
        told += ["\n".join([who, *answer.paragraphs[:1]]), *answer.paragraphs[1:], *_beside(answer, words)]
    told += _noted(entry.notes, entry.how)
    if entry.hearts:
        told.append(_ended(entry.hearts))
    if entry.answer_address and may_answer:
        told.append(words.say("To answer everyone, write to: %(address)s", address=entry.answer_address))
    return told


def _remembered(memory: Remembered, words: Words) -> list[str]:
    said = memory.said
    opening = [_ended(memory.heading)]
    opening.append(words.say("%(name)s wrote %(when)s:", name=words.own(said.author), when=said.when))
    told = ["\n".join([*opening, *said.paragraphs[:1]]), *said.paragraphs[1:], *_beside(said, words)]
    return told + _noted((), memory.how)


def _ended(sentence: str) -> str:
    """So that a voice pauses behind it."""
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."


def _beside(said: Said, words: Words) -> list[str]:
    told = []
    if said.pictures:
        captions = [_ended(one_line(each.picture.caption)) for each in said.pictures if each.picture.caption]
        count = words.count("There is %(count)s photo.", "There are %(count)s photos.", len(said.pictures))
        told.append(" ".join([count, *captions]))
    return told + _noted(said.notes, said.how)


def _noted(notes: Sequence[str], how: Sequence[HowTo]) -> list[str]:
    """One paragraph, none when there is nothing to say."""
    sentences = [*notes, *(f"{each.text} {each.written}" for each in how)]
    return [" ".join(sentences)] if sentences else []


def _footer(page: Page) -> list[_Line]:
    words = page.words
    lines = []
    if page.may_answer:
        lines.append(_Line(words.say("To write to everyone:"), address=page.list_address))
        by_number = words.say("You can also press Reply and start with the number, for example: 1 What lovely photos!")
        lines.append(_Line(*how_to(by_number)))
    if page.slower:
        lines.append(_Line(*how_to(words.say("For fewer letters, press Reply and write: weekly"))))
    lines.append(_Line(*how_to(words.say("To stop them all, write: stop"))))
    lines.append(_Line(words.say("To ask a person, write to:"), address=page.owner_address))
    lines.append(_Line(words.say("This letter does not follow what you do. It loads nothing from the internet.")))
    return lines


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
