"""What we keep about a member, as she reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from handlers.letter_words import Words, words_of


@dataclass(frozen=True, slots=True)
class Place:
    """Her place on one list. line: None when she does not stand in its list of members."""

    title: str
    since: date
    voucher: str = ""
    line: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What she said when a post of hers could leave for a space. answer: once, always, never, ask or silence."""

    space: str
    day: date
    answer: str


@dataclass(frozen=True, slots=True)
class Known:
    """What is told in words; the rest is in the file that goes with it."""

    name: str
    private_address: str  # "" where there is none
    addresses: tuple[str, ...]
    places: tuple[Place, ...] = ()
    blocked: tuple[str, ...] = ()
    said: tuple[Said, ...] = ()  # the newest first
    posts: int = 0
    reactions: int = 0
    questions: int = 0  # that are open
    held: int = 0
    waiting: int = 0  # mails that are on their way to her


def own_data_page(known: Known, language: str) -> str:
    """One fact in a line."""
    words = words_of(language)
    lines = [
        words.say("Your name: %(name)s", name=words.own(known.name)),
        words.say("Your addresses: %(addresses)s", addresses=words.together(known.addresses)),
    ]
    if known.private_address:
        lines.append(words.say("Others write to you alone at: %(address)s", address=known.private_address))
    if known.blocked:
        lines.append(words.say("No private mail from: %(names)s", names=words.together(known.blocked)))
    lines += [line for place in known.places for line in _place(words, place)]
    lines += [_said(words, said) for said in known.said]
    return "\n".join([*lines, *_counted(words, known)])


def _place(words: Words, place: Place) -> Sequence[str]:
    title, day = words.own(place.title), words.full_day(place.since)
    lines = [words.say("You are in %(title)s since %(day)s.", title=title, day=day)]
    if place.voucher:
        lines.append(words.say("There %(voucher)s said yes to you.", voucher=words.own(place.voucher)))
    if place.line is not None:
        lines.append(words.say("There the list of members shows: %(line)s", line=words.own(place.line)))
    return lines


def _said(words: Words, said: Said) -> str:
    day, space = words.full_day(said.day), words.own(said.space)
    match said.answer:
        case "once":
            return words.say("%(day)s: one email of yours was to leave for %(space)s.", day=day, space=space)
        case "always":
            return words.say("%(day)s: all your emails to %(space)s were to leave.", day=day, space=space)
        case "never":
            return words.say("%(day)s: all your emails to %(space)s were to stay here.", day=day, space=space)
        case "ask":
            return words.say("%(day)s: we were to ask you before an email to %(space)s leaves.", day=day, space=space)
        case _:
            return words.say("%(day)s: you did not say, and your email to %(space)s stayed here.", day=day, space=space)


def _counted(words: Words, known: Known) -> list[str]:
    said = (
        (known.posts, words.count("You wrote %(count)s email.", "You wrote %(count)s emails.", known.posts)),
        (known.reactions, words.count("You sent %(count)s heart.", "You sent %(count)s hearts.", known.reactions)),
        (
            known.questions,
            words.count("%(count)s question to you is open.", "%(count)s questions to you are open.", known.questions),
        ),
        (
            known.held,
            words.count("%(count)s email of yours waits.", "%(count)s emails of yours wait.", known.held),
        ),
        (
            known.waiting,
            words.count(
                "%(count)s email is on its way to you.", "%(count)s emails are on their way to you.", known.waiting
            ),
        ),
    )
    return [line for number, line in said if number]
