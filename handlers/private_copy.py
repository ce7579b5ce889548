"""What one member gets of another's private mail: the writer's bytes under both their aliases (contract §3).

No real address stands in it, neither in the header nor in the lines that say who is quoted. It is a letter from person
to person: no list is named in it, and nothing marks it as automatic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from handlers.body import edited_body
from handlers.catalogue import OUR_LANGUAGE, spoken
from handlers.header_field import display_name, header_field, mailbox_tokens, name_and_place
from handlers.left_out import LeftOut, left_out_lines
from handlers.letter_words import words_of
from handlers.message import Message
from handlers.render import author_fields, name_on_list, references_field


@dataclass(frozen=True, slots=True)
class Alias:
    """A member as the other one knows her."""

    name: str
    local: str  # her alias in our domain


@dataclass(frozen=True, slots=True)
class PrivateCopyFacts:
    """What storage knows of a private mail for its one copy. Message-IDs have their angle brackets."""

    domain: str
    list_name: str  # by which the two know each other
    writer: Alias
    reader: Alias
    language: str  # of the reader (BCP 47)
    private_reference: str  # tells whose copy was answered
    message_id: str
    in_reply_to: tuple[str, ...]  # as the reader knows them
    references: tuple[str, ...]  # the same, without private entries
    written_at: datetime  # for a mail that has no Date
    aliases: Mapping[str, str]  # address keys of members → what may be seen instead
    left_out: tuple[LeftOut, ...] = ()  # what the original came with, and the copy does not have
    place: str = ""  # where the writer is at home, when that is another server: "plum, pine.example"


def private_copy(message: Message, facts: PrivateCopyFacts) -> bytes:
    """The complete mail, unsigned. Raises `MalformedMessage` over the caps of spec/mail.md §2.2."""
    writer = display_name(facts.writer.name, otherwise=facts.writer.local)
    reader = display_name(facts.reader.name, otherwise=facts.reader.local)
    shown = name_and_place(writer, facts.place) if facts.place else name_on_list(writer, facts.list_name)
    sender = mailbox_tokens(shown, f"{facts.writer.local}@{facts.domain}")
    fields = [
        header_field("From", sender),
        header_field("To", mailbox_tokens(reader, f"{facts.reader.local}@{facts.domain}")),
        header_field("Reply-To", sender),
        *author_fields(message, facts),
        header_field("References", [facts.private_reference]) + references_field(facts.references),
    ]
    body = edited_body(
        message,
        line=_closing_lines(facts, writer, facts.language),
        language=spoken(facts.language),
        aliases=facts.aliases,
        otherwise=_closing_lines(facts, writer, OUR_LANGUAGE),
    )
    return b"".join((*fields, b"\r\n", body))


def _closing_lines(facts: PrivateCopyFacts, writer: str, language: str) -> str:
    words = words_of(language)
    only_you = words.say(
        "Only %(writer)s reads your reply. To get no private emails from %(writer)s, reply with one word: block",
        writer=words.own(writer),
    )
    return "\r\n".join((*left_out_lines(facts.left_out, author=writer, language=language), only_you))
