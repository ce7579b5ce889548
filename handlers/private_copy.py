"""What one member gets of another's private mail: the writer's bytes under both their aliases (contract §3).

No real address stands in it, neither in the header nor in the lines that say who is quoted. It is a letter from person
to person: no list is named in it, and nothing marks it as automatic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from handlers.body import edited_body
from handlers.header_field import display_name, header_field, mailbox_tokens
from handlers.left_out import LeftOut, left_out_lines
from handlers.message import Message
from handlers.render import author_fields, name_on_list, references_field, spoken

_ONLY_YOU = {
    "en": "Only {writer} reads your reply. To get no private emails from {writer}, reply with one word: block",
    "de": "Nur {writer} liest deine Antwort. Wenn du von {writer} keine private Post möchtest, "
    "antworte mit einem Wort: blockieren",
    "sv": "Bara {writer} läser ditt svar. Vill du inte ha privata brev från {writer}, svara med ett ord: blockera",
    "fr": "Seulement {writer} lit ta réponse. Pour ne plus recevoir de message privé de {writer}, "
    "réponds par un mot : bloquer",
    "es": "Solo {writer} lee tu respuesta. Para no recibir mensajes privados de {writer}, "
    "responde con una palabra: bloquear",
}


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


def private_copy(message: Message, facts: PrivateCopyFacts) -> bytes:
    """The complete mail, unsigned. Raises `MalformedMessage` over the caps of spec/mail.md §2.2."""
    writer = display_name(facts.writer.name, otherwise=facts.writer.local)
    reader = display_name(facts.reader.name, otherwise=facts.reader.local)
    sender = mailbox_tokens(name_on_list(writer, facts.list_name), f"{facts.writer.local}@{facts.domain}")
    language = spoken(facts.language)
    fields = [
        header_field("From", sender),
        header_field("To", mailbox_tokens(reader, f"{facts.reader.local}@{facts.domain}")),
        header_field("Reply-To", sender),
        *author_fields(message, facts),
        header_field("References", [facts.private_reference]) + references_field(facts.references),
    ]
    told = left_out_lines(facts.left_out, author=writer, language=language)
    line = "\r\n".join((*told, _ONLY_YOU[language].format(writer=writer)))
    body = edited_body(message, line=line, language=language, aliases=facts.aliases)
    return b"".join((*fields, b"\r\n", body))
