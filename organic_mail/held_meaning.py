"""What a yes to a held message does."""

from __future__ import annotations

from enum import Enum, auto

from sqlmodel import Session

from handlers.facts import Host
from handlers.message import Message
from handlers.plain_words import Command, Place, said_in
from handlers.route import Kind
from organic_mail.lookup import route_of
from storage import questions
from storage.letter_buttons import button
from storage.models import HeldPost
from storage.models_questions import Question, QuestionKind

_PLACES = {Kind.LIST: Place.POST, Kind.HELP: Place.US}


class Meaning(Enum):
    POST = auto()  # it goes to everyone
    JOIN = auto()  # its author is let in
    LEAVE = auto()  # its author leaves
    NOTHING = auto()  # somebody has to answer it by hand


def meaning_of(session: Session, host: Host, waiting: HeldPost, message: Message) -> Meaning:
    """What was written to one of the list's other addresses never goes to everyone."""
    route = route_of(session, host, waiting.recipient, waiting.received_at.date())
    if route is None or waiting.list_id is None:
        return Meaning.NOTHING
    if route.kind is Kind.JOIN or applicant_of(session, host, waiting) is not None:
        return Meaning.JOIN
    said = said_in(message, _PLACES[route.kind]) if route.kind in _PLACES else None
    command = said.command if said else None
    if command is Command.JOIN:
        return Meaning.JOIN
    if command is Command.STOP or route.kind is Kind.LEAVE:
        return Meaning.LEAVE if waiting.member_id else Meaning.NOTHING
    if route.kind is Kind.TOKEN:
        return Meaning.POST if button(session, route.token) else Meaning.NOTHING
    return Meaning.POST if route.kind in (Kind.LIST, Kind.SPACE, Kind.BOUNCE) else Meaning.NOTHING


def applicant_of(session: Session, host: Host, waiting: HeldPost) -> Question | None:
    """What somebody has confirmed who wants to join and needs the yes of others too."""
    route = route_of(session, host, waiting.recipient, waiting.received_at.date())
    question = questions.find_question(session, route.token) if route and route.token else None
    is_joining = question is not None and question.kind is QuestionKind.JOINING and question.said_yes
    return question if is_joining else None
