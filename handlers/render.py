"""A member's copy of a post: the author's bytes under a header of ours (contract §5).

A `Rendition` is made once for a post and a language, a copy once for each member; nothing is re-serialised. What the
author wrote is spliced from the original, field by field from an allow-list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Protocol

from handlers.address import address_key
from handlers.body import edited_body
from handlers.catalogue import OUR_LANGUAGE, languages, spoken
from handlers.field_value import LONGEST_ID, field_text
from handlers.header_field import display_name, header_field, mailbox_tokens, name_and_place, phrase_tokens, plain_text
from handlers.left_out import LeftOut, left_out_lines
from handlers.letter_words import Words, words_of
from handlers.message import Field, Message, field_body, parse
from handlers.one_mailbox import OneMailbox
from handlers.sign import SHARED_FIELDS, Signer, body_hash, canonical, canonical_field
from storage.models import Posting, Replies

_KEPT = frozenset({"date", "subject", "mime-version"})
_KEPT_BEGINNINGS = ("content-", "thread-")
_UNTRUE = frozenset({"content-length", "content-md5"})  # they speak of a body that had no line of ours
_ONE_CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"  # RFC 8058 §3.1
_CANONICAL_ONE_CLICK = canonical_field(_ONE_CLICK)


class Identity(Protocol):
    """What a copy needs to have its place in a conversation. Message-IDs have their angle brackets."""

    @property
    def message_id(self) -> str: ...

    @property
    def in_reply_to(self) -> tuple[str, ...]: ...

    @property
    def written_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class SpaceFacts:
    """The space that a post was written to, as readers see it (spec/federation.md §2.4)."""

    space: str  # its id, <plum-street.spaces.oak.example>
    local: str  # of its address with us, such as plum-plum-street
    title: str  # "Plum Street, 12 servers"
    place: str = ""  # where the author is at home, such as "garden, oak.example"; "" for a member of ours


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """What storage knows of a post for its copies. Message-IDs have their angle brackets."""

    domain: str
    list_name: str
    list_title: str
    list_posting: Posting
    replies: Replies
    author_name: str
    author_alias: str  # local part in our domain
    author_shown_address: str | None  # her real address, when she chose that others see it
    message_id: str  # of the copies: the original's, or a minted one
    in_reply_to: tuple[str, ...]  # as members' copies know them
    references: tuple[str, ...]  # the same, without private entries
    written_at: datetime  # for a message that has no Date
    aliases: Mapping[str, str]  # address keys of members → what may be seen instead
    mailbox: OneMailbox | None = None  # the only address there is, in mailbox mode: nobody has an alias then
    left_out: tuple[LeftOut, ...] = ()  # what the original came with, and the copies do not have
    conversation: tuple[bytes, ...] = ()  # Thread-… fields, for a message that has none of its own
    leave_list: str = ""  # the name of the list that its readers are on; "": this one
    space: SpaceFacts | None = None  # None: it was written to the list alone
    answers_stay: bool = False  # its readers never let what they write leave for the space

    @property
    def from_address(self) -> str:
        return self.mailbox.address if self.mailbox else f"{self.author_alias}@{self.domain}"

    def address(self, role: str = "") -> str:
        """Of the list, or of one of its roles such as "-owner"."""
        local = f"{self.list_name}{role}"
        return self.mailbox.reaching(local) if self.mailbox else f"{local}@{self.domain}"

    def link(self, role: str = "") -> str:
        """The same as it stands in List-… fields."""
        local = f"{self.list_name}{role}"
        return f"<mailto:{self.mailbox.link(local) if self.mailbox else self.address(role)}>"

    @property
    def only_author_reads(self) -> bool:
        return self.list_posting is Posting.ANNOUNCE or self.replies is Replies.AUTHOR

    @property
    def shown_author(self) -> str:
        return display_name(self.author_name, otherwise=self.author_alias)

    @property
    def shown_title(self) -> str:
        return plain_text(self.list_title) or self.list_name

    @property
    def shown_everyone(self) -> str:
        """Who reads it: the list, or the space."""
        return plain_text(self.space.title) if self.space else self.shown_title

    @property
    def everyone_address(self) -> str:
        return f"{self.space.local}@{self.domain}" if self.space else self.address()

    @property
    def answered(self) -> tuple[str, str]:
        """Who reads an answer: name and address (spec/federation.md §2.4, Reply-To)."""
        if self.answers_stay:
            return self.shown_title, self.address()
        return self.shown_everyone, self.everyone_address


@dataclass(frozen=True, slots=True)
class Rendition:
    """The bytes that all copies of a post in one language share, ready to be signed."""

    head: bytes  # fields that stand before the copy's own
    references: bytes  # what follows the private entry in References, CRLF included
    canonical: bytes  # the signed ones of `head`
    canonical_references: bytes
    body: bytes  # exactly as it is hashed and sent; dots are not doubled
    body_hash: bytes
    eight_bit: bool  # asks for BODY=8BITMIME (RFC 6152 §3)


def rendition(message: Message, facts: CopyFacts, language: str) -> Rendition:
    """Everything of the copies in `language` (BCP 47) but what each member has of her own.

    Raises `MalformedMessage` over the caps of spec/mail.md §2.2.
    """
    conversation = () if message.raw_value("thread-index") else facts.conversation
    fields = [*_address_fields(facts), *author_fields(message, facts), *conversation, *_list_fields(facts)]
    references = references_field(facts.references)
    hidden = dict(facts.aliases)
    if facts.author_shown_address:
        hidden.pop(address_key(facts.author_shown_address), None)
    line, otherwise = closing_lines(facts, language), closing_lines(facts, OUR_LANGUAGE)
    body = edited_body(message, line=line, language=spoken(language), aliases=hidden, otherwise=otherwise)
    head = b"".join(fields)
    return Rendition(
        head=head,
        references=references,
        canonical=canonical(fields, SHARED_FIELDS),
        canonical_references=canonical_field(b"references:." + references).removeprefix(b"references:."),
        body=body,
        body_hash=body_hash(body),
        eight_bit=not (head.isascii() and references.isascii() and body.isascii()),
    )


def copy(
    rendition: Rendition,
    *,
    private_reference: str,
    unsubscribe: str,
    unsubscribe_url: str = "",
    signer: Signer | None,
    signed_at: datetime,
) -> bytes:
    """One member's header, signed, its empty line included; on the wire `rendition.body` follows.

    `private_reference` is a Message-ID, `unsubscribe` the address of her token, and `unsubscribe_url` the same as an
    https address where there is a web part. Without a signer, because a provider signs what goes through its mailbox,
    nobody is promised one-click (RFC 8058 §4). Raises ValueError when one of them cannot stand in a header.
    """
    first = header_field("References", [private_reference])
    stop = [f"<mailto:{unsubscribe}>"]  # RFC 2369 §3.2
    if unsubscribe_url:
        stop.insert(0, f"<{unsubscribe_url}>,")
    leave = header_field("List-Unsubscribe", stop)
    if signer is None:
        return b"".join((rendition.head, first, rendition.references, leave, b"\r\n"))
    one_click, canonical_one_click = (_ONE_CLICK, _CANONICAL_ONE_CLICK) if unsubscribe_url else (b"", b"")
    signature = signer.sign_canonical(
        b"".join(
            (
                rendition.canonical,
                canonical_field(first)[:-2],
                rendition.canonical_references,
                canonical_field(leave),
                canonical_one_click,
            )
        ),
        rendition.body_hash,
        signed_at,
    )
    return b"".join((signature, rendition.head, first, rendition.references, leave, one_click, b"\r\n"))


def notice_copy(raw: bytes, signer: Signer, signed_at: datetime) -> bytes:
    """A whole message that we wrote ourselves, signed. Raises ValueError when it has a signed field twice."""
    message = parse(raw)
    fields = [message.field_bytes(field) for field in message.fields]
    return signer.sign(fields, body_hash(message.body), signed_at) + raw


def closing_lines(facts: CopyFacts, language: str) -> str:
    """All that we add to the author's text; mostly one line."""
    told = left_out_lines(facts.left_out, author=facts.shown_author, language=language)
    return "\r\n".join((*told, footer_line(facts, language)))


def footer_line(facts: CopyFacts, language: str) -> str:
    """The line at the end of a copy: who reads a reply, and how to stop."""
    local = f"{facts.leave_list or facts.list_name}-leave"
    leave = facts.mailbox.shown(local, language) if facts.mailbox else f"{local}@{facts.domain}"
    everyone, author, owners = _footers(words_of(language), facts.answered[0], facts.shown_author, leave)
    if not facts.only_author_reads:
        return everyone
    return owners if facts.mailbox else author


def every_footer(title: str, author: str, leave: str) -> str:
    """That line as it can stand in any copy of a post: what an answer may quote although the original has it not."""
    return "\n".join(line for each in languages() for line in _footers(words_of(each), title, author, leave))


def _footers(words: Words, title: str, author: str, leave: str) -> tuple[str, str, str]:
    """Where everyone reads a reply; where its author alone; and where, in mailbox mode, no address leads to her."""
    title, author, leave = words.own(title), words.own(author), words.own(leave)
    return (
        words.say("Everyone in %(title)s reads your reply. To stop, write to %(leave)s.", title=title, leave=leave),
        words.say("Only %(author)s reads your reply. To stop, write to %(leave)s.", author=author, leave=leave),
        words.say(
            "Only the people who run %(title)s read your reply. To stop, write to %(leave)s.", title=title, leave=leave
        ),
    )


def _address_fields(facts: CopyFacts) -> list[bytes]:
    """From the author under her alias, to the list; who is answered depends on the list."""
    place = facts.space.place if facts.space else ""
    shown = name_and_place(facts.shown_author, place) if place else name_on_list(facts.shown_author, facts.list_name)
    author = mailbox_tokens(shown, facts.from_address)
    everyone = mailbox_tokens(facts.shown_everyone, facts.everyone_address)
    one_reader = mailbox_tokens(facts.shown_title, facts.address("-owner")) if facts.mailbox else author
    return [
        header_field("From", author),
        header_field("To", everyone),
        header_field("Reply-To", one_reader if facts.only_author_reads else mailbox_tokens(*facts.answered)),
    ]


def name_on_list(person: str, list_name: str) -> str:
    """ "Anna Lindqvist (Family)": who writes, and by which list her readers know her (contract §5)."""
    return name_and_place(person, list_name[:1].upper() + list_name[1:])


def author_fields(message: Message, facts: Identity) -> list[bytes]:
    """What the author's header keeps, in her order and as its exact bytes; then what it lacks.

    Of a name that stands twice only the first counts: that is the one which was read when the post was judged.
    """
    ids = {"message-id": (facts.message_id,), "in-reply-to": _sendable(facts.in_reply_to)}
    kept: dict[str, bytes] = {}
    for field in message.fields:
        if field.name not in kept and _stays(message, field, ids):
            kept[field.name] = _as_written(message, field)
    if "date" not in kept:
        kept["date"] = header_field("Date", [format_datetime(facts.written_at)])
    if "message-id" not in kept:
        kept["message-id"] = header_field("Message-ID", ids["message-id"])
    if "in-reply-to" not in kept and ids["in-reply-to"]:
        kept["in-reply-to"] = header_field("In-Reply-To", ids["in-reply-to"])
    return list(kept.values())


def _stays(message: Message, field: Field, ids: Mapping[str, tuple[str, ...]]) -> bool:
    """Is the field on the allow-list? One of ids must hold exactly those of the copy: no comment, no other words."""
    words = field_text(field_body(message.raw, field)).split()
    if field.name in ids:
        return words == list(ids[field.name])
    if field.name == "date":
        return bool(words)
    return field.name in _KEPT or (field.name.startswith(_KEPT_BEGINNINGS) and field.name not in _UNTRUE)


def _as_written(message: Message, field: Field) -> bytes:
    """The bytes of the field; only a blank before the colon goes, which nobody may write (RFC 5322 §4.5)."""
    name = message.raw[field.start : field.colon].rstrip(b" \t")
    rest = message.raw[field.colon : field.end]
    return name + rest if rest.endswith(b"\n") else name + rest + b"\r\n"


def references_field(references: tuple[str, ...]) -> bytes:
    """What follows the private entry, CRLF included."""
    others = _sendable(references)
    return header_field("References", others).removeprefix(b"References:") if others else b""


def _sendable(ids: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each for each in ids if len(each.encode("utf-8")) <= LONGEST_ID)


def _list_fields(facts: CopyFacts) -> list[bytes]:
    """RFC 2919 §2, RFC 2369 §3; without List-Unsubscribe, which is each member's own."""
    announce = facts.list_posting is Posting.ANNOUNCE
    return [
        header_field("List-Id", [*phrase_tokens(facts.shown_title), f"<{facts.list_name}.{facts.domain}>"]),
        header_field("List-Post", ["NO" if announce else facts.link()]),
        header_field("List-Help", [facts.link("-help")]),
        header_field("List-Owner", [facts.link("-owner")]),
        header_field("Precedence", ["list"]),
    ]
