"""What becomes of an answer to a letter: posts in the conversations that it belongs to, hearts, or a wish of hers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from handlers.emoji import only_emoji
from handlers.facts import ButtonFacts, Facts, LetterFacts, id_of
from handlers.incoming import Incoming, Verdict
from handlers.letter_answer import Placed, placed_answers
from handlers.letter_command import Wish, wish_in
from handlers.letter_cut import cut_answer, own_files
from handlers.letter_memory import wants_it_hidden
from handlers.letter_pace import paced
from handlers.message import Message, parse
from handlers.muting import read_muting
from handlers.outcome import (
    ACCEPTED,
    Action,
    HideMemory,
    Mute,
    Note,
    Outcome,
    Publish,
    React,
    SendCopies,
    SendRest,
)
from handlers.policy import COMMANDS, POSTING, dropped, first_answer, reaction, says_nothing, writer
from handlers.post import own_message_id, published
from handlers.token import minted_message_id
from handlers.written import written_text_of
from storage.models import Status
from storage.models_letters import ButtonKind

_HERE = (Status.ACTIVE, Status.PAUSED)
_RULES = tuple(rule for rule in POSTING if rule not in (reaction, says_nothing))


def decide_letter_answer(incoming: Incoming, facts: Facts, letter: LetterFacts, now: datetime) -> Outcome:
    """Never refused and never asked about where the same words to everyone would be taken."""
    message = incoming.message
    placed = placed_answers(message.raw, letter.as_read)
    quiet = _quiet(placed, facts, letter)
    if quiet is not None:
        return first_answer(COMMANDS, incoming, facts) or _if_surely_hers(incoming, facts, quiet)
    wish = wish_in(placed, message.subject) if facts.membership is not None else None
    if wish is not None and facts.membership is not None and facts.membership.status in _HERE:
        outcome = first_answer(COMMANDS, incoming, facts)
        if outcome is not None:
            return outcome
        if incoming.authentication.verdict is Verdict.ALIGNED:
            return Outcome(ACCEPTED, (_granted(wish, id_of(facts.membership), letter),))
    outcome = first_answer(_RULES, incoming, facts)
    if outcome is not None:
        return outcome
    actions = letter_actions(message, facts, letter, placed, now)
    return Outcome(ACCEPTED, actions) if actions else _empty(incoming, facts)


def letter_actions(
    message: Message, facts: Facts, letter: LetterFacts, placed: list[Placed], now: datetime
) -> tuple[Action, ...]:
    """A post or a heart for each answer; her files go with the first post."""
    files = own_files(message, letter.pictures)
    if files and not placed:
        placed = [Placed(letter.entries[0].number if len(letter.entries) == 1 else 0, "")]
    actions: list[Action] = []
    posts = 0
    for answer in placed:
        entry = letter.entry(answer.number)
        heart = only_emoji(answer.text)
        if heart and entry is not None and facts.member is not None and not files:
            actions.append(React(entry.first_post_id, id_of(facts.member), heart))
            continue
        subject = f"Re: {entry.title}" if entry else letter.about
        parent = entry.message_id if entry else letter.about_id
        actions.append(_post(message, facts, answer.text, subject, parent, files if not posts else (), posts, now))
        posts += 1
    return tuple(actions)


def posts_in(message: Message, facts: Facts, now: datetime) -> tuple[Publish, ...]:
    """The posts that a message becomes: one, or as many as it has answers to a letter."""
    if facts.button is not None:
        return (_button_post(message, facts, facts.button, now),)
    if facts.letter is None:
        return (published(message, facts, now),)
    placed = placed_answers(message.raw, facts.letter.as_read)
    actions = letter_actions(message, facts, facts.letter, placed, now)
    return tuple(action for action in actions if isinstance(action, Publish))


def decide_button(incoming: Incoming, facts: Facts, button: ButtonFacts, now: datetime) -> Outcome:
    """Mail to the address behind a button: the token says which post, From says who (contract §3)."""
    message = incoming.message
    text = written_text_of(message.raw).strip()
    files = own_files(message, ())
    heart = only_emoji(text) or (only_emoji(message.subject) if not text else "")
    if button.kind is ButtonKind.HEART and not files and (heart or not text):
        outcome = first_answer(_RULES, incoming, facts)
        if outcome is not None and not outcome.accepted:
            return outcome
        if facts.member is None or incoming.authentication.verdict is not Verdict.ALIGNED:
            return dropped(
                facts, f"A heart came from {writer(incoming, facts)}, and we cannot tell who really sent it."
            )
        return Outcome(ACCEPTED, (React(id_of(button.post), id_of(facts.member), heart or "❤️"),))
    outcome = first_answer(_RULES, incoming, facts)
    if outcome is not None:
        return outcome
    if not text and not files:
        return _empty(incoming, facts)
    return Outcome(ACCEPTED, (_button_post(message, facts, button, now),))


def _button_post(message: Message, facts: Facts, button: ButtonFacts, now: datetime) -> Publish:
    text = written_text_of(message.raw).strip()
    return _post(message, facts, text, f"Re: {button.title}", button.post.message_id, own_files(message, ()), 0, now)


def _post(
    message: Message,
    facts: Facts,
    text: str,
    subject: str,
    answers: str,
    files: tuple[bytes, ...],
    number: int,
    now: datetime,
) -> Publish:
    message_id = message.message_id
    if number:
        name = f"{message_id or own_message_id(message, facts.host)}#{number}"
        message_id = minted_message_id(facts.host.secrets, name, facts.host.domain)
    cut = cut_answer(message, text, subject=subject, answers=answers, message_id=message_id, files=files)
    return replace(published(parse(cut), facts, now), cut=cut)


def _granted(wish: Wish, membership_id: int, letter: LetterFacts) -> Action:
    if wish.delivery is not None or wish.status is not None:
        return paced(wish, membership_id)
    entry = letter.entry(wish.number)
    if entry is None:
        return SendRest(membership_id, letter.edition_id)
    return SendCopies(membership_id, entry.thread_id, entry.first_post_id, entry.last_post_id, photos=wish.photos)


def _quiet(placed: list[Placed], facts: Facts, letter: LetterFacts) -> Action | None:
    """She wants to hear no more of a conversation, or that nobody is reminded of a day again."""
    if len(placed) != 1 or facts.member is None or facts.membership is None or facts.membership.status not in _HERE:
        return None
    member_id = id_of(facts.member)
    if letter.memory_post_id is not None and wants_it_hidden(placed[0].text):
        return HideMemory(letter.memory_post_id, member_id)
    found = read_muting(placed[0].text)
    if found is None:
        return None
    entry = letter.entry(found.number or placed[0].number)
    if entry is None:
        text = f"{facts.member.name} wants to hear no more of a conversation, and does not say of which."
        return Note("dropped", text, facts.list_id, member_id)
    return Mute(member_id, entry.thread_id, found.muted)


def _if_surely_hers(incoming: Incoming, facts: Facts, action: Action) -> Outcome:
    if incoming.authentication.verdict is Verdict.ALIGNED:
        return Outcome(ACCEPTED, (action,))
    return dropped(facts, f"Somebody asked for something in the name of {writer(incoming, facts)}.")


def _empty(incoming: Incoming, facts: Facts) -> Outcome:
    return dropped(facts, f"An answer from {writer(incoming, facts)} to a letter has no words of its own.")
